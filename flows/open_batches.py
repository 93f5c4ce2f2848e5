"""Opens recorded batches, and reads and refreshes their open shots; buys nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace

from prefect.logging import get_run_logger

from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.account import Account
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.replies import Reply
from prefect_toapis.errors import InvalidBatch, StoreError
from prefect_toapis.flows.batch import Batch, list_batch, open_batch, read_earlier_plan
from prefect_toapis.flows.progress import Progress
from prefect_toapis.planning.plan import Plan
from prefect_toapis.planning.settings import PurchaseSettings, RetrySettings, RunSettings
from prefect_toapis.records.attempts import read_attempts
from prefect_toapis.records.layout import attempt_key, plan_key
from prefect_toapis.records.open_shots import OpenShot, failed_shots, open_shots
from prefect_toapis.records.plan_file import PlanFile
from prefect_toapis.records.stored_shots import Unstored

_QUERIES_AT_ONCE = 16

_BUYS_NOTHING = RunSettings(
    retries=RetrySettings(failed_shots="none"),
    purchases=PurchaseSettings(on_absent="stop", on_expired="stop"),
)


@asynccontextmanager
async def open_recorded_batch(
    name: str,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings,
    progress: Progress,
) -> AsyncIterator[Batch]:
    """Open a batch with the plan in the bucket, and settings that buy nothing.

    Args:
        name: Of the batch.
        credentials: Of the account that paid.
        bucket: Contains the batch.
        settings: Timeouts, limits and retries; those that would buy again are overridden.
        progress: Updated with the phase of each shot.

    Raises:
        InvalidBatch: There is no such batch.
        StoreError: The bucket is unavailable, or the plan or record is damaged.
    """
    settings = settings.with_overrides(_BUYS_NOTHING)
    async with open_planned_batch(name, credentials, bucket, settings, progress) as batch:
        yield batch


def plan_of(file: PlanFile) -> Plan:
    """Return the plan of a batch from the bucket's, which no longer has the spec."""
    return Plan(file.batch, file.shots, destination=file.destination)


@asynccontextmanager
async def open_planned_batch(
    name: str,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings,
    progress: Progress,
    read: Callable[[PlanFile], Plan] = plan_of,
) -> AsyncIterator[Batch]:
    """Open a batch with the plan in the bucket.

    Args:
        name: Of the batch.
        credentials: Of the account that pays.
        bucket: Contains the batch.
        settings: Of the run.
        progress: Updated with the phase of each shot.
        read: Returns the plan to open, from the bucket's.

    Raises:
        InvalidBatch: There is no such batch.
        StoreError: The bucket is unavailable, or the plan or record is damaged.
    """
    store = BucketStore(bucket)
    async with AsyncExitStack() as opened:
        with _nothing_bought():
            entries = await list_batch(name, store, settings)
            earlier = await read_earlier_plan(name, entries, store, settings)
            if earlier is None:
                key = bucket.uri(plan_key(name))
                raise InvalidBatch([f"batch: there is no {key}, so nothing was bought for it"])
            batch = await opened.enter_async_context(
                open_batch(
                    read(earlier),
                    entries=entries,
                    earlier=earlier,
                    credentials=credentials,
                    bucket=bucket,
                    settings=settings,
                    progress=progress,
                )
            )
        yield batch


async def read_open(batch: Batch) -> tuple[list[OpenShot], dict[str, Unstored]]:
    """Read the open shots of a batch, including orphaned ones.

    Args:
        batch: An open batch.

    Returns:
        The open shots, and the reasons why other shots have no video, by shot id.

    Raises:
        StoreError: The bucket is unavailable.
    """
    inventory = batch.inventory
    keys = [
        attempt_key(record, number)
        for short, record in inventory.records.items()
        if short not in inventory.stored
        for number in sorted(inventory.attempts.get(short, ()))
    ]
    with _nothing_bought():
        record = await read_attempts(keys, batch.store)
    unstored = [shot for shot in [*batch.shots, *batch.orphaned] if not inventory.is_stored(shot)]
    return open_shots(unstored, record), failed_shots(unstored, record)


async def refresh_statuses(shots: Iterable[OpenShot], account: Account) -> list[OpenShot]:
    """Query the current status of open shots; if a query fails, the shot is unchanged.

    Args:
        shots: Queried by task id, or else by business id if that is supported.
        account: The account that paid.
    """
    at_once = asyncio.Semaphore(_QUERIES_AT_ONCE)

    async def read(found: OpenShot) -> Reply | None:
        attempt = found.attempt
        if attempt.task_id:
            return await account.status(attempt.task_id, attempt.business_id)
        return await account.find(attempt.business_id) if found.shot.supports_lookup else None

    async def refresh(found: OpenShot) -> OpenShot:
        async with at_once:
            try:
                return replace(found, reply=await read(found))
            except ToAPIsError as error:
                label = found.shot.label
                get_run_logger().warning("%s: its status can't be read: %s", label, error)
                return found

    return await asyncio.gather(*map(refresh, shots))


@contextmanager
def _nothing_bought() -> Iterator[None]:
    """Add to store errors that this run bought nothing."""
    try:
        yield
    except StoreError as error:
        error.add_context(spending="This run bought nothing.")
        raise
