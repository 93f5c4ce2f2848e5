"""Waiting for many generations with one scheduler.

A heap of due times and one loop serve all of them: what waits costs an entry, not a coroutine
that sleeps. When to ask next (`pacing`) and what an answer means are pure functions.
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
from prefect_toapis.client.decisions import failure_error, foreign, kept
from prefect_toapis.client.errors import (
    NotFound,
    ResultMissing,
    StillRendering,
    ToAPIsError,
    Transient,
)
from prefect_toapis.client.pacing import RenderTimes, next_age, worth_of
from prefect_toapis.client.replies import Reply
from prefect_toapis.client.retrying import RetryPolicy

Wanted = Literal["outputs", "characters"]
Ask = Callable[[str, RetryPolicy], Awaitable[Reply]]
"""Asks for one generation, by task id, as its caller wants it retried."""

_SHORTEST, _LONGEST = 0.1, 6.0  # between two queries, in units of `PollPolicy.every`
# A query takes some 2 ms of CPU: more of them would cost more than their news is worth.
ASKED_PER_SECOND = 150.0
# Of the time until a query, or of `PollPolicy.every`: what was submitted together isn't asked for
# together.
_SPREAD = 0.1
_CLOCKS_DIFFER = 5.0  # seconds
SHORTEST_RENDER = 0.05  # seconds: nothing renders faster, whatever a reply says
_LONGEST_RENDER = 86400.0  # seconds: nothing is learnt from what is older
_PLANNED_AT_ONCE = 50  # waits, some milliseconds of work, before others have their turn


@dataclass(frozen=True)
class PollPolicy:
    """When to ask, in seconds. The defaults are the provider's advice ([D]).

    Args:
        first: Before the first query, at least.
        every: Between two queries while nothing is known of how long it takes: less than that
            where the end is near, more where it isn't or where the account's allowance asks for it.
        timeout: How long to wait for one generation in one run.
        grace: How long a task may be unknown after its submission, a completed one without a URL,
            and the API out of order.
    """

    first: float = 5.0
    every: float = 10.0
    timeout: float = 3600.0
    grace: float = 120.0


# [D], the advice for characters.
CHARACTER_POLL_POLICY = PollPolicy(first=5.0, every=5.0, timeout=300.0)


@dataclass(frozen=True)
class Expected:
    """What is known of a generation before it is asked for.

    Args:
        kind: Those of one kind take about as long.
        age: Seconds since it was submitted.
        n: How many results were ordered.
        business_id: The caller's own id of it: a reply that carries another one isn't about it.
    """

    kind: str = ""
    age: float = 0.0
    n: int = 1
    business_id: str | None = None


def next_query_in(
    asked: int, expected: Expected, progress: float | None, policy: PollPolicy, times: RenderTimes
) -> float:
    """Seconds until a generation is asked for again by itself, before jitter.

    Args:
        asked: How often it was asked for in this run.
        expected: Its kind, and its age now.
        progress: In percent, where the provider tells it.
        policy: The policy while nothing is known.
        times: How long others took.
    """
    if asked == 0 and expected.age > policy.first:  # of an earlier run: it may be done
        return 0.0
    belief = times.belief(expected.kind)
    worth = worth_of(policy.every, belief)
    planned = next_age(belief, expected.age, worth, progress) - expected.age
    if not math.isfinite(planned):
        planned = policy.every
    delay = min(max(planned, _SHORTEST * policy.every), _LONGEST * policy.every)
    return max(delay, policy.first) if asked == 0 else delay


def render_seconds(told: float | None, age: float, not_before: float) -> float:
    """How long a generation took, as far as can be known.

    Args:
        told: As the provider tells; not believed if that is longer than it is known here.
        age: When it was first seen completed, in seconds since its submission.
        not_before: Its age when it was last seen not completed.
    """
    believed = told is not None and told <= age + _CLOCKS_DIFFER
    # The provider's clock begins later than ours.
    return max(told if believed and told is not None else age, not_before)


def stretched(policy: PollPolicy, demand: float, per_second: float) -> PollPolicy:
    """The policy where all together would ask for more than the account may.

    Args:
        policy: Of one alone.
        demand: Queries a second that all who wait would make, this one included.
        per_second: Queries a second that may be made.

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
    """What an answer means: the final reply, the error to raise, or None: ask again.

    A completed one with fewer results than were ordered is asked for again for a while, then
    taken as it is.

    Args:
        answer: The reply to the latest query, or what it raised.
        waited: Seconds since the wait began.
        unhealthy_for: Seconds since the first completed reply without the wanted results, or since
            every answer has been an error.
        policy: The timeouts.
        wanted: What a completed one must have.
        n: How many results were ordered.
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
    """A generation that is called completed, in whose reply nothing is found.

    Args:
        reply: The latest.
        what: Isn't found.
    """
    said = f"; the provider says: {reply.failure.message}" if reply.failure else ""
    text = f"the generation is completed, but its reply gives no {what}{said}"
    return ResultMissing(text, **kept(reply))


def _still_rendering(reply: Reply, waited: float) -> StillRendering:
    what = f"still {reply.in_words} after {waited:.0f} seconds"
    if reply.word:
        what = f"after {waited:.0f} seconds its status is {reply.in_words}, which is not known here"
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
    """One scheduler for everything of one sort that waits in this process on one account.

    Args:
        ask: Asks for one generation, with the retry policy of whoever waits for it.
        bucket: The account's allowance of queries, which several schedulers may share.
        times: How long generations took; it learns from what it waits for.
        wanted: What a completed one must have.
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
            policy: When to ask, and for how long.
            on_reply: Called with every reply, to show progress.
            expected: What is known of it.
            retry: How each query is tried again.

        Raises:
            GenerationFailed: The provider ended it without a video.
            StillRendering: The timeout elapsed.
            ResultMissing: Completed, but without a URL for too long.
            NotFound: The provider doesn't know it, for longer than the grace.
            ToAPIsError: What the query itself raises, as `ToAPIsClient.status`.
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
        """Ask for a generation once, now: something is said to have happened to it."""
        for waiting in self._waiting.get(task_id, ()):
            if waiting.turn:
                self._unschedule(waiting)
                self._push(waiting, 0.0)
            else:  # it is being asked for now, and the answer may be older than the news
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
        """Start each query when it is due and the allowance has room; end when nothing waits."""
        clock = asyncio.get_running_loop()
        while self._due:
            self._changed.clear()
            when, turn, waiting = self._due[0]
            if turn != waiting.turn:  # its task was cancelled, or it was brought forward
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
        if waiting.result.done():  # its task was cancelled
            return
        try:
            final = await self._ask_once(waiting)
        except Exception as error:  # noqa: BLE001 - whatever it is, who waits must hear of it
            final = error
        if waiting.result.done():  # likewise
            return
        if final is None:
            try:
                self._schedule(waiting)
            except Exception as error:  # noqa: BLE001 - likewise: else it would wait for ever
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
            self._learn(
                expected.kind, render_seconds(result.took, waiting.age_at(until), not_before)
            )
        return result

    def _learn(self, kind: str, took: float) -> None:
        if not SHORTEST_RENDER <= took < _LONGEST_RENDER:
            return
        self._times.saw(kind, took)
        self._seen[kind] += 1
        if self._seen[kind].bit_count() == 1:  # 1, 2, 4, 8, ...: much more is known than before
            self._begin(self._plan_anew(kind))

    async def _plan_anew(self, kind: str) -> None:
        """Have the others of a kind use what is known now: they may be due much earlier."""
        waits = [one for same in self._waiting.values() for one in same]
        for number, waiting in enumerate(waits):
            if waiting.turn and waiting.expected.kind == kind:
                self._unschedule(waiting)
                self._schedule(waiting)
            if number % _PLANNED_AT_ONCE == 0:
                await asyncio.sleep(0)


def _is_done(answer: Reply | ToAPIsError) -> bool:
    return isinstance(answer, Reply) and answer.status == "completed"
