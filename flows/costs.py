"""What a batch costs: what its record says was bought, and what this run would buy."""

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
    may_be_paid,
    next_step,
)
from prefect_toapis.batches.record_reading import latest, read_record
from prefect_toapis.batches.spec import Character, RunSettings
from prefect_toapis.batches.store import Store
from prefect_toapis.blocks import ToAPIsCredentials
from prefect_toapis.client.account_replies import Balance
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import APIError, Transient, Unauthorized
from prefect_toapis.client.requests import Request
from prefect_toapis.tasks.steps import account_of


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
        settings: `prices`, `retry_failed` and `on_expired`.

    Raises:
        StoreError: The record can't be read.
    """
    catalogue = Catalogue.current()
    record = await read_record(run.batch, run.store)
    attempts = [one for shot in record.values() for one in shot]
    sent = [one.request for one in attempts if may_be_paid(one)]
    wanted: list[tuple[Request, Sequence[Attempt]]] = [
        (shot.request, record[shot.record]) for shot in run.to_buy
    ]
    if run.to_make:
        wanted += await _creations(run.to_make, run.store)
    return cost_of(
        [generation_credits(request, settings.prices, catalogue) for request in sent],
        [
            price_of(request, settings.prices, catalogue)
            for request, earlier in wanted
            if isinstance(
                next_step(latest(earlier), settings.retry_failed, settings.on_expired), Submit
            )
        ],
    )


async def ask_balance(
    credentials: ToAPIsCredentials, settings: RunSettings, faults: list[str]
) -> Balance | None:
    """What the account has; None where that can't be told now. An unknown key is a fault."""
    try:
        with account_of(credentials, settings) as account:
            return await account.account_balance()
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
    record = await read_record(CHARACTERS, store)
    registry = registered(await store.list_keys(f"{CHARACTERS}/"))
    return [(creation_request(one), record[order_of(one, registry).record]) for one in characters]
