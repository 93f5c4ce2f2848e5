"""Checks before anything is bought; all faults are reported together."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from prefect.logging import get_run_logger

from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.account_replies import Balance
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import APIError, InvalidPrices, Transient, Unauthorized
from prefect_toapis.client.requests import Request
from prefect_toapis.errors import DocumentTooNew, InvalidBatch, ObjectRefused
from prefect_toapis.flows.batch import Batch, list_batch, open_batch, read_earlier_plan
from prefect_toapis.flows.default_blocks import blocks_or_faults, origins
from prefect_toapis.flows.inputs import Sources, read_sources
from prefect_toapis.flows.offered_models import unoffered_models
from prefect_toapis.flows.progress import Progress
from prefect_toapis.flows.publish import publish_faults
from prefect_toapis.flows.run_names import run_facts
from prefect_toapis.flows.shards import shard_faults
from prefect_toapis.planning.casting import creation_request
from prefect_toapis.planning.faults import SceneFault, merged, without_numbers
from prefect_toapis.planning.file_references import content_faults
from prefect_toapis.planning.labels import batch_name, rows_by_scene
from prefect_toapis.planning.plan import Plan, plan_batch
from prefect_toapis.planning.price_files import prices_in_use
from prefect_toapis.planning.pricing import (
    Cost,
    Price,
    budget_faults,
    cost_of,
    dearest,
    generation_credits,
    price_of,
)
from prefect_toapis.planning.retakes import with_retakes
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.records.attempts import (
    Attempt,
    Submit,
    latest,
    may_be_paid,
    read_record,
)
from prefect_toapis.records.characters import creation_attempts, read_known
from prefect_toapis.records.fallbacks import next_purchase
from prefect_toapis.records.inventory import take_inventory
from prefect_toapis.records.plan_file import PlanFile
from prefect_toapis.records.store import Entry
from prefect_toapis.tasks.options import account_of, is_private

_UNNAMED = "batch"  # used for planning if the name is invalid


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
        spec: Of the batch.
        credentials: Of the account that pays; None: the default block.
        bucket: Receives the videos; None: the default block.
        progress: Updated with the phase of each shot.
        known_faults: Faults of the spec file.

    Raises:
        InvalidBatch: Lists every fault of key, bucket, files, plan, models and budget.
    """
    faults, settings = list(known_faults), spec.settings
    credentials, bucket = await blocks_or_faults(credentials, bucket, faults)
    progress.origins = origins(credentials, bucket)
    balance = await ask_balance(credentials, settings, faults) if credentials else None
    name = _name(spec, faults)
    sources = await read_sources(spec, bucket) if bucket else Sources(spec, {}, {}, [])
    uri = bucket.uri() if bucket else ""
    plan = plan_batch(sources.spec, name, uri)
    private = plan.faults and credentials and await is_private(credentials)
    if private:
        plan = plan_batch(sources.spec, name, uri, private=True)
    faults += sources.faults
    # An unreadable file already explains why there are no scenes.
    if spec.scenes or not known_faults:
        faults += plan.faults
    faults += _content_faults(plan, sources)
    if credentials is None or bucket is None:
        raise await _refused(spec, name, faults)
    entries = await list_batch(name, BucketStore(bucket), settings)
    earlier = await _read_earlier(name, entries, bucket, settings, faults)
    plan = await _with_made(replace(plan, files=sources.files), bucket, faults)
    async with open_batch(
        with_retakes(plan, _retakes(name, entries, earlier, settings)),
        entries=entries,
        earlier=earlier,
        credentials=credentials,
        bucket=bucket,
        settings=settings,
        progress=progress,
    ) as opened:
        prices = _prices(settings, faults)
        cost = await cost_of_run(opened, prices) if _counts_credits(spec, prices) else None
        if cost is not None:
            limits = spec.budget_credits, settings.purchases.min_remaining_credits
            faults += budget_faults(cost, *limits, balance)
        batch = replace(opened, cost=cost)
        if batch.shard_count > 1:
            faults += await shard_faults(batch)
        faults += await unoffered_models(batch)
        if faults:
            raise await _refused(spec, name, faults)
        _announce(spec, plan, batch)
        yield batch


async def _refused(spec: BatchSpec, name: str, faults: list[str]) -> InvalidBatch:
    """Show the faults of a plan in an artifact, and return them as an error."""
    shown = (spec.batch or name) if name == _UNNAMED else name
    await publish_faults(shown, faults)
    return InvalidBatch(faults)


