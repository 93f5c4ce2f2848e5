"""Before anything is bought: blocks, plan, bucket and costs; all faults are reported together."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from prefect.logging import get_run_logger

from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.account_replies import Balance
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import APIError, Transient, Unauthorized
from prefect_toapis.client.requests import Request
from prefect_toapis.errors import DocumentTooNew, InvalidBatch, ObjectRefused
from prefect_toapis.flows.batch import (
    Batch,
    list_batch,
    open_batch,
    read_earlier_plan,
)
from prefect_toapis.flows.default_blocks import blocks_or_faults
from prefect_toapis.flows.inputs import Sources, read_sources
from prefect_toapis.flows.progress import Progress
from prefect_toapis.flows.run_names import run_facts
from prefect_toapis.flows.shards import shard_faults
from prefect_toapis.planning.casting import creation_request
from prefect_toapis.planning.labels import batch_name
from prefect_toapis.planning.plan import Plan, plan_batch
from prefect_toapis.planning.pricing import (
    Cost,
    budget_faults,
    cost_of,
    generation_credits,
    price_of,
)
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.planning.spec import BatchSpec, Character
from prefect_toapis.records.attempts import (
    Attempt,
    Submit,
    latest,
    may_be_paid,
    next_step,
    read_record,
)
from prefect_toapis.records.characters import order_of, read_known, registered
from prefect_toapis.records.layout import CHARACTERS
from prefect_toapis.records.plan_file import PlanFile
from prefect_toapis.records.store import Entry, Store
from prefect_toapis.tasks.options import account_of, is_private

_UNNAMED = "batch"  # to plan with, where the name is one of the faults


@asynccontextmanager
async def checked_batch(
    spec: BatchSpec,
    credentials: ToAPIsCredentials | None,
    bucket: VideoBucket | None,
    progress: Progress,
    known_faults: Sequence[str] = (),
) -> AsyncIterator[Batch]:
    """Check everything that can be checked without paying, and open the batch.

    Args:
        spec: What is asked for.
        credentials: Whose account pays; None for the default.
        bucket: Where to; None for the default.
        progress: Keeps where each shot is.
        known_faults: What is wrong with the spec file.

    Raises:
        InvalidBatch: With every fault of key, bucket, files, plan and budget.
    """
    faults, settings = list(known_faults), spec.settings
    account, place = await blocks_or_faults(credentials, bucket, faults)
    balance = await ask_balance(account, settings, faults) if account else None
    name = _name(spec, faults)
    sources = await read_sources(spec, place) if place else Sources(spec, {}, [])
    uri = place.uri() if place else ""
    plan = plan_batch(sources.spec, name, uri)
    private = plan.faults and account and await is_private(account)
    if private:
        plan = plan_batch(sources.spec, name, uri, private=True)
    faults += sources.faults
    if spec.scenes or not known_faults:  # what a file didn't give isn't a fault of its own
        faults += plan.faults
    if account is None or place is None:
        raise InvalidBatch(faults)
    entries = await list_batch(name, BucketStore(place), settings)
    earlier = await _read_earlier(name, entries, place, settings, faults)
    async with open_batch(
        await _with_made(replace(plan, files=sources.files), place, faults),
        entries=entries,
        earlier=earlier,
        credentials=account,
        bucket=place,
        settings=settings,
        progress=progress,
    ) as opened:
        cost = await cost_of_run(opened) if _counts_credits(spec) else None
        if cost is not None:
            limits = spec.budget_credits, settings.purchases.min_remaining_credits
            faults += budget_faults(cost, *limits, balance)
        batch = replace(opened, cost=cost)
        if batch.shard_count > 1:
            faults += await shard_faults(batch)
        if faults:
            raise InvalidBatch(faults)
        _announce(spec, plan, batch)
        yield batch


async def _read_earlier(
    name: str,
    entries: Mapping[str, Entry],
    bucket: VideoBucket,
    settings: RunSettings,
    faults: list[str],
) -> PlanFile | None:
    """The plan that the bucket has; one that must not be replaced is a fault."""
    try:
        return await read_earlier_plan(name, entries, BucketStore(bucket), settings)
    except (DocumentTooNew, ObjectRefused) as error:
        faults.append(str(error))
        return None


async def _with_made(plan: Plan, bucket: VideoBucket, faults: list[str]) -> Plan:
    """The plan with the characters that were made before; raises as the registry."""
    try:
        return plan.with_characters(await read_known(plan.spec.characters, BucketStore(bucket)))
    except (DocumentTooNew, ObjectRefused) as error:
        faults.append(str(error))
        return plan


def _counts_credits(spec: BatchSpec) -> bool:
    settings = spec.settings
    limits = (spec.budget_credits, settings.purchases.min_remaining_credits)
    return bool(settings.purchases.prices) or any(limit is not None for limit in limits)


def _name(spec: BatchSpec, faults: list[str]) -> str:
    try:
        return batch_name(spec.batch, run_facts(), spec.settings.time_zone)
    except ValueError as error:
        faults.append(str(error))
        return _UNNAMED


def _announce(spec: BatchSpec, plan: Plan, batch: Batch) -> None:
    logger = get_run_logger()
    for note in plan.notes:
        logger.warning(note)
    logger.info("Batch %s in %s: %s", batch.name, batch.bucket.uri(), batch.in_words)
    if spec.batch is None:
        logger.info('To continue this batch, run it again with batch="%s"', batch.name)


async def cost_of_run(batch: Batch) -> Cost:
    """What a batch has cost, and would cost: characters count in the run that makes them.

    Args:
        batch: Its settings hold `prices`, `retry_failed` and `on_expired`.

    Raises:
        StoreError: The record can't be read.
    """
    catalogue, settings = Catalogue.current(), batch.settings
    record = await read_record(batch.name, batch.store)
    attempts = [one for shot in record.values() for one in shot]
    sent = [one.request for one in attempts if may_be_paid(one)]
    wanted: list[tuple[Request, Sequence[Attempt]]] = [
        (shot.request, record[shot.record]) for shot in batch.to_buy
    ]
    if batch.to_make:
        wanted += await _creations(batch.to_make, batch.store)
    return cost_of(
        [generation_credits(request, settings.purchases.prices, catalogue) for request in sent],
        [
            price_of(request, settings.purchases.prices, catalogue)
            for request, earlier in wanted
            if isinstance(
                next_step(
                    latest(earlier), settings.retries.failed_shots, settings.purchases.on_expired
                ),
                Submit,
            )
        ],
    )


async def ask_balance(
    credentials: ToAPIsCredentials, settings: RunSettings, faults: list[str]
) -> Balance | None:
    """What the account has; None if it can't be read now. An unknown key is a fault."""
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
