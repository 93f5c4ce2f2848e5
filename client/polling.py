"""A poll scheduler shared by all waits for generations.

A heap of due times and a single loop serve all of them: a wait costs a heap entry, not a sleeping
coroutine. When to query next (`pacing`) and what a reply means (`verdict`) are pure functions.
"""

import asyncio
import heapq
import itertools
import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from prefect_toapis.client.allowance import Bucket
from prefect_toapis.client.errors import (
    NotFound,
    ResultMissing,
    StillRendering,
    ToAPIsError,
    Transient,
)
from prefect_toapis.client.pacing import RenderTimes, next_age, worth_of
from prefect_toapis.client.replies import Reply
from prefect_toapis.client.response_decisions import failure_error, foreign, kept
from prefect_toapis.client.retrying import RetryPolicy

Wanted = Literal["outputs", "characters"]
Ask = Callable[[str, RetryPolicy], Awaitable[Reply]]
"""Queries a generation by its task id, with the caller's retry policy."""

_SHORTEST, _LONGEST = 0.1, 6.0  # between two queries, in units of `PollPolicy.every`
# A query takes about 2 ms of CPU, which limits how many are useful.
ASKED_PER_SECOND = 150.0
# Jitter, as a fraction of the delay or of `PollPolicy.every`: spreads the queries of generations
# that were submitted together.
_SPREAD = 0.1
_CLOCK_SKEW = 5.0  # seconds
SHORTEST_RENDER = 0.05  # seconds: shorter times are discarded
_LONGEST_RENDER = 86400.0  # seconds: longer times are discarded
_PLANNED_AT_ONCE = 50  # waits rescheduled (some milliseconds) before yielding to the event loop


@dataclass(frozen=True)
class PollPolicy:
    """When to query, in seconds. The defaults are the provider's advice ([D]).

    Args:
        first: The minimum delay before the first query.
        every: The interval between queries while the render time is unknown: shorter where
            completion is likely, longer where it isn't or where the rate limit requires it.
        timeout: The maximum wait for a generation in a run.
        grace: The maximum time for which a submitted task may be unknown, a completed task may lack
            a URL, or the API may be unavailable.
    """

    first: float = 5.0
    every: float = 10.0
    timeout: float = 3600.0
    grace: float = 120.0


# [D], the advice for characters.
CHARACTER_POLL_POLICY = PollPolicy(first=5.0, every=5.0, timeout=300.0)


@dataclass(frozen=True)
class Expected:
    """What is known of a generation before it is queried.

    Args:
        kind: Generations of the same kind have similar render times.
        age: Seconds since the submission.
        n: The number of results ordered.
        business_id: The caller's own id of it; replies with a different id are rejected.
    """

    kind: str = ""
    age: float = 0.0
    n: int = 1
    business_id: str | None = None


def next_query_in(
    asked: int, expected: Expected, progress: float | None, policy: PollPolicy, times: RenderTimes
) -> float:
    """Seconds until the next query of a generation, before jitter and rate limits.

    Args:
        asked: The number of queries in this run.
        expected: Its kind, and its current age.
        progress: In percent, where the provider reports it.
        policy: The poll policy.
        times: The render times of other generations.
    """
    if asked == 0 and expected.age > policy.first:  # of an earlier run: it may be completed
        return 0.0
    belief = times.belief(expected.kind)
    worth = worth_of(policy.every, belief)
    planned = next_age(belief, expected.age, worth, progress) - expected.age
    if not math.isfinite(planned):
        planned = policy.every
    delay = min(max(planned, _SHORTEST * policy.every), _LONGEST * policy.every)
    return max(delay, policy.first) if asked == 0 else delay


def render_seconds(reported: float | None, age: float, not_before: float) -> float:
    """The best estimate of a generation's render time, in seconds.

    Args:
        reported: By the provider; ignored if it exceeds the age.
        age: When it was first seen completed, in seconds since its submission.
        not_before: Its age when it was last seen incomplete.
    """
    believed = reported is not None and reported <= age + _CLOCK_SKEW
    # The provider starts its clock after the submission.
    return max(reported if believed and reported is not None else age, not_before)


def stretched(policy: PollPolicy, demand: float, per_second: float) -> PollPolicy:
    """The policy with its interval stretched so that all waits keep to the rate limit.

    Args:
        policy: For a single wait.
        demand: Queries a second that all waits would make.
        per_second: Queries a second that are allowed.

    Example:
        >>> stretched(PollPolicy(every=10), demand=100, per_second=50).every
        20.0
    """
    if demand <= per_second:
        return policy
    return replace(policy, every=policy.every * demand / per_second)


