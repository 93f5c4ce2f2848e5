"""Finishing what earlier runs of a batch left open, without buying anything."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Annotated

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from prefect_toapis.batches.errors import BatchFailed, InvalidBatch
from prefect_toapis.batches.inventory import take_inventory
from prefect_toapis.batches.manifest import Manifest, Unstored
from prefect_toapis.batches.open_shots import OpenShot, failed_shots, open_shots
from prefect_toapis.batches.plan import Shot
from prefect_toapis.batches.plan_file import plan_key, read_plan
from prefect_toapis.batches.progress import current_progress
from prefect_toapis.batches.record_reading import read_record
from prefect_toapis.batches.spec import BatchSpec, RunSettings
from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.flows.batch_run import gather_manifest
from prefect_toapis.flows.fan_out import FanOut
from prefect_toapis.flows.preflight import Ready, blocks_or_faults
from prefect_toapis.flows.publishing import publish
from prefect_toapis.flows.watching import watched
from prefect_toapis.tasks.calling import either_flow
from prefect_toapis.tasks.steps import account_of

_QUERIES_AT_ONCE = 16
_ABANDONED = timedelta(hours=1)  # an upload that takes longer is nobody's any more


def _run_name() -> str:
    dry = " (dry run)" if flow_run.parameters.get("dry_run") else ""
    return f"reconcile {flow_run.parameters['batch']}{dry}"


@either_flow(name="reconcile-batch", flow_run_name=_run_name)
async def reconcile_batch(
    batch: str,
    *,
    credentials: Annotated[ToAPIsCredentials | None, OrEmpty()] = None,
    bucket: Annotated[VideoBucket | None, OrEmpty()] = None,
    dry_run: bool = False,
    settings: RunSettings = RunSettings(),  # noqa: B008 - Prefect shows it; not changed
) -> Manifest:
    """Finish what earlier runs of a batch left open: look it up, wait for it, store it.

    Nothing is bought. Shots of earlier plans are finished, too, and unfinished uploads of runs
    that died are removed.

    Args:
        batch: Its name.
        credentials: Whose ToAPIs account paid. Empty: the block named "default".
        bucket: Where the batch is. Empty: the block named "default".
        dry_run: Only tell what is open, and until when it can be stored.
        settings: Waits and bounds; nothing is tried again that costs.

    Returns:
        The manifest: a row for each video, and for each shot without one.

    Raises:
        InvalidBatch: There is no such batch, or the key or bucket is no good.
        BatchFailed: Something is still open; its `manifest` has the reasons.

    Example:
        ```python
        manifest = await reconcile_batch("lisbon")
        ```
    """
    found = await _survey(batch.strip("/"), credentials, bucket, settings)
    now = datetime.now(timezone.utc)
    for one in found.open:
        get_run_logger().warning("%s: %s", one.shot.label, one.in_words(now))
    if dry_run:
        unstored = {one.shot.shot_id: one.unstored(now) for one in found.open}
        return await gather_manifest(found.ready, found.failed | unstored, found.left)
    await _clear_uploads(found.ready, now)
    fan_out = FanOut(found.to_finish, current_progress())
    async with watched(fan_out.progress, found.ready.batch, settings):
        await fan_out.run()
    manifest = await gather_manifest(found.ready, found.failed | fan_out.unstored, found.left)
    await publish(found.ready, manifest)
    if manifest.open:
        raise BatchFailed(f"{len(manifest.open)} of {len(found.open)} are still open", manifest)
    return manifest


@dataclass(frozen=True)
class _Found:
    """A batch, as its bucket and the provider tell of it.

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

    @property
    def to_finish(self) -> Ready:
        """The batch, as if it had the open shots alone."""
        return replace(self.ready, shots=[one.shot for one in self.open])


async def _survey(
    batch: str,
    credentials: ToAPIsCredentials | None,
    bucket: VideoBucket | None,
    settings: RunSettings,
) -> _Found:
    faults: list[str] = []
    account, place = await blocks_or_faults(credentials, bucket, faults)
    if account is None or place is None:
        raise InvalidBatch(faults)
    store, key = BucketStore(place), plan_key(batch)
    content = await store.read(key)
    if content is None:
        raise InvalidBatch([f"batch: there is no {place.uri(key)}, so nothing was bought for it"])
    plan = read_plan(content, place.uri(key))
    inventory = take_inventory(batch, await store.list_keys(f"{batch}/"))
    buys_nothing = {"retry_failed": "none", "on_absent": "stop", "on_expired": "stop"}
    spec = BatchSpec(settings=settings.model_copy(update=buys_nothing))
    shots, left = ([inventory.place(one) for one in some] for some in (plan.shots, plan.left))
    ready = Ready(batch, spec, {}, account, place, inventory, shots)
    record = await read_record(batch, store)
    unstored = [shot for shot in [*shots, *left] if not inventory.has(shot)]
    opened = await _asked(open_shots(unstored, record), account, settings)
    return _Found(ready, left, opened, failed_shots(unstored, record))


async def _asked(
    shots: Sequence[OpenShot], credentials: ToAPIsCredentials, settings: RunSettings
) -> list[OpenShot]:
    """What the provider says of each now; where it says nothing, they are as they were."""
    api, at_once = account_of(credentials, settings), asyncio.Semaphore(_QUERIES_AT_ONCE)

    async def ask(one: OpenShot) -> OpenShot:
        if not one.attempt.task_id:
            return one
        async with at_once:
            try:
                return replace(one, reply=await api.status(one.attempt.task_id))
            except ToAPIsError as error:
                get_run_logger().warning("%s: its state can't be told: %s", one.shot.label, error)
                return one

    return await asyncio.gather(*map(ask, shots))


async def _clear_uploads(ready: Ready, now: datetime) -> None:
    aborted = await ready.store.abort_unfinished(f"{ready.batch}/", now - _ABANDONED)
    if aborted:
        get_run_logger().info("Removed %d uploads that were never finished", len(aborted))
