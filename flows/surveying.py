"""What became of a batch: as its bucket tells, and then as the provider does."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from prefect.logging import get_run_logger

from prefect_toapis.batches.errors import InvalidBatch, StoreError
from prefect_toapis.batches.inventory import take_inventory
from prefect_toapis.batches.manifest import Unstored
from prefect_toapis.batches.open_shots import (
    OpenShot,
    failed_shots,
    open_shots,
)
from prefect_toapis.batches.plan import Shot
from prefect_toapis.batches.plan_file import plan_key
from prefect_toapis.batches.record import is_attempt
from prefect_toapis.batches.record_reading import read_attempts
from prefect_toapis.batches.spec import BatchSpec, RunSettings
from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.account import Account
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.replies import Reply
from prefect_toapis.flows.earlier_plans import read_earlier_plan
from prefect_toapis.flows.preflight import Ready
from prefect_toapis.tasks.steps import account_of

_QUERIES_AT_ONCE = 16


@dataclass(frozen=True)
class Survey:
    """A batch whose shots may be finished, and none bought.

    Args:
        ready: With the shots of the latest plan.
        left: What earlier plans left behind.
        open: What can still be finished, of both.
        failed: What surely has no video, by shot id.
    """

    ready: Ready
    left: Sequence[Shot]
    open: Sequence[OpenShot]
    failed: dict[str, Unstored]

    def only(self, some: Iterable[OpenShot]) -> Ready:
        """The batch, as if it had some of the open shots alone."""
        return replace(self.ready, shots=[one.shot for one in some])


async def survey(
    batch: str, credentials: ToAPIsCredentials, bucket: VideoBucket, settings: RunSettings
) -> Survey:
    """What the bucket tells of a batch.

    Args:
        batch: Its name.
        credentials: Whose account paid.
        bucket: Where the batch is.
        settings: Waits and bounds; what buys is switched off.

    Raises:
        InvalidBatch: There is no such batch.
        StoreError: The bucket doesn't answer, or its plan or record is damaged.
    """
    try:
        return await _survey(batch, credentials, bucket, settings)
    except StoreError as error:  # what earlier runs bought is as it was
        error.about(spending="This run bought nothing.")
        raise


async def _survey(
    batch: str, credentials: ToAPIsCredentials, bucket: VideoBucket, settings: RunSettings
) -> Survey:
    store = BucketStore(bucket)
    entries = await store.list_entries(f"{batch}/")
    inventory = take_inventory(batch, entries)
    buys_nothing = {"retry_failed": "none", "on_absent": "stop", "on_expired": "stop"}
    spec = BatchSpec(settings=settings.model_copy(update=buys_nothing))
    bare = Ready(batch, spec, {}, credentials, bucket, inventory)
    plan = await read_earlier_plan(batch, inventory, store, bare.patient())
    if plan is None:
        key = bucket.uri(plan_key(batch))
        raise InvalidBatch([f"batch: there is no {key}, so nothing was bought for it"])
    shots, left = (
        [inventory.with_existing_folder(one) for one in some] for some in (plan.shots, plan.left)
    )
    ready = await replace(bare, shots=shots).checked(entries)
    named = {shot.shot_id for shot in left}
    left += [shot for shot in ready.gone if shot.shot_id not in named]
    stored = ready.inventory.stored
    records = {one for short, one in inventory.records.items() if short not in stored}
    keys = [one for one in entries if is_attempt(one) and one.rpartition("/")[0] in records]
    record = await read_attempts(keys, store)
    unstored = [shot for shot in [*shots, *left] if not ready.inventory.is_stored(shot)]
    return Survey(ready, left, open_shots(unstored, record), failed_shots(unstored, record))


async def asked(
    shots: Iterable[OpenShot], credentials: ToAPIsCredentials, settings: RunSettings
) -> list[OpenShot]:
    """What the provider says of each now; where it says nothing, they are as they were.

    Args:
        shots: To be asked for: by task id, or else by business id, where that is possible.
        credentials: Whose account paid.
        settings: Account group and retries.
    """
    at_once = asyncio.Semaphore(_QUERIES_AT_ONCE)

    async def reply(api: Account, one: OpenShot) -> Reply | None:
        if one.attempt.task_id:
            return await api.status(one.attempt.task_id, one.attempt.business_id)
        return await api.find(one.attempt.business_id) if one.shot.supports_lookup else None

    async def ask(api: Account, one: OpenShot) -> OpenShot:
        async with at_once:
            try:
                return replace(one, reply=await reply(api, one))
            except ToAPIsError as error:
                get_run_logger().warning("%s: its state can't be told: %s", one.shot.label, error)
                return one

    with account_of(credentials, settings) as api:
        return await asyncio.gather(*[ask(api, one) for one in shots])
