"""Storing what has been rendered meanwhile: nothing is bought, and nothing waited for."""

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

from prefect_toapis.batches.errors import BatchFailed, InvalidBatch, ManifestNotWritten
from prefect_toapis.batches.events import GENERATION_COMPLETED, GENERATION_FAILED
from prefect_toapis.batches.manifest import Manifest, shot_key
from prefect_toapis.batches.open_shots import OpenShot, unstored_attempts
from prefect_toapis.batches.plan_file import PLAN_FILE, plan_key
from prefect_toapis.batches.progress import current_progress
from prefect_toapis.batches.record import Attempt, lookup_is_conclusive
from prefect_toapis.batches.record_reading import latest, read_attempts
from prefect_toapis.batches.spec import RunSettings
from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.flows.best_effort import best_effort
from prefect_toapis.flows.conclude import conclude
from prefect_toapis.flows.fan_out import FanOut
from prefect_toapis.flows.outcomes import Outcomes, accounting
from prefect_toapis.flows.preflight import Ready, blocks_or_faults
from prefect_toapis.flows.publishing import publish, publish_so_far
from prefect_toapis.flows.submitting import SUBMIT_BATCH
from prefect_toapis.flows.surveying import Survey, asked, survey
from prefect_toapis.tasks.calling import either_flow
from prefect_toapis.tasks.steps import account_of

_EVENTS_A_PAGE = 50  # a Prefect server gives no more


def _run_name() -> str:
    batch = flow_run.parameters.get("batch") or "all batches"
    told = flow_run.parameters.get("told_within_seconds")
    return f"collect {batch}{' after events' if told else ''}"