def verdict(
    answer: Reply | ToAPIsError,
    waited: float,
    unhealthy_for: float,
    policy: PollPolicy,
    wanted: Wanted = "outputs",
    n: int = 1,
) -> Reply | ToAPIsError | None:
    """What a reply means: the final reply, the error to raise, or None to query again.

    A completed generation with fewer results than ordered is queried again until the grace period
    ends, then accepted as it is.

    Args:
        answer: The reply to the latest query, or the error that it raised.
        waited: Seconds since the wait began.
        unhealthy_for: Seconds since the first completed reply without the wanted results, or since
            every answer has been an error.
        policy: The timeouts.
        wanted: What a completed generation must have.
        n: The number of results ordered.
    """
    if isinstance(answer, ToAPIsError):
        too_early = isinstance(answer, NotFound) and waited < policy.grace
        may_pass = isinstance(answer, Transient) and unhealthy_for < policy.grace
        return None if too_early or may_pass else answer
    if answer.status == "failed":
        return failure_error(answer)
    found = answer.outputs if wanted == "outputs" else answer.characters
    missing = 0 if wanted == "characters" and found else n - len(found)
    completed = answer.status == "completed"
    over = waited >= policy.timeout
    if completed and (missing <= 0 or (found and (over or unhealthy_for >= policy.grace))):
        return answer
    if completed and unhealthy_for >= policy.grace:
        return result_missing(answer, "URL" if wanted == "outputs" else "character")
    return _still_rendering(answer, waited) if over else None


def result_missing(reply: Reply, what: str) -> ResultMissing:
    """The error for a completed generation whose reply has no result.

    Args:
        reply: The latest reply.
        what: The missing part, such as `URL`.
    """
    said = f"; the provider says: {reply.failure.message}" if reply.failure else ""
    text = f"the generation is completed, but its reply gives no {what}{said}"
    return ResultMissing(text, **kept(reply))


def _still_rendering(reply: Reply, waited: float) -> StillRendering:
    what = f"still {reply.in_words} after {waited:.0f} seconds"
    if reply.word:
        what = f"after {waited:.0f} seconds its status is {reply.in_words}, which is unknown"
    if reply.failure:
        what = f"{what}; the provider says: {reply.failure.message}"
    odd = reply.status == "unknown" or reply.failure
    return StillRendering(what, **(kept(reply) if odd else {}))


@dataclass(eq=False)
class _Waiting:
    task_id: str
    policy: PollPolicy
    expected: Expected
    retry: RetryPolicy
    result: "asyncio.Future[Reply]"
    since: float
    told_at: float  # when the latest answer came, or since when it waits
    asked: int = 0
    odd_since: float | None = None
    progress: float | None = None
    rate: float = 0.0  # queries a second that it would make alone
    turn: int = 0  # its entry in the heap; earlier ones are void
    noticed: bool = False
    on_reply: Callable[[Reply], None] = field(default=lambda _: None)

    def age_at(self, now: float) -> float:
        return self.expected.age + now - self.since


