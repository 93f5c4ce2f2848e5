"""Storing what has been rendered meanwhile: nothing is bought, and nothing waited for."""

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
from prefect_toapis.errors import BatchFailed, ManifestNotWritten
from prefect_toapis.flows.batch import Batch
from prefect_toapis.flows.default_blocks import checked_blocks
from prefect_toapis.flows.generate import SUBMIT_BATCH
from prefect_toapis.flows.open_batches import open_recorded_batch, read_open, refresh_statuses
from prefect_toapis.flows.outcomes import Outcomes, accounting, conclude
from prefect_toapis.flows.progress import Progress, best_effort
from prefect_toapis.flows.publish import publish, publish_so_far
from prefect_toapis.flows.runner import run_shots
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.records.attempts import (
    Attempt,
    latest,
    lookup_is_conclusive,
    read_attempts,
)
from prefect_toapis.records.layout import PLAN_FILE, plan_key, shot_key
from prefect_toapis.records.open_shots import OpenShot, unstored_attempts
from prefect_toapis.reports.events import GENERATION_COMPLETED, GENERATION_FAILED
from prefect_toapis.reports.manifest import Manifest
from prefect_toapis.tasks.sync_async import async_flow, sync_flow

_EVENTS_A_PAGE = 50  # a Prefect server gives no more


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
    """Store the videos that have been rendered since they were submitted.

    Nothing is bought, and what still renders isn't waited for. Shots that a run of
    generate_videos waits for are left to it.

    Args:
        batch: Its name. Empty: every batch of the bucket with shots that are paid and not stored.
        credentials: Whose ToAPIs account paid. Empty: the block named "default".
        bucket: Where the batches are. Empty: the block named "default".
        event_window_seconds: Ask only for generations whose end a webhook reported in the last
            so many seconds. Empty: ask for all.
        on_failure: Whether the run fails when a generation that has ended can't be stored.
        settings: Waits and bounds; nothing is tried again that costs.

    Returns:
        The manifests of the batches that were looked at.

    Raises:
        InvalidBatch: There is no such batch, or the key or bucket is no good.
        BatchFailed: Something that has ended isn't stored; the others are.

    Example:
        ```python
        [manifest] = await acollect_batch("dogs")
        ```
    """
    account, place = await checked_blocks(credentials, bucket)
    ended = None if event_window_seconds is None else await _ended_lately(event_window_seconds)
    wanted = _Wanted(settings, ended)
    names = [batch.strip("/")] if batch else await _find_batches(place, wanted)
    outcomes = [await _outcome(name, account, place, wanted) for name in names]
    errors = [one for one in outcomes if isinstance(one, ToAPIsError)]
    for error in errors:
        tolerated = isinstance(error, BatchFailed) and not isinstance(error, ManifestNotWritten)
        if on_failure == "fail" or not tolerated:
            raise error
    found = [one.manifest if isinstance(one, BatchFailed) else one for one in outcomes]
    return [one for one in found if isinstance(one, Manifest)]


collect_batch = sync_flow(acollect_batch)
"""`acollect_batch` for sync code."""


@dataclass(frozen=True)
class _Wanted:
    """Which shots are asked for.

    Args:
        settings: `settle_seconds`.
        ended: The task ids of which events say that they have ended; None: all.
    """

    settings: RunSettings
    ended: frozenset[str] | None

    def includes(self, attempt: Attempt | None) -> bool:
        """Whether a shot's latest attempt may have become a video meanwhile."""
        if attempt is None or (self.ended is not None and attempt.task_id not in self.ended):
            return False
        if attempt.state == "sending":  # a run may still wait for one that was sent just now
            now, settle = datetime.now(timezone.utc), self.settings.purchases.lookup_window_seconds
            clock_was_wrong = lookup_is_conclusive(now, attempt.sent_at, settle)
            return clock_was_wrong or lookup_is_conclusive(attempt.sent_at, now, settle)
        return attempt.state == "accepted"  # of an expired one, asking brings nothing new