def _content_faults(plan: Plan, sources: Sources) -> list[str]:
    """Return the files that models reject, with the shots that need them."""
    rows = rows_by_scene(plan.spec)
    found = [
        SceneFault(str(fault), shot.label, row, without_numbers(fault.why) if row else "")
        for shot in plan.shots
        for request in shot.candidates
        for fault in content_faults(request, sources.contents, sources.files)
        for row in [rows.get(shot.scene, 0)]
    ]
    return merged(found, plan.spec.table_rows.table)


async def cost_of_run(batch: Batch, prices: Sequence[Price]) -> Cost:
    """Return what a batch has cost, and will cost; characters count in the run that makes them.

    Args:
        batch: With `failed_shots` and `on_expired` in its settings.
        prices: In use.

    Raises:
        StoreError: The record can't be read.
    """
    catalogue, settings = Catalogue.current(), batch.settings
    record = await read_record(batch.name, batch.store)
    attempts = [attempt for attempts in record.values() for attempt in attempts]
    sent = [attempt.sent for attempt in attempts if may_be_paid(attempt)]
    wanted: list[tuple[Sequence[Request], Sequence[Attempt]]] = [
        (shot.candidates, record[shot.record]) for shot in batch.to_buy
    ]
    if batch.to_make:
        earlier_creations = await creation_attempts(batch.to_make, batch.store)
        requests = [[creation_request(character)] for character in batch.to_make]
        wanted += zip(requests, earlier_creations, strict=True)
    steps = [
        (candidates, *next_purchase(latest(earlier), candidates, settings))
        for candidates, earlier in wanted
    ]
    return cost_of(
        [generation_credits(request, prices, catalogue) for request in sent],
        [
            dearest(price_of(request, prices, catalogue) for request in candidates[candidate:])
            for candidates, step, candidate in steps
            if isinstance(step, Submit)
        ],
    )


async def ask_balance(
    credentials: ToAPIsCredentials, settings: RunSettings, faults: list[str]
) -> Balance | None:
    """Return the balance; None if it is unavailable now. An unknown key is a fault."""
    try:
        with account_of(credentials, settings) as account:
            return await account.account_balance()
    except Unauthorized as error:
        faults.append(f"credentials: {error.as_fault}")
    except (APIError, Transient) as error:
        get_run_logger().warning(
            "The API at %s did not return the account's balance: %s Going on without it",
            credentials.base_url,
            error,
        )
    return None


async def _read_earlier(
    name: str,
    entries: Mapping[str, Entry],
    bucket: VideoBucket,
    settings: RunSettings,
    faults: list[str],
) -> PlanFile | None:
    """Read the plan in the bucket; if it must not be replaced, that is a fault."""
    try:
        return await read_earlier_plan(name, entries, BucketStore(bucket), settings)
    except (DocumentTooNew, ObjectRefused) as error:
        faults.append(error.as_fault)
        return None


async def _with_made(plan: Plan, bucket: VideoBucket, faults: list[str]) -> Plan:
    """Return the plan with the characters in the registry. Raises like `read_known`."""
    try:
        return plan.with_characters(await read_known(plan.spec.characters, BucketStore(bucket)))
    except (DocumentTooNew, ObjectRefused) as error:
        faults.append(error.as_fault)
        return plan


def _prices(settings: RunSettings, faults: list[str]) -> list[Price]:
    """Return the prices in use; a file of prices that can't be read is a fault."""
    try:
        return prices_in_use(settings.purchases.prices)
    except InvalidPrices as error:
        faults.append(error.as_fault)
        return settings.purchases.prices


def _counts_credits(spec: BatchSpec, prices: Sequence[Price]) -> bool:
    limits = (spec.budget_credits, spec.settings.purchases.min_remaining_credits)
    return bool(prices) or any(limit is not None for limit in limits)


def _retakes(
    batch: str, entries: Mapping[str, Entry], earlier: PlanFile | None, settings: RunSettings
) -> dict[str, str]:
    """Return the retakes of earlier runs; those that were not sent only if they are still wanted.

    Returns:
        The ids of the retakes, by the id of the shot that each replaces.
    """
    inventory = take_inventory(batch, entries)
    return {
        shot.retake_of: shot.shot_id
        for shot in ([*earlier.shots, *earlier.left] if earlier else [])
        if shot.retake_of and (settings.on_remark == "retake" or inventory.was_submitted(shot))
    }


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
