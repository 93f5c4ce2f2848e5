"""What a batch costs: what its record says was bought, and what this run would buy."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol

from prefect.logging import get_run_logger

from prefect_toapis.batches.casting import creation_request
from prefect_toapis.batches.characters import CHARACTERS, order_of, registered
from prefect_toapis.batches.plan import Shot
from prefect_toapis.batches.prices import Cost, cost_of, generation_credits, price_of
from prefect_toapis.batches.record import (
    Attempt,
    Submit,
    is_attempt,
    may_be_paid,
    next_step,
    read_attempt,
)
from prefect_toapis.batches.spec import Character, RunSettings
from prefect_toapis.batches.store import Store
from prefect_toapis.blocks import ToAPIsCredentials
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import APIError, Transient, Unauthorized
from prefect_toapis.client.replies import Balance
from prefect_toapis.client.requests import Request
from prefect_toapis.tasks.steps import account_of

_READS_AT_ONCE = 16


class Purchases(Protocol):
    """What a run would buy, if the record doesn't say that it did."""

    @property
    def batch(self) -> str:
        """The batch's name."""
        ...

    @property
    def store(self) -> Store:
        """Where the record is."""
        ...

    @property
    def to_buy(self) -> list[Shot]:
        """The shots that aren't stored, in the folders that the bucket has for them."""
        ...

    @property
    def to_make(self) -> list[Character]:
        """The characters that nobody made yet."""
        ...


async def cost_of_run(run: Purchases, settings: RunSettings) -> Cost:
    """What a batch has cost, and would cost: characters count in the run that makes them.

    Args:
        run: What it would buy.
        settings: `prices` and `retry_failed`.

    Raises:
        StoreError: The record can't be read.
    """
    catalogue = Catalogue.current()
    record = await _read_record(run.batch, run.store)
    attempts = [one for shot in record.values() for one in shot]
    sent = [one.request for one in attempts if may_be_paid(one)]
    wanted: list[tuple[Request, Sequence[Attempt]]] = [
        (shot.request, record[shot.folder]) for shot in run.to_buy
    ]
    if run.to_make:
        wanted += await _creations(run.to_make, run.store)
    return cost_of(
        [generation_credits(request, settings.prices, catalogue) for request in sent],
        [
            price_of(request, settings.prices, catalogue)
            for request, earlier in wanted
            if isinstance(next_step(_latest(earlier), settings.retry_failed), Submit)
        ],
    )


async def ask_balance(
    credentials: ToAPIsCredentials, settings: RunSettings, faults: list[str]
) -> Balance | None:
    """What the account has; None where that can't be told now. An unknown key is a fault."""
    try:
        return await account_of(credentials, settings).account_balance()
    except Unauthorized as error:
        faults.append(f"credentials: {error}")
    except (APIError, Transient) as error:
        get_run_logger().warning(
            "The API at %s doesn't tell the account's balance: %s Going on without it",
            credentials.base_url,
            error,
        )
    return None


async def _creations(
    characters: Iterable[Character], store: Store
) -> list[tuple[Request, Sequence[Attempt]]]:
    record = await _read_record(CHARACTERS, store)
    registry = registered(await store.list_keys(f"{CHARACTERS}/"))
    return [(creation_request(one), record[order_of(one, registry).folder]) for one in characters]


async def _read_record(folder: str, store: Store) -> defaultdict[str, list[Attempt]]:
    """Every attempt below a folder, by the shot's or character's own folder."""
    keys = [key for key in await store.list_keys(f"{folder}/") if is_attempt(key)]
    at_once = asyncio.Semaphore(_READS_AT_ONCE)

    async def read(key: str) -> bytes | None:
        async with at_once:
            return await store.read(key)

    record: defaultdict[str, list[Attempt]] = defaultdict(list)
    for key, content in zip(keys, await asyncio.gather(*map(read, keys)), strict=True):
        if content:
            record[key.rpartition("/")[0]].append(read_attempt(content, key))
    return record


def _latest(attempts: Sequence[Attempt]) -> Attempt | None:
    return max(attempts, key=lambda one: one.attempt, default=None)
