"""The flow `reconcile-batch`: finishes open shots of earlier runs without buying anything."""

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
from prefect_toapis.flows.default_blocks import checked_blocks, origins
from prefect_toapis.flows.open_batches import open_recorded_batch, read_open, refresh_statuses
from prefect_toapis.flows.outcomes import Outcomes, conclude, gather_manifest, manifest_on_error
from prefect_toapis.flows.progress import Progress, best_effort, progress_artifact, watched_flow
from prefect_toapis.flows.repairs import find_short_shots, log_short_shots, store_missing_videos
from prefect_toapis.flows.runner import run_shots
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.reports.manifest import Manifest
from prefect_toapis.tasks.sync_async import async_flow, sync_flow

_STALE_UPLOAD_AGE = timedelta(hours=1)  # no upload takes longer


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
    """Finish the open shots of earlier runs of a batch: look them up, wait for them, store them.

    Buys nothing. Shots of earlier plans are finished too, missing videos of stored shots are
    fetched, and incomplete uploads of crashed runs are removed.

    Args:
        batch: Name of the batch.
        credentials: The ToAPIs account that paid. Empty: the block named "default".
        bucket: The bucket with the batch. Empty: the block named "default".
        dry_run: Only report open shots, and until when they can be stored.
        settings: Timeouts, limits and retries; those that would buy again are ignored.

    Returns:
        The manifest: a row for each video, and for each shot without one.

    Raises:
        InvalidBatch: The batch doesn't exist, or the key or bucket is invalid.
        BatchFailed: Some shots are still open; its `manifest` has the reasons.

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
    """Return `areconcile_batch` with observable progress."""
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
    credentials, bucket = await checked_blocks(credentials, bucket)
    progress.origins = origins(credentials, bucket)
    name = name.strip("/")
    async with open_recorded_batch(name, credentials, bucket, settings, progress) as batch:
        return await _finish(batch, dry_run=dry_run)


async def _finish(batch: Batch, *, dry_run: bool) -> Manifest:
    recorded, failed = await read_open(batch)
    opened, now = await refresh_statuses(recorded, batch.account), datetime.now(timezone.utc)
    for found in opened:
        get_run_logger().warning("%s: %s", found.shot.label, found.in_words(now))
    outcomes = Outcomes.after(batch.stored)
    outcomes.unstored = failed | {found.shot.shot_id: found.unstored(now) for found in opened}
    short = await find_short_shots(batch)
    log_short_shots(short)
    if dry_run:
        return await gather_manifest(batch, outcomes)
    with best_effort("Unfinished uploads are left as they are"):
        await _abort_stale_uploads(batch, now)
    with manifest_on_error(batch, outcomes):
        async with progress_artifact(batch.progress, batch.name, batch.settings):
            await run_shots(batch.only({found.shot.shot_id for found in opened}), outcomes)
        await store_missing_videos(batch, short, outcomes)
    manifest = await conclude(batch, outcomes)
    if manifest.open:
        raise BatchFailed(f"{len(manifest.open)} of {len(opened)} are still open", manifest)
    return manifest


async def _abort_stale_uploads(batch: Batch, now: datetime) -> None:
    aborted = await batch.store.abort_unfinished(f"{batch.name}/", now - _STALE_UPLOAD_AGE)
    if aborted:
        get_run_logger().info("Removed %d uploads that were never finished", len(aborted))
