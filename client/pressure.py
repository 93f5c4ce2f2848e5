"""How a process backs off from an account that pushes back.

A 429 or 503, or a row of failures, slows down everything that the process asks of that kind, and
not one task at a time: all wait out the pause, then a single request tries whether it is over. So
an outage meets one request now and then, however many wait, and not a storm of retries.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prefect_toapis.client.errors import (
    NotSent,
    RateLimited,
    ToAPIsError,
    Unavailable,
    UnreadableReply,
)

FIRST_PAUSE = 0.5  # seconds, twice as long after each further push back
LONGEST_PAUSE = 15.0
LONGEST_ASKED = 60.0  # of a Retry-After that is heeded for everybody
IN_A_ROW = 5  # failures that mean an outage, where none of them says so

_FAILURES = (NotSent, Unavailable, UnreadableReply)


@dataclass(frozen=True)
class BackoffState:
    """What is known of an account that may be pushing back.

    Args:
        failures: How often something failed since the last good answer.
        pushes: How often it pushed back since then.
        until: Before this moment nothing is asked, by the clock of `after`.
    """

    failures: int = 0
    pushes: int = 0
    until: float = 0.0

    @property
    def eased(self) -> bool:
        """Whether everybody may ask at once."""
        return self.pushes == 0

    def after(self, error: ToAPIsError | None, now: float) -> "BackoffState":
        """What an answer changes.

        Args:
            error: What it was; None for one that is no sign of too much.
            now: Seconds, of any clock that goes on.

        Example:
            >>> BackoffState().after(RateLimited("slow down", retry_after=3), now=10.0)
            BackoffState(failures=1, pushes=1, until=13.0)
        """
        if not isinstance(error, (RateLimited, *_FAILURES)):
            return BackoffState()
        failures = self.failures + 1
        pushed = isinstance(error, RateLimited) or error.http_status == 503
        if not pushed and failures < IN_A_ROW and self.eased:
            return BackoffState(failures, until=self.until)
        usual = min(FIRST_PAUSE * 2**self.pushes, LONGEST_PAUSE)
        pause = usual if error.retry_after is None else min(error.retry_after, LONGEST_ASKED)
        return BackoffState(failures, self.pushes + 1, max(self.until, now + pause))


class CircuitBreaker:
    """What every request of one kind passes. It belongs to one event loop.

    Args:
        clock: Seconds, of any clock that goes on.

    Example:
        ```python
        async with breaker.passage(deadline=loop.time() + 60):
            reply = await ask()  # what it raises is taken note of
        ```
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._one = asyncio.Lock()
        self.state = BackoffState()

    async def pause(self) -> None:
        """Wait until the account may be asked again: for what has time."""
        wait = self.state.until - self._clock()
        if wait > 0:
            await asyncio.sleep(wait)
            await self.pause()  # it may have got longer meanwhile

    @asynccontextmanager
    async def passage(self, deadline: float) -> AsyncIterator[None]:
        """Wait for one's turn, and take note of what comes of it.

        Args:
            deadline: By the clock; who can't ask before it doesn't ask.

        Raises:
            Unavailable: The deadline came first; nothing was asked.
        """
        if self.state.eased or not await self._my_turn(deadline):
            async with self._noted():
                yield
            return
        try:
            async with self._noted():
                yield
        finally:
            self._one.release()

    async def _my_turn(self, deadline: float) -> bool:
        """Become the one that tries; False if meanwhile everybody may."""
        try:
            await asyncio.wait_for(self._one.acquire(), deadline - self._clock())
        except asyncio.TimeoutError:
            raise self._not_asked() from None
        if self.state.eased:
            self._one.release()
            return False
        if self.state.until > deadline:
            self._one.release()
            raise self._not_asked()
        try:
            await self.pause()
        except BaseException:
            self._one.release()
            raise
        return True

    def _not_asked(self) -> Unavailable:
        times = self.state.failures
        return Unavailable(f"the API has failed or pushed back {times} times in a row: not asked")

    @asynccontextmanager
    async def _noted(self) -> AsyncIterator[None]:
        try:
            yield
        except ToAPIsError as error:
            self.state = self.state.after(error, self._clock())
            raise
        self.state = self.state.after(None, self._clock())
