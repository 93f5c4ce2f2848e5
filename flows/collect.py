"""The flow `collect-batch`: stores completed generations; buys nothing, waits for nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Annotated, Literal
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.events import EventPage
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.errors import BatchFailed, ManifestNotWritten, VideosRemarked
from prefect_toapis.flows.batch import Batch
from prefect_toapis.flows.default_blocks import checked_blocks
from prefect_toapis.flows.open_batches import open_recorded_batch, read_open, refresh_statuses
from prefect_toapis.flows.outcomes import Outcomes, conclude, manifest_on_error
from prefect_toapis.flows.progress import Progress, best_effort
from prefect_toapis.flows.publish import publish, publish_so_far
from prefect_toapis.flows.run_names import SUBMIT_BATCH
from prefect_toapis.flows.runner import run_shots
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.records.attempts import Attempt, latest, lookup_is_conclusive, read_attempts
from prefect_toapis.records.layout import PLAN_FILE, plan_key, shot_key
from prefect_toapis.records.open_shots import OpenShot, unstored_attempts
from prefect_toapis.reports.artifacts import remarks_in_words
from prefect_toapis.reports.events import GENERATION_COMPLETED, GENERATION_FAILED
from prefect_toapis.reports.manifest import Manifest
from prefect_toapis.tasks.sync_async import async_flow, sync_flow

_NEVER_TOLERATED = (ManifestNotWritten, VideosRemarked)
_EVENTS_PER_PAGE = 50  # the limit of Prefect's API


def _run_name() -> str:
    batch = flow_run.parameters.get("batch") or "all batches"
    after_events = flow_run.parameters.get("event_window_seconds")
    return f"collect {batch}{' after events' if after_events else ''}"


@async_flow(name="collect-batch", flow_run_name=_run_name)
async def acollect_batch(
    batch: Annotated[str | None, OrEmpty()] = None,
    *,
    credentials: Annotated[ToAPIsCredentials | None, OrEmpty()] = None,
    bucket: Annotated[VideoBucket | None, OrEmpty()] = None,
    event_window_seconds: Annotated[float | None, OrEmpty()] = None,
    on_failure: Literal["fail", "tolerate"] = "fail",
    settings: RunSettings = RunSettings(),  # noqa: B008 - Prefect shows it; not changed
) -> list[Manifest]:
    """Store the videos that have been completed since they were submitted.

    Buys nothing, and doesn't wait for generations that are still rendering. Shots that an active
    run of generate_videos waits for are skipped.

    Args:
        batch: Name of the batch. Empty: every batch in the bucket with paid shots that aren't
            stored.
        credentials: The ToAPIs account that paid. Empty: the block named "default".
        bucket: The bucket with the batches. Empty: the block named "default".
        event_window_seconds: Query only generations whose end a webhook reported within this many
            seconds. Empty: query all.
        on_failure: Whether the run fails if an ended generation can't be stored.
        settings: Timeouts, limits and retries; those that would buy again are ignored.

    Returns:
        The manifests of the batches.

    Raises:
        InvalidBatch: The batch doesn't exist, or the key or bucket is invalid.
        BatchFailed: An ended generation isn't stored; the others are.
        VideosRemarked: A video that was stored now has remarks, and `settings.on_remark` is "fail".

    Example:
        ```python
        [manifest] = await acollect_batch("dogs")
        ```
    """
    credentials, bucket = await checked_blocks(credentials, bucket)
    ended = None if event_window_seconds is None else await _recently_ended(event_window_seconds)
    wanted = _Wanted(settings, ended)
    names = [batch.strip("/")] if batch else await _find_batches(bucket, wanted)
    outcomes = [await _outcome(name, credentials, bucket, wanted) for name in names]
    errors = [outcome for outcome in outcomes if isinstance(outcome, ToAPIsError)]
    for error in errors:
        tolerated = isinstance(error, BatchFailed) and not isinstance(error, _NEVER_TOLERATED)
        if on_failure == "fail" or not tolerated:
            raise error
    found = [
        outcome.manifest if isinstance(outcome, BatchFailed) else outcome for outcome in outcomes
    ]
    return [manifest for manifest in found if isinstance(manifest, Manifest)]


collect_batch = sync_flow(acollect_batch)
"""`acollect_batch` for sync code."""


@dataclass(frozen=True)
class _Wanted:
    """Selects the shots to query.

    Args:
        settings: `lookup_window_seconds`.
        ended: Task ids of generations that ended, from events; None: all.
    """

    settings: RunSettings
    ended: frozenset[str] | None

    def includes(self, attempt: Attempt | None) -> bool:
        """Return whether a shot's latest attempt may have a video by now."""
        if attempt is None or (self.ended is not None and attempt.task_id not in self.ended):
            return False
        if attempt.state == "sending":  # its run may still be waiting for the response
            now, window = datetime.now(timezone.utc), self.settings.purchases.lookup_window_seconds
            clock_was_wrong = lookup_is_conclusive(now, attempt.sent_at, window)
            return clock_was_wrong or lookup_is_conclusive(attempt.sent_at, now, window)
        return attempt.state == "accepted"  # an expired result stays expired