class Poller:
    """The poll scheduler of an account in this process.

    Args:
        ask: Queries a generation, with the waiting caller's retry policy.
        bucket: The account's rate limit for queries, which several schedulers may share.
        times: The render times, extended by each completed wait.
        wanted: What a completed generation must have.
    """

    def __init__(
        self,
        ask: Ask,
        bucket: Bucket,
        times: RenderTimes,
        wanted: Wanted = "outputs",
    ) -> None:
        self._ask = ask
        self._bucket = bucket
        self._times = times
        self._wanted: Wanted = wanted
        self._due: list[tuple[float, int, _Waiting]] = []
        self._order = itertools.count(1)
        self._changed = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._working: set[asyncio.Task[None]] = set()
        self._seen: Counter[str] = Counter()
        self._waiting: dict[str, set[_Waiting]] = {}
        self._demand = 0.0
        self.in_flight = 0

    async def wait(
        self,
        task_id: str,
        policy: PollPolicy | None = None,
        on_reply: Callable[[Reply], None] = lambda _: None,
        expected: Expected = Expected(),
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
    ) -> Reply:
        """Wait until a generation is completed.

        Args:
            task_id: The generation.
            policy: When to query, and for how long.
            on_reply: Called with every reply, to show progress.
            expected: What is known of the generation.
            retry: The retry policy of each query.

        Raises:
            GenerationFailed: The provider ended it without a video.
            StillRendering: The timeout elapsed.
            ResultMissing: Completed, but without a URL for longer than the grace period.
            NotFound: The provider has no such task for longer than the grace period.
            ToAPIsError: As `ToAPIsClient.status`.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        policy, result = policy or PollPolicy(), loop.create_future()
        waiting = _Waiting(task_id, policy, expected, retry, result, now, now, on_reply=on_reply)
        self.in_flight += 1
        same = self._waiting.setdefault(task_id, set())
        same.add(waiting)
        try:
            self._schedule(waiting)
            return await waiting.result
        finally:
            self.in_flight -= 1
            self._unschedule(waiting)
            same.discard(waiting)
            if not same:
                self._waiting.pop(task_id, None)

    def notice(self, task_id: str) -> None:
        """Query a generation now, because an event about it arrived."""
        for waiting in self._waiting.get(task_id, ()):
            if waiting.turn:
                self._unschedule(waiting)
                self._push(waiting, 0.0)
            else:  # a query is under way, and its reply may be older than the event
                waiting.noticed = True

    def _schedule(self, waiting: _Waiting) -> None:
        if waiting.noticed:
            waiting.noticed = False
            self._push(waiting, 0.0)
            return
        expected = Expected(waiting.expected.kind, waiting.age_at(waiting.told_at))
        asked, progress, policy = waiting.asked, waiting.progress, waiting.policy
        alone = next_query_in(asked, expected, progress, policy, self._times)
        waiting.rate = 1 / max(alone, _SHORTEST * policy.every)
        self._demand += waiting.rate
        bearable = min(self._bucket.per_second, ASKED_PER_SECOND)
        together = stretched(policy, self._demand, bearable)
        delay = (
            alone
            if together is policy
            else next_query_in(asked, expected, progress, together, self._times)
        )
        spread = _SPREAD * min(delay, together.every)
        due = waiting.told_at + delay + random.uniform(-spread, spread)  # noqa: S311 - no secret
        self._push(waiting, due)

    def _push(self, waiting: _Waiting, due: float) -> None:
        waiting.turn = next(self._order)
        heapq.heappush(self._due, (due, waiting.turn, waiting))
        self._changed.set()
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._run())

    def _unschedule(self, waiting: _Waiting) -> None:
        self._demand = max(self._demand - waiting.rate, 0.0)
        waiting.rate, waiting.turn = 0.0, 0

    async def _run(self) -> None:
        """Start each query when it is due and the rate limit allows it; end when none is left."""
        clock = asyncio.get_running_loop()
        while self._due:
            self._changed.clear()
            when, turn, waiting = self._due[0]
            if turn != waiting.turn:  # cancelled or rescheduled
                heapq.heappop(self._due)
                continue
            if when > clock.time():
                timer = clock.call_at(when, self._changed.set)
                await self._changed.wait()
                timer.cancel()
                continue
            heapq.heappop(self._due)
            self._unschedule(waiting)
            await self._bucket.acquire()
            self._begin(self._query(waiting))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _query(self, waiting: _Waiting) -> None:
        final: Reply | Exception | None
        if waiting.result.done():  # cancelled
            return
        try:
            final = await self._ask_once(waiting)
        except Exception as error:  # noqa: BLE001 - any error must reach the waiting caller
            final = error
        if waiting.result.done():  # likewise
            return
        if final is None:
            try:
                self._schedule(waiting)
            except Exception as error:  # noqa: BLE001 - likewise: it would wait for ever
                waiting.result.set_exception(error)
        elif isinstance(final, Reply):
            waiting.result.set_result(final)
        else:
            waiting.result.set_exception(final)

    async def _ask_once(self, waiting: _Waiting) -> Reply | ToAPIsError | None:
        now = asyncio.get_running_loop().time()
        waiting.asked += 1
        answer: Reply | ToAPIsError
        try:
            answer = await self._ask(waiting.task_id, waiting.retry)
            answer = foreign(answer, business_id=waiting.expected.business_id) or answer
        except ToAPIsError as error:
            answer = error
        before, waiting.told_at = waiting.told_at, asyncio.get_running_loop().time()
        if isinstance(answer, Reply):
            waiting.progress = answer.progress
            waiting.on_reply(answer)
        if isinstance(answer, Transient) or _is_done(answer):
            waiting.odd_since = now if waiting.odd_since is None else waiting.odd_since
        else:
            waiting.odd_since = None
        unhealthy_for = 0.0 if waiting.odd_since is None else now - waiting.odd_since
        waited, expected = now - waiting.since, waiting.expected
        result = verdict(answer, waited, unhealthy_for, waiting.policy, self._wanted, expected.n)
        if isinstance(result, Reply):
            until = now if waiting.odd_since is None else waiting.odd_since
            not_before = waiting.age_at(before) if waiting.asked > 1 and before < until else 0.0
            self._add_render_times(
                expected.kind, render_seconds(result.took, waiting.age_at(until), not_before)
            )
        return result

    def _add_render_times(self, kind: str, took: float) -> None:
        if not SHORTEST_RENDER <= took < _LONGEST_RENDER:
            return
        self._times.saw(kind, took)
        self._seen[kind] += 1
        if self._seen[kind].bit_count() == 1:  # 1, 2, 4, 8, ...: the estimate has improved
            self._begin(self._reschedule(kind))

    async def _reschedule(self, kind: str) -> None:
        """Reschedule the waits of a kind by the new estimate: they may be due much earlier."""
        waits = [waiting for same in self._waiting.values() for waiting in same]
        for number, waiting in enumerate(waits):
            if waiting.turn and waiting.expected.kind == kind:
                self._unschedule(waiting)
                self._schedule(waiting)
            if number % _PLANNED_AT_ONCE == 0:
                await asyncio.sleep(0)


def _is_done(answer: Reply | ToAPIsError) -> bool:
    return isinstance(answer, Reply) and answer.status == "completed"