async def _find_batches(bucket: VideoBucket, wanted: _Wanted) -> list[str]:
    """The batches with shots that are paid, or perhaps paid, and not stored."""
    store = BucketStore(bucket)
    keys = await store.list_keys("")
    planned = {key for key in keys if key.endswith(f"/{PLAN_FILE}")}
    attempts = {
        batch: some
        for batch, some in unstored_attempts(keys).items()
        if plan_key(batch) in planned  # no folder of characters, nor of single tasks
    }
    record = await read_attempts([one for some in attempts.values() for one in some], store)
    wanted_ones = {folder for folder, some in record.items() if wanted.includes(latest(some))}
    return sorted(
        batch
        for batch, some in attempts.items()
        if any(key.rpartition("/")[0] in wanted_ones for key in some)
    )


async def _outcome(
    name: str, credentials: ToAPIsCredentials, bucket: VideoBucket, wanted: _Wanted
) -> Manifest | ToAPIsError:
    """As `_collect`; an error of one batch is returned, so that the others are collected."""
    try:
        async with open_recorded_batch(
            name, credentials, bucket, wanted.settings, Progress()
        ) as batch:
            return await _collect(batch, wanted)
    except ToAPIsError as error:
        get_run_logger().error("%s: %s", name, error)
        return error


async def _collect(batch: Batch, wanted: _Wanted) -> Manifest:
    """Store what has ended of a batch.

    Raises:
        BatchFailed: Some of that has no video.
    """
    opened, failed = await read_open(batch)
    asked_for = await _without_waiting_runs([one for one in opened if wanted.includes(one.attempt)])
    replies = await refresh_statuses(asked_for, batch.account)
    ended = [one for one in replies if one.has_ended]
    now = datetime.now(timezone.utc)
    outcomes = Outcomes.after(batch.stored)
    outcomes.unstored = failed | {
        one.shot.shot_id: one.unstored(now) for one in [*opened, *replies]
    }
    with accounting(batch, outcomes):
        await run_shots(batch.only({one.shot.shot_id for one in ended}), outcomes)
    missing = sum(shot_key(one.shot) not in outcomes.stored for one in ended)

    async def show(batch: Batch, manifest: Manifest) -> None:
        get_run_logger().info(
            "%s: %d stored, %d without a video, %d still open",
            batch.name,
            len(ended) - missing,
            missing,
            len(manifest.open),
        )
        goes_on = manifest.open or manifest.shots("planned")
        if ended:
            await (publish_so_far if goes_on else publish)(batch, manifest)

    manifest = await conclude(batch, outcomes, show)
    if missing:
        what = f"{missing} of {len(ended)} that have ended are not stored"
        raise BatchFailed(f"{batch.name}: {what}", manifest)
    return manifest


async def _without_waiting_runs(shots: Sequence[OpenShot]) -> list[OpenShot]:
    """Without the shots that a live run waits for: they are left to it."""
    runs = {one.attempt.run: _run_of(one.attempt) for one in shots}
    waiting = await _waiting_runs({run for run in runs.values() if run})
    return [one for one in shots if runs[one.attempt.run] not in waiting]


async def _ended_lately(seconds: float) -> frozenset[str] | None:
    """The task ids of which recent events say that they have ended; None without any events."""
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
        page: EventPage | None = await client.read_events(wanted, limit=_EVENTS_A_PAGE)
        while page:
            ended |= {str(event.payload.get("task_id")) for event in page.events}
            page = await page.get_next_page(client)
    return frozenset(ended)


async def _waiting_runs(runs: set[UUID]) -> set[UUID]:
    """Those of some flow runs that live, and wait for what they submitted."""
    if not runs:
        return set()
    async with get_client() as client:
        submitting = FlowFilter(name=FlowFilterName(any_=[SUBMIT_BATCH]))
        return await _living(client, runs) - await _living(client, runs, submitting)


async def _living(
    client: PrefectClient, runs: set[UUID], of_flow: FlowFilter | None = None
) -> set[UUID]:
    over = FlowRunFilterStateType(not_any_=list(TERMINAL_STATES))
    wanted = FlowRunFilter(
        id=FlowRunFilterId(any_=sorted(runs)), state=FlowRunFilterState(type=over)
    )
    found = await client.read_flow_runs(flow_filter=of_flow, flow_run_filter=wanted)
    return {run.id for run in found}


def _run_of(attempt: Attempt) -> UUID | None:
    """The flow run that sent an attempt; None where the record names none, or anything else."""
    try:
        return UUID(attempt.run or "")
    except ValueError:
        return None