async def _find_batches(bucket: VideoBucket, wanted: _Wanted) -> list[str]:
    """Find the batches with shots that are paid, or may be, and not stored."""
    store = BucketStore(bucket)
    keys = await store.list_keys("")
    planned = {key for key in keys if key.endswith(f"/{PLAN_FILE}")}
    attempt_keys = {
        batch: keys_of_batch
        for batch, keys_of_batch in unstored_attempts(keys).items()
        if plan_key(batch) in planned  # not a folder of characters or of single tasks
    }
    record = await read_attempts([key for some in attempt_keys.values() for key in some], store)
    folders = {folder for folder, attempts in record.items() if wanted.includes(latest(attempts))}
    return sorted(
        batch
        for batch, keys_of_batch in attempt_keys.items()
        if any(key.rpartition("/")[0] in folders for key in keys_of_batch)
    )


async def _outcome(
    name: str, credentials: ToAPIsCredentials, bucket: VideoBucket, wanted: _Wanted
) -> Manifest | ToAPIsError:
    """Collect a batch; an error is returned, so that other batches are still collected."""
    try:
        async with open_recorded_batch(
            name, credentials, bucket, wanted.settings, Progress()
        ) as batch:
            return await _collect(batch, wanted)
    except ToAPIsError as error:
        get_run_logger().error("%s: %s", name, error)
        return error


async def _collect(batch: Batch, wanted: _Wanted) -> Manifest:
    """Store the ended generations of a batch.

    Raises:
        BatchFailed: Some of them have no video.
        VideosRemarked: Some have remarks, and `settings.on_remark` is "fail".
    """
    opened, failed = await read_open(batch)
    selected = await _without_waiting_runs(
        [shot for shot in opened if wanted.includes(shot.attempt)]
    )
    refreshed = await refresh_statuses(selected, batch.account)
    ended = [shot for shot in refreshed if shot.has_ended]
    now = datetime.now(timezone.utc)
    outcomes = Outcomes.after(batch.stored)
    outcomes.unstored = failed | {
        open_shot.shot.shot_id: open_shot.unstored(now) for open_shot in [*opened, *refreshed]
    }
    with manifest_on_error(batch, outcomes):
        await run_shots(batch.only({open_shot.shot.shot_id for open_shot in ended}), outcomes)
    missing = sum(shot_key(open_shot.shot) not in outcomes.stored for open_shot in ended)

    async def show(batch: Batch, manifest: Manifest) -> None:
        get_run_logger().info(
            "%s: %d stored, %d without a video, %d still open",
            batch.name,
            len(ended) - missing,
            missing,
            len(manifest.open),
        )
        is_unfinished = manifest.open or manifest.shots("planned")
        if ended:
            await (publish_so_far if is_unfinished else publish)(batch, manifest)

    manifest = await conclude(batch, outcomes, show)
    if missing:
        what = f"{missing} of {len(ended)} that have ended are not stored"
        raise BatchFailed(f"{batch.name}: {what}", manifest)
    stored_now = {open_shot.shot.shot_id for open_shot in ended}
    is_remarked = any(row.shot_id in stored_now for row in manifest.remarked)
    if is_remarked and batch.settings.on_remark == "fail":
        raise VideosRemarked(f"{batch.name}: {remarks_in_words(manifest)}", manifest)
    return manifest


async def _without_waiting_runs(shots: Sequence[OpenShot]) -> list[OpenShot]:
    """Return the shots that no active run is waiting for."""
    runs = {shot.attempt.run: _run_of(shot.attempt) for shot in shots}
    waiting = await _waiting_runs({run for run in runs.values() if run})
    return [shot for shot in shots if runs[shot.attempt.run] not in waiting]


async def _recently_ended(seconds: float) -> frozenset[str] | None:
    """Return the task ids of recently ended generations; None if events can't be read."""
    with best_effort("Prefect's events can't be read, so all that is open is asked for"):
        return await _read_ended(seconds)
    return None


async def _read_ended(seconds: float) -> frozenset[str]:
    since = datetime.now(timezone.utc) - timedelta(seconds=seconds)
    wanted = EventFilter(
        event=EventNameFilter(name=[GENERATION_COMPLETED, GENERATION_FAILED]),
        occurred=EventOccurredFilter.model_validate({"since": since}),
    )
    ended: set[str] = set()
    async with get_client() as client:
        page: EventPage | None = await client.read_events(wanted, limit=_EVENTS_PER_PAGE)
        while page:
            ended |= {str(event.payload.get("task_id")) for event in page.events}
            page = await page.get_next_page(client)
    return frozenset(ended)


async def _waiting_runs(runs: set[UUID]) -> set[UUID]:
    """Return the flow runs that are active and wait for their submissions."""
    if not runs:
        return set()
    async with get_client() as client:
        submitting = FlowFilter(name=FlowFilterName(any_=[SUBMIT_BATCH]))
        return await _active(client, runs) - await _active(client, runs, submitting)


async def _active(
    client: PrefectClient, runs: set[UUID], of_flow: FlowFilter | None = None
) -> set[UUID]:
    not_terminal = FlowRunFilterStateType(not_any_=list(TERMINAL_STATES))
    wanted = FlowRunFilter(
        id=FlowRunFilterId(any_=sorted(runs)), state=FlowRunFilterState(type=not_terminal)
    )
    found = await client.read_flow_runs(flow_filter=of_flow, flow_run_filter=wanted)
    return {run.id for run in found}


def _run_of(attempt: Attempt) -> UUID | None:
    """Return the flow run that sent an attempt; None if the record has no valid id."""
    try:
        return UUID(attempt.run or "")
    except ValueError:
        return None
