"""Waiting for many generations with one scheduler.

A heap of due times and one loop serve all of them: what waits costs an entry, not a coroutine
that sleeps. When to ask next and what an answer means are pure functions.
"""

import asyncio
import heapq
import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from aiolimiter import AsyncLimiter

from prefect_toapis.client.decisions import failure_error
from prefect_toapis.client.errors import (
    NotFound,
    ResultMissing,
    StillRendering,
    ToAPIsError,
    Transient,
)
from prefect_toapis.client.replies import Reply

Wanted = Literal["outputs", "characters"]


@dataclass(frozen=True)
class Pace:
    """When to ask, in seconds. The defaults are the provider's advice ([D]).

    Args:
        first: Before the first query.
        every: Between two queries; more when the account's allowance asks for it.
        patience: How long to wait for one generation in one run.
        grace: How long a task may be unknown after its submission, a completed one without a URL,
            and the API out of order.
    """

    first: float = 5.0
    every: float = 10.0
    patience: float = 3600.0
    grace: float = 120.0


CHARACTER_PACE = Pace(first=5.0, every=5.0, patience=300.0)  # [D], the advice for characters


def next_query_in(asked: int, in_flight: int, pace: Pace, queries_per_second: float) -> float:
    """Seconds until a generation is asked for again, before jitter.

    Args:
        asked: How often it was asked for already.
        in_flight: How many generations wait, this one included.
        pace: The pace for one generation alone.
        queries_per_second: What the account may ask; with many in flight each waits its turn.
    """
    alone = pace.first if asked == 0 else pace.every
    return max(alone, in_flight / queries_per_second) if asked else alone


def verdict(
    answer: Reply | ToAPIsError,
    waited: float,
    odd_for: float,
    pace: Pace,
    wanted: Wanted = "outputs",
) -> Reply | ToAPIsError | None:
    """What an answer means: the final reply, the error to raise, or None: ask again.

    Args:
        answer: The reply to the latest query, or what it raised.
        waited: Seconds since the wait began.
        odd_for: Seconds since it was first called completed without what is wanted, or since the
            API was out of order in every answer.
        pace: How long to have patience.
        wanted: What a completed one must have.
    """
    if isinstance(answer, ToAPIsError):
        too_early = isinstance(answer, NotFound) and waited < pace.grace
        may_pass = isinstance(answer, Transient) and odd_for < pace.grace
        return None if too_early or may_pass else answer
    if answer.status == "failed":
        return failure_error(answer)
    if answer.status == "completed" and (
        answer.outputs if wanted == "outputs" else answer.characters
    ):
        return answer
    if answer.status == "completed" and odd_for >= pace.grace:
        missing = "URL" if wanted == "outputs" else "character"
        return ResultMissing(f"the generation is completed, but its reply gives no {missing}")
    if waited >= pace.patience:
        what = f"still {answer.status.replace('_', ' ')} after {waited:.0f} seconds"
        return StillRendering(what)
    return None


@dataclass
class _Waiting:
    task_id: str
    pace: Pace
    result: "asyncio.Future[Reply]"
    since: float
    asked: int = 0
    odd_since: float | None = None
    on_reply: Callable[[Reply], None] = field(default=lambda _: None)


class Poller:
    """One scheduler for everything of one sort that waits in this process on one account.

    Args:
        ask: Asks for one generation, by task id.
        limiter: The account's allowance of queries, which several schedulers may share.
        wanted: What a completed one must have.
    """

    def __init__(
        self,
        ask: Callable[[str], Awaitable[Reply]],
        limiter: AsyncLimiter,
        wanted: Wanted = "outputs",
    ) -> None:
        self._ask = ask
        self._limiter = limiter
        self._wanted: Wanted = wanted
        self._due: list[tuple[float, int, _Waiting]] = []
        self._order = itertools.count()
        self._changed = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._queries: set[asyncio.Task[None]] = set()
        self.in_flight = 0

    async def wait(
        self,
        task_id: str,
        pace: Pace | None = None,
        on_reply: Callable[[Reply], None] = lambda _: None,
    ) -> Reply:
        """Wait until a generation is completed.

        Args:
            task_id: The generation.
            pace: When to ask, and for how long.
            on_reply: Called with every reply, to show progress.

        Raises:
            GenerationFailed: The provider ended it without a video.
            StillRendering: The patience ran out.
            ResultMissing: Completed, but without a URL for too long.
            NotFound: The provider doesn't know it, for longer than the grace.
            ToAPIsError: What the query itself raises, as `ToAPIsClient.status`.
        """
        clock = asyncio.get_running_loop()
        waiting = _Waiting(
            task_id, pace or Pace(), clock.create_future(), clock.time(), on_reply=on_reply
        )
        self.in_flight += 1
        try:
            self._schedule(waiting)
            return await waiting.result
        finally:
            self.in_flight -= 1

    def _schedule(self, waiting: _Waiting) -> None:
        rate = self._limiter.max_rate / self._limiter.time_period
        delay = next_query_in(waiting.asked, self.in_flight, waiting.pace, rate)
        delay *= random.uniform(0.9, 1.1)  # noqa: S311 - spreads the queries, guards no secret
        when = asyncio.get_running_loop().time() + delay
        heapq.heappush(self._due, (when, next(self._order), waiting))
        self._changed.set()
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._run())

    async def _run(self) -> None:
        """Start each query when it is due and the allowance has room; end when nothing waits."""
        clock = asyncio.get_running_loop()
        while self._due:
            self._changed.clear()
            wait = self._due[0][0] - clock.time()
            if wait > 0:
                await _wait_at_most(self._changed, wait)
                continue
            _, _, waiting = heapq.heappop(self._due)
            if waiting.result.done():  # its task was cancelled
                continue
            await self._limiter.acquire()
            query = asyncio.create_task(self._query(waiting))
            self._queries.add(query)
            query.add_done_callback(self._queries.discard)

    async def _query(self, waiting: _Waiting) -> None:
        final: Reply | Exception | None
        try:
            final = await self._ask_once(waiting)
        except Exception as error:  # noqa: BLE001 - whatever it is, who waits must hear of it
            final = error
        if waiting.result.done():  # its task was cancelled
            return
        if final is None:
            self._schedule(waiting)
        elif isinstance(final, Reply):
            waiting.result.set_result(final)
        else:
            waiting.result.set_exception(final)

    async def _ask_once(self, waiting: _Waiting) -> Reply | ToAPIsError | None:
        now = asyncio.get_running_loop().time()
        waiting.asked += 1
        answer: Reply | ToAPIsError
        try:
            answer = await self._ask(waiting.task_id)
        except ToAPIsError as error:
            answer = error
        if isinstance(answer, Reply):
            waiting.on_reply(answer)
        if isinstance(answer, Transient) or _is_done(answer):
            waiting.odd_since = now if waiting.odd_since is None else waiting.odd_since
        else:
            waiting.odd_since = None
        odd_for = 0.0 if waiting.odd_since is None else now - waiting.odd_since
        return verdict(answer, now - waiting.since, odd_for, waiting.pace, self._wanted)


def _is_done(answer: Reply | ToAPIsError) -> bool:
    return isinstance(answer, Reply) and answer.status == "completed"


async def _wait_at_most(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except asyncio.TimeoutError:
        return
