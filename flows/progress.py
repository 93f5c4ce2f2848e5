"""The progress of a running batch: where each shot is, when all may be done, and who sees it."""

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
_LONGEST = 30 * 24 * 3600.0  # seconds: what would take longer is no estimate
_EVERY_SECONDS = 5
_LINES = 10  # in the log, for a batch of any size
_WORTH_A_LINE = 10  # shots: the lines of a smaller batch's shots say it already


@dataclass
class Progress:
    """The phases of a batch's shots.

    Args:
        batch: Its name, once it is known.
        phases: By the shot's label, in the order of the plan.
        percent: How far each rendering one is, as the provider tells.
        began: When each shot of this run was submitted or found again, by the clock.
        took: How many seconds each needed from then until it was stored.
        bought: The shots whose generation this run paid for.
        made: The characters whose creation this run paid for.
        under_way: Gives the task ids of what is paid and not stored, by the shots' labels.
    """

    batch: str = ""
    phases: dict[str, Phase] = field(default_factory=dict)
    percent: dict[str, float] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    bought: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    under_way: Callable[[], dict[str, str]] = dict
    clock: Callable[[], float] = field(default=time.monotonic, compare=False)

    def set(self, label: str, phase: Phase, percent: float = 0) -> None:
        """Note where a shot is."""
        self.phases[label] = phase
        self.percent[label] = percent
        if phase == "queued":
            self.began.setdefault(label, self.clock())
        if phase == "stored" and label in self.began:
            self.took[label] = self.clock() - self.began[label]

    def counts(self) -> Counter[Phase]:
        """How many shots are in each phase."""
        return Counter(list(self.phases.values()))

    @property
    def ended(self) -> int:
        """How many shots are done, for good or for now."""
        counts = self.counts()
        return sum(counts[phase] for phase in ENDED)

    @property
    def in_words(self) -> str:
        """How many shots are where, in the order in which they pass."""
        counts = self.counts()
        parts = [f"{counts[phase]} {phase}" for phase in get_args(Phase) if counts[phase]]
        return f"{self.ended} of {len(self.phases)} shots done: {', '.join(parts)}"


def seconds_left(progress: Progress, now: float, at_once: int) -> float | None:
    """How many seconds a batch still needs; None while nothing tells, or nothing that can be.

    A shot that renders is judged by its progress, or else by what the others took; those that
    wait come in waves of as many as may be under way.

    Args:
        progress: Where every shot is.
        now: By the progress's own clock.
        at_once: Shots under way at once, at most.

    Example:
        >>> progress = Progress(phases={"a": "rendering"}, percent={"a": 25}, began={"a": 0})
        >>> seconds_left(progress, now=30, at_once=500)
        90.0
    """
    under_way = [label for label, phase in progress.phases.items() if phase in _UNDER_WAY]
    waiting = progress.counts()["waiting"]
    if not under_way and not waiting:
        return 0.0
    whole = {label: _whole(progress, label, now) for label in under_way}
    known = [*progress.took.values(), *(one for one in whole.values() if one is not None)]
    if not known:
        return None
    typical = median(known)
    rest = [
        (typical if whole[label] is None else whole[label] or 0) - _elapsed(progress, label, now)
        for label in under_way
    ]
    left = max([0.0, *rest]) + math.ceil(waiting / at_once) * typical
    return left if left <= _LONGEST else None


def _elapsed(progress: Progress, label: str, now: float) -> float:
    return now - progress.began.get(label, now)


def _whole(progress: Progress, label: str, now: float) -> float | None:
    """How long a shot takes from its submission to the end, by its progress."""
    percent = progress.percent.get(label, 0)
    elapsed = _elapsed(progress, label, now)
    if not 0 < percent <= 100 or elapsed <= 0:
        return None
    whole = elapsed * 100 / percent
    return whole if whole <= _LONGEST else None  # of a progress of next to nothing, for one


@contextmanager
def best_effort(what: str) -> Iterator[None]:
    """Whatever goes wrong within it is a warning in the log.

    Args:
        what: Isn't there then, as a sentence begins: "Prefect can't show the batch".

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
    except Exception as error:  # noqa: BLE001 - the videos matter more, whatever this was
        get_run_logger().warning("%s: %s", what, type(error).__name__, exc_info=True)


@asynccontextmanager
async def progress_artifact(
    progress: Progress, batch: str, settings: RunSettings
) -> AsyncIterator[None]:
    """Show a batch's progress in the Prefect UI while its shots are made.

    One artifact for the batch, changed every few seconds at most, and never one for a shot or a
    status query. The videos matter more: where Prefect takes no artifact, the batch goes on.

    Args:
        progress: Where the shots are.
        batch: The batch's name.
        settings: `max_in_flight`, and the `time_zone` of the expected end.
    """
    watch = _Watch(progress, settings, f"progress-{slug(batch)}")
    watching = asyncio.create_task(watch.run())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await watch.show()


@dataclass
class _Watch:
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
            await asyncio.sleep(_EVERY_SECONDS)

    async def show(self) -> None:
        with best_effort("Prefect can't show the progress"):
            words = self._in_words()
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
        tenth = self.progress.ended * _LINES // max(total, 1)
        if total >= _WORTH_A_LINE and tenth > self.logged:
            self.logged = tenth
            get_run_logger().info("%s", self.shown)

    def _in_words(self) -> str:
        left = seconds_left(
            self.progress, self.progress.clock(), self.settings.limits.max_in_flight
        )
        if left is None or self.progress.ended == len(self.progress.phases):
            return self.progress.in_words
        end = datetime.now(ZoneInfo(self.settings.time_zone)) + timedelta(seconds=left)
        return f"{self.progress.in_words}; expected end {end:%H:%M %Z}"


@asynccontextmanager
async def render_time_history(account: Account, store: BucketStore) -> AsyncIterator[None]:
    """Start with how long earlier generations in the bucket took, and keep what this run adds.

    It makes waiting cheaper and is worth no failure: where the bucket refuses the file, the log
    says so.

    Args:
        account: Schedules the queries by it.
        store: Where the history is kept.
    """
    with best_effort("How long earlier generations took isn't known"):
        await account.learn(read_render_times(await store.read(RENDER_TIMES_FILE)))
    try:
        yield
    finally:
        with best_effort("How long generations took isn't kept"):
            if seen := await account.learnt():
                await store.write(RENDER_TIMES_FILE, render_times_json(seen), JSON)


def watched_flow(
    public: Flow[P, Coroutine[Any, Any, R]],
    implementation: Callable[..., Coroutine[Any, Any, R]],
    progress: Progress,
) -> Flow[P, Coroutine[Any, Any, R]]:
    """A flow whose progress its caller can watch: the public one in all that Prefect shows.

    Args:
        public: The flow that users call.
        implementation: What it calls, with its parameters and a `progress`.
        progress: Kept up to date while the flow runs; may be read in other threads.
    """

    @wraps(public.fn)
    async def watched(*args: P.args, **kwargs: P.kwargs) -> R:
        return await implementation(*args, **kwargs, progress=progress)

    as_flow = async_flow(name=public.name, flow_run_name=public.flow_run_name)
    return as_flow(watched)
