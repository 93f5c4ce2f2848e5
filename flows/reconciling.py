"""Finishing what earlier runs of a batch left open, without buying anything."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Annotated

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from prefect_toapis.batches.errors import BatchFailed, InvalidBatch
from prefect_toapis.batches.manifest import Manifest
from prefect_toapis.batches.progress import current_progress
from prefect_toapis.batches.spec import RunSettings
from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.flows.best_effort import best_effort
from prefect_toapis.flows.conclude import conclude, gather_manifest
from prefect_toapis.flows.fan_out import FanOut
from prefect_toapis.flows.missing_outputs import ask_for_the_rest, log_short, store_the_rest
from prefect_toapis.flows.outcomes import Outcomes, accounting
from prefect_toapis.flows.preflight import Ready, blocks_or_faults
from prefect_toapis.flows.surveying import Survey, asked, survey
from prefect_toapis.flows.watching import watched
from prefect_toapis.tasks.calling import either_flow
from prefect_toapis.tasks.steps import account_of

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

    Nothing is bought. Shots of earlier plans are finished, too; of shots that are stored with fewer
    videos than were ordered, the rest is asked for; and unfinished uploads of runs that died are
    removed.

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
    faults: list[str] = []
    account, place = await blocks_or_faults(credentials, bucket, faults)
    if account is None or place is None:
        raise InvalidBatch(faults)
    with account_of(account, settings):  # its limits hold until the run ends
        surveyed = await survey(batch.strip("/"), account, place, settings)
        found = replace(surveyed, open=await asked(surveyed.open, account, settings))
        return await _reconcile(found, dry_run=dry_run)


async def _reconcile(found: Survey, *, dry_run: bool) -> Manifest:
    now = datetime.now(timezone.utc)
    for one in found.open:
        get_run_logger().warning("%s: %s", one.shot.label, one.in_words(now))
    outcomes = Outcomes.after(found.ready.stored)
    outcomes.left = found.left
    outcomes.unstored = found.failed | {one.shot.shot_id: one.unstored(now) for one in found.open}
    short = await ask_for_the_rest(found)
    log_short(short)
    if dry_run:
        return await gather_manifest(found.ready, outcomes)
    with best_effort("Unfinished uploads are left as they are"):
        await _clear_uploads(found.ready, now)
    fan_out = FanOut(found.only(found.open), current_progress(), outcomes=outcomes)
    with accounting(found.ready, outcomes):
        async with watched(fan_out.progress, found.ready.batch, found.ready.spec.settings):
            await fan_out.run()
        await store_the_rest(found.ready, short, outcomes)
    manifest = await conclude(found.ready, outcomes)
    if manifest.open:
        raise BatchFailed(f"{len(manifest.open)} of {len(found.open)} are still open", manifest)
    return manifest


async def _clear_uploads(ready: Ready, now: datetime) -> None:
    aborted = await ready.store.abort_unfinished(f"{ready.batch}/", now - _ABANDONED)
    if aborted:
        get_run_logger().info("Removed %d uploads that were never finished", len(aborted))
