"""Finishing what earlier runs of a batch left open, without buying anything."""

from collections.abc import Coroutine
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

from prefect import Flow
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.errors import BatchFailed
from prefect_toapis.flows.batch import Batch
from prefect_toapis.flows.default_blocks import checked_blocks
from prefect_toapis.flows.open_batches import open_recorded_batch, read_open, refresh_statuses
from prefect_toapis.flows.outcomes import (
    Outcomes,
    accounting,
    conclude,
    gather_manifest,
)
from prefect_toapis.flows.progress import (
    Progress,
    best_effort,
    progress_artifact,
    watched_flow,
)
from prefect_toapis.flows.repairs import find_short_shots, log_short_shots, store_missing_videos
from prefect_toapis.flows.runner import run_shots
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.reports.manifest import Manifest
from prefect_toapis.tasks.sync_async import async_flow, sync_flow

_STALE_UPLOAD_AGE = timedelta(hours=1)  # an upload that takes longer was abandoned


def _run_name() -> str:
    dry = " (dry run)" if flow_run.parameters.get("dry_run") else ""
    return f"reconcile {flow_run.parameters['batch']}{dry}"


@async_flow(name="reconcile-batch", flow_run_name=_run_name)
async def areconcile_batch(
    batch: str,
    *,
    credentials: Annotated[ToAPIsCredentials | None, OrEmpty()] = None,
    bucket: Annotated[VideoBucket | None, OrEmpty()] = None,
    dry_run: bool = False,
    settings: RunSettings = RunSettings(),  # noqa: B008 - Prefect shows it; not changed
) -> Manifest:
    """Finish what earlier runs of a batch left open: look it up, wait for it, store it.

    Nothing is bought. Shots of earlier plans are finished, too; of shots that are stored with fewer
    videos than were ordered, the rest is asked for; and unfinished uploads of runs that died are
    removed.

    Args:
        batch: Its name.
        credentials: Whose ToAPIs account paid. Empty: the block named "default".
        bucket: Where the batch is. Empty: the block named "default".
        dry_run: Only report what is open, and until when it can be stored.
        settings: Waits and bounds; nothing is tried again that costs.

    Returns:
        The manifest: a row for each video, and for each shot without one.

    Raises:
        InvalidBatch: There is no such batch, or the key or bucket is no good.
        BatchFailed: Something is still open; its `manifest` has the reasons.

    Example:
        ```python
        manifest = await areconcile_batch("lisbon")
        ```
    """
    return await _reconcile(
        batch,
        credentials=credentials,
        bucket=bucket,
        dry_run=dry_run,
        settings=settings,
        progress=Progress(),
    )


reconcile_batch = sync_flow(areconcile_batch)
"""`areconcile_batch` for sync code."""


def reconciliation_flow(
    progress: Progress,
) -> Flow[..., Coroutine[Any, Any, Manifest]]:
    """`areconcile_batch`, whose progress its caller can watch."""
    return watched_flow(areconcile_batch, _reconcile, progress)


async def _reconcile(
    name: str,
    *,
    credentials: ToAPIsCredentials | None,
    bucket: VideoBucket | None,
    dry_run: bool,
    settings: RunSettings,
    progress: Progress,
) -> Manifest:
    account, place = await checked_blocks(credentials, bucket)
    name = name.strip("/")
    async with open_recorded_batch(name, account, place, settings, progress) as batch:
        return await _finish(batch, dry_run=dry_run)


async def _finish(batch: Batch, *, dry_run: bool) -> Manifest:
    recorded, failed = await read_open(batch)
    opened, now = await refresh_statuses(recorded, batch.account), datetime.now(timezone.utc)
    for one in opened:
        get_run_logger().warning("%s: %s", one.shot.label, one.in_words(now))
    outcomes = Outcomes.after(batch.stored)
    outcomes.unstored = failed | {one.shot.shot_id: one.unstored(now) for one in opened}
    short = await find_short_shots(batch)
    log_short_shots(short)
    if dry_run:
        return await gather_manifest(batch, outcomes)
    with best_effort("Unfinished uploads are left as they are"):
        await _clear_uploads(batch, now)
    with accounting(batch, outcomes):
        async with progress_artifact(batch.progress, batch.name, batch.settings):
            await run_shots(batch.only({one.shot.shot_id for one in opened}), outcomes)
        await store_missing_videos(batch, short, outcomes)
    manifest = await conclude(batch, outcomes)
    if manifest.open:
        raise BatchFailed(f"{len(manifest.open)} of {len(opened)} are still open", manifest)
    return manifest


async def _clear_uploads(batch: Batch, now: datetime) -> None:
    aborted = await batch.store.abort_unfinished(f"{batch.name}/", now - _STALE_UPLOAD_AGE)
    if aborted:
        get_run_logger().info("Removed %d uploads that were never finished", len(aborted))