@either_flow(name="collect-batch", flow_run_name=_run_name)
async def collect_batch(
    batch: Annotated[str | None, OrEmpty()] = None,
    *,
    credentials: Annotated[ToAPIsCredentials | None, OrEmpty()] = None,
    bucket: Annotated[VideoBucket | None, OrEmpty()] = None,
    told_within_seconds: Annotated[float | None, OrEmpty()] = None,
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
        told_within_seconds: Ask only for generations of whose end a webhook told in the last so
            many seconds. Empty: ask for all.
        on_failure: Whether the run fails when a generation that has ended can't be stored.
        settings: Waits and bounds; nothing is tried again that costs.

    Returns:
        The manifests of the batches that were looked at.

    Raises:
        InvalidBatch: There is no such batch, or the key or bucket is no good.
        BatchFailed: Something that has ended isn't stored; the others are.

    Example:
        ```python
        [manifest] = await collect_batch("dogs")
        ```
    """
    faults: list[str] = []
    account, place = await blocks_or_faults(credentials, bucket, faults)
    if account is None or place is None:
        raise InvalidBatch(faults)
    told = None if told_within_seconds is None else await _heard_of(told_within_seconds)
    collector = _Collector(account, place, settings, told)
    batches = [batch.strip("/")] if batch else await collector.find_batches()
    with account_of(account, settings):  # its limits hold until the run ends
        outcomes = [await collector.outcome(name) for name in batches]
    errors = [one for one in outcomes if isinstance(one, ToAPIsError)]
    for error in errors:
        tolerated = isinstance(error, BatchFailed) and not isinstance(error, ManifestNotWritten)
        if on_failure == "fail" or not tolerated:
            raise error
    found = [one.manifest if isinstance(one, BatchFailed) else one for one in outcomes]
    return [one for one in found if isinstance(one, Manifest)]


@dataclass(frozen=True)
class _Collector:
    """What one run collects with.

    Args:
        told: The task ids that are asked for; None: all.
    """

    credentials: ToAPIsCredentials
    bucket: VideoBucket
    settings: RunSettings
    told: frozenset[str] | None

    async def find_batches(self) -> list[str]:
        """The batches with shots that are paid, or perhaps paid, and not stored."""
        store = BucketStore(self.bucket)
        keys = await store.list_keys("")
        planned = {key for key in keys if key.endswith(f"/{PLAN_FILE}")}
        attempts = {
            batch: some
            for batch, some in unstored_attempts(keys).items()
            if plan_key(batch) in planned  # no folder of characters, nor of single tasks
        }
        record = await read_attempts([one for some in attempts.values() for one in some], store)
        open_ones = {folder for folder, some in record.items() if self._asks_for(latest(some))}
        return sorted(
            batch
            for batch, some in attempts.items()
            if any(key.rpartition("/")[0] in open_ones for key in some)
        )

    async def outcome(self, batch: str) -> Manifest | ToAPIsError:
        """As `collect`; an error of one batch is returned, so that the others are collected."""
        try:
            return await self.collect(batch)
        except ToAPIsError as error:
            get_run_logger().error("%s: %s", batch, error)
            return error

    async def collect(self, batch: str) -> Manifest:
        """Store what has ended of a batch.

        Raises:
            BatchFailed: Some of that has no video.
        """
        found = await survey(batch, self.credentials, self.bucket, self.settings)
        replies = await asked(await self._wanted(found), self.credentials, self.settings)
        ended = [one for one in replies if one.has_ended]
        now = datetime.now(timezone.utc)
        outcomes = Outcomes.after(found.ready.stored)
        outcomes.left = found.left
        outcomes.unstored = found.failed | {
            one.shot.shot_id: one.unstored(now) for one in [*found.open, *replies]
        }
        fan_out = FanOut(found.only(ended), current_progress(), outcomes=outcomes)
        with accounting(found.ready, outcomes):
            await fan_out.run()
        missing = sum(shot_key(one.shot) not in outcomes.stored for one in ended)

        async def show(ready: Ready, manifest: Manifest) -> None:
            get_run_logger().info(
                "%s: %d stored, %d without a video, %d still open",
                batch,
                len(ended) - missing,
                missing,
                len(manifest.open),
            )
            goes_on = manifest.open or manifest.shots("planned")
            if ended:
                await (publish_so_far if goes_on else publish)(ready, manifest)

        manifest = await conclude(found.ready, outcomes, show)
        if missing:
            what = f"{missing} of {len(ended)} that have ended are not stored"
            raise BatchFailed(f"{batch}: {what}", manifest)
        return manifest

    async def _wanted(self, found: Survey) -> list[OpenShot]:
        """The open shots that are asked for: nobody else waits for them."""
        wanted = [one for one in found.open if self._asks_for(one.attempt)]
        runs = {one.attempt.run: _run_of(one.attempt) for one in wanted}
        waiting = await _waiting_runs({run for run in runs.values() if run})
        return [one for one in wanted if runs[one.attempt.run] not in waiting]

    def _asks_for(self, attempt: Attempt | None) -> bool:
        """Whether a shot's latest attempt may have become a video meanwhile."""
        if attempt is None or (self.told is not None and attempt.task_id not in self.told):
            return False
        if attempt.state == "sending":  # a run may still wait for one that was sent just now
            now, settle = datetime.now(timezone.utc), self.settings.settle_seconds
            from_the_future = lookup_is_conclusive(
                now, attempt.sent_at, settle
            )  # a clock was wrong
            return from_the_future or lookup_is_conclusive(attempt.sent_at, now, settle)
        return attempt.state == "accepted"  # of an expired one, asking brings nothing new


async def _heard_of(seconds: float) -> frozenset[str] | None:
    """The task ids of which events told lately that they have ended; None where none can be had."""
    with best_effort("Prefect's events can't be read, so all that is open is asked for"):
        return await _told_of(seconds)
    return None


async def _told_of(seconds: float) -> frozenset[str]:
    since = datetime.now(timezone.utc) - timedelta(seconds=seconds)
    wanted = EventFilter(
        event=EventNameFilter(name=[GENERATION_COMPLETED, GENERATION_FAILED]),
        occurred=EventOccurredFilter.model_validate({"since": since}),
    )
    told: set[str] = set()
    async with get_client() as client:
        page: EventPage | None = await client.read_events(wanted, limit=_EVENTS_A_PAGE)
        while page:
            told |= {str(event.payload.get("task_id")) for event in page.events}
            page = await page.get_next_page(client)
    return frozenset(told)


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
