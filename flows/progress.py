"""The progress of a running batch: phases, remaining time, and the progress artifact."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from statistics import median
from typing import Any, Literal, ParamSpec, TypeVar, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
from prefect import Flow
from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact
from prefect.exceptions import PrefectException
from prefect.logging import get_run_logger

from prefect_toapis.blocks import BucketStore
from prefect_toapis.client.account import Account
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.planning.labels import slug
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.records.generations import read_render_times, render_times_json
from prefect_toapis.records.layout import RENDER_TIMES_FILE
from prefect_toapis.records.store import JSON
from prefect_toapis.tasks.sync_async import async_flow

P = ParamSpec("P")
R = TypeVar("R")

Phase = Literal["waiting", "queued", "rendering", "storing", "stored", "failed", "open"]
ENDED: tuple[Phase, ...] = ("stored", "failed", "open")

_UNDER_WAY: tuple[Phase, ...] = ("queued", "rendering", "storing")
_MAX_ESTIMATE = 30 * 24 * 3600.0  # seconds; longer estimates are discarded
_UPDATE_SECONDS = 5
_LOG_LINES = 10  # for a batch of any size
_MIN_SHOTS_TO_LOG = 10  # the log lines of each shot suffice for smaller batches


@dataclass
class Progress:
    """The phases of a batch's shots.

    Args:
        batch: Name of the batch, once it is known.
        phases: By the label of the shot, in the order of the plan.
        percent: The progress of each rendering shot, from the provider.
        began: When each shot of this run was submitted or found again, by the clock.
        took: Seconds from then until it was stored.
        bought: Labels of the shots that this run paid for.
        made: Names of the characters that this run paid for.
        under_way: Returns the task ids of paid shots that aren't stored, by label.
        origins: Where the account and the bucket come from, once it is known.
        clock: Returns the current time in seconds; monotonic.
    """

    batch: str = ""
    phases: dict[str, Phase] = field(default_factory=dict)
    percent: dict[str, float] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    bought: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    under_way: Callable[[], dict[str, str]] = dict
    origins: dict[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = field(default=time.monotonic, compare=False)

    def set(self, label: str, phase: Phase, percent: float = 0) -> None:
        """Set the phase of a shot."""
        self.phases[label] = phase
        self.percent[label] = percent
        if phase == "queued":
            self.began.setdefault(label, self.clock())
        if phase == "stored" and label in self.began:
            self.took[label] = self.clock() - self.began[label]

    def counts(self) -> Counter[Phase]:
        """Return the number of shots in each phase."""
        return Counter(list(self.phases.values()))

    @property
    def ended(self) -> int:
        """Number of shots that are stored, failed or left open."""
        counts = self.counts()
        return sum(counts[phase] for phase in ENDED)

    @property
    def in_words(self) -> str:
        """Summary of the number of shots in each phase."""
        counts = self.counts()
        parts = [f"{counts[phase]} {phase}" for phase in get_args(Phase) if counts[phase]]
        return f"{self.ended} of {len(self.phases)} shots done: {', '.join(parts)}"


def seconds_left(progress: Progress, now: float, at_once: int) -> float | None:
    """Estimate the remaining seconds of a batch; None if there is no plausible estimate.

    A rendering shot is estimated from its progress, or else from the median of the other shots;
    waiting shots follow in waves of `at_once`.

    Args:
        progress: The phases of the shots.
        now: The current time, by `progress.clock`.
        at_once: Maximum number of shots in flight.

    Example:
        >>> progress = Progress(phases={"a": "rendering"}, percent={"a": 25}, began={"a": 0})
        >>> seconds_left(progress, now=30, at_once=500)
        90.0
    """
    under_way = [label for label, phase in progress.phases.items() if phase in _UNDER_WAY]
    waiting = progress.counts()["waiting"]
    if not under_way and not waiting:
        return 0.0
    estimates = {label: _total_seconds(progress, label, now) for label in under_way}
    known = [*progress.took.values(), *(total for total in estimates.values() if total is not None)]
    if not known:
        return None
    typical = median(known)
    remaining = [
        (typical if (total := estimates[label]) is None else total) - _elapsed(progress, label, now)
        for label in under_way
    ]
    left = max([0.0, *remaining]) + math.ceil(waiting / at_once) * typical
    return left if left <= _MAX_ESTIMATE else None


def shown_progress(progress: Progress, settings: RunSettings) -> str:
    """Describe the progress of a batch, with its expected end.

    Args:
        progress: The phases of the shots.
        settings: `max_in_flight`, and the `time_zone` of the expected end.
    """
    left = seconds_left(progress, progress.clock(), settings.limits.max_in_flight)
    if left is None or progress.ended == len(progress.phases):
        return progress.in_words
    end = datetime.now(ZoneInfo(settings.time_zone)) + timedelta(seconds=left)
    return f"{progress.in_words}; expected end {end:%H:%M %Z}"


@contextmanager
def best_effort(what: str) -> Iterator[None]:
    """Log any error as a warning, and suppress it.

    Args:
        what: The consequence, at the start of the message: "Prefect can't show the batch".

    Example:
        ```python
        with best_effort("There is no new gallery"):
            await write_gallery(bucket, manifest)
        ```
    """
    try:
        yield
    except ToAPIsError as error:
        get_run_logger().warning("%s: %s", what, error.message)
    except (httpx.HTTPError, PrefectException) as error:
        get_run_logger().warning("%s: %s", what, type(error).__name__)
    except Exception as error:  # noqa: BLE001 - an optional step must not fail the run
        get_run_logger().warning("%s: %s", what, type(error).__name__, exc_info=True)


@asynccontextmanager
async def progress_artifact(
    progress: Progress, batch: str, settings: RunSettings
) -> AsyncIterator[None]:
    """Show a batch's progress in the Prefect UI while its shots are made.

    There is a single artifact for the batch, updated every few seconds at most. If Prefect rejects
    it, the batch continues.

    Args:
        progress: The phases of the shots.
        batch: Name of the batch.
        settings: `max_in_flight`, and the `time_zone` of the expected end.
    """
    display = _ProgressDisplay(progress, settings, f"progress-{slug(batch)}")
    updates = asyncio.create_task(display.run())
    try:
        yield
    finally:
        updates.cancel()
        await asyncio.gather(updates, return_exceptions=True)
        await display.show()


@asynccontextmanager
async def render_time_history(account: Account, store: BucketStore) -> AsyncIterator[None]:
    """Load the render times of earlier generations from the bucket, and save new ones at the end.

    They reduce the number of status queries. Errors are only logged.

    Args:
        account: Schedules its status queries by them.
        store: Contains the history.
    """
    with best_effort("How long earlier generations took isn't known"):
        await account.add_render_times(read_render_times(await store.read(RENDER_TIMES_FILE)))
    try:
        yield
    finally:
        with best_effort("How long generations took isn't kept"):
            if seen := await account.render_times():
                await store.write(RENDER_TIMES_FILE, render_times_json(seen), JSON)


def watched_flow(
    public: Flow[P, Coroutine[Any, Any, R]],
    implementation: Callable[..., Coroutine[Any, Any, R]],
    progress: Progress,
) -> Flow[P, Coroutine[Any, Any, R]]:
    """Return a flow with observable progress, which Prefect shows like the public flow.

    Args:
        public: The flow that users call.
        implementation: Called with the parameters of the flow and `progress`.
        progress: Updated while the flow runs; may be read from other threads.
    """

    @wraps(public.fn)
    async def watched(*args: P.args, **kwargs: P.kwargs) -> R:
        return await implementation(*args, **kwargs, progress=progress)

    as_flow = async_flow(name=public.name, flow_run_name=public.flow_run_name)
    return as_flow(watched)


def _elapsed(progress: Progress, label: str, now: float) -> float:
    return now - progress.began.get(label, now)


def _total_seconds(progress: Progress, label: str, now: float) -> float | None:
    """Estimate the seconds from a shot's submission to its end, from its progress."""
    percent = progress.percent.get(label, 0)
    elapsed = _elapsed(progress, label, now)
    if not 0 < percent <= 100 or elapsed <= 0:
        return None
    total = elapsed * 100 / percent
    return total if total <= _MAX_ESTIMATE else None  # a tiny percentage gives a useless estimate


@dataclass
class _ProgressDisplay:
    progress: Progress
    settings: RunSettings
    key: str
    artifact: UUID | None = None
    shown: str = ""
    logged: int = 0

    async def run(self) -> None:
        while True:
            await self.show()
            self._log()
            await asyncio.sleep(_UPDATE_SECONDS)

    async def show(self) -> None:
        with best_effort("Prefect can't show the progress"):
            words = shown_progress(self.progress, self.settings)
            if words == self.shown:
                return
            self.shown = words
            percent = 100 * self.progress.ended / max(len(self.progress.phases), 1)
            if self.artifact is None:
                self.artifact = await acreate_progress_artifact(percent, self.key, words)
            else:
                await aupdate_progress_artifact(self.artifact, percent, words)

    def _log(self) -> None:
        total = len(self.progress.phases)
        tenth = self.progress.ended * _LOG_LINES // max(total, 1)
        if total >= _MIN_SHOTS_TO_LOG and tenth > self.logged:
            self.logged = tenth
            get_run_logger().info("%s", self.shown)
