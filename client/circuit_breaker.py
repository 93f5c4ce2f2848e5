"""Backoff and circuit breaker of an account.

A 429 or 503, or several failures in a row, pauses all requests of that kind in the process. After
the pause a single request probes whether the API is available again, so that an outage meets
occasional probes, not a storm of retries.
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

FIRST_PAUSE = 0.5  # seconds, doubled after each further 429 or 503
LONGEST_PAUSE = 15.0
LONGEST_ASKED = 60.0  # seconds of a Retry-After that applies to all requests
IN_A_ROW = 5  # other failures in a row that count as an outage

_FAILURES = (NotSent, Unavailable, UnreadableReply)


@dataclass(frozen=True)
class BackoffState:
    """The backoff of an account.

    Args:
        failures: Failures since the last success.
        pushes: Failures since then that led to a pause.
        until: When the pause ends, by the clock of `after`.
    """

    failures: int = 0
    pushes: int = 0
    until: float = 0.0

    @property
    def eased(self) -> bool:
        """Whether requests are sent without a probe."""
        return self.pushes == 0

    def after(self, error: ToAPIsError | None, now: float) -> "BackoffState":
        """The state after a reply.

        Args:
            error: The error; None after a success. Errors of the request itself count as success.
            now: Seconds of a monotonic clock.

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
    """The circuit breaker of all requests of a kind. Bound to a single event loop.

    Args:
        clock: Seconds of a monotonic clock.

    Example:
        ```python
        async with breaker.passage(deadline=loop.time() + 60):
            reply = await ask()  # its errors update the state
        ```
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._probe = asyncio.Lock()
        self.state = BackoffState()

    async def pause(self) -> None:
        """Wait until the pause ends, without a deadline."""
        wait = self.state.until - self._clock()
        if wait > 0:
            await asyncio.sleep(wait)
            await self.pause()  # it may have been extended meanwhile

    @asynccontextmanager
    async def passage(self, deadline: float) -> AsyncIterator[None]:
        """Wait until a request may be sent, and record its outcome.

        Args:
            deadline: By the clock; after it nothing is sent.

        Raises:
            Unavailable: The deadline passed; nothing was sent.
        """
        if self.state.eased or not await self._acquire_probe(deadline):
            async with self._noted():
                yield
            return
        try:
            async with self._noted():
                yield
        finally:
            self._probe.release()

    async def _acquire_probe(self, deadline: float) -> bool:
        """Become the probing request; False if the breaker has closed meanwhile."""
        try:
            await asyncio.wait_for(self._probe.acquire(), deadline - self._clock())
        except asyncio.TimeoutError:
            raise self._not_sent() from None
        if self.state.eased:
            self._probe.release()
            return False
        if self.state.until > deadline:
            self._probe.release()
            raise self._not_sent()
        try:
            await self.pause()
        except BaseException:
            self._probe.release()
            raise
        return True

    def _not_sent(self) -> Unavailable:
        times = self.state.failures
        return Unavailable(f"not sent: the API failed or refused requests {times} times in a row")

    @asynccontextmanager
    async def _noted(self) -> AsyncIterator[None]:
        try:
            yield
        except ToAPIsError as error:
            self.state = self.state.after(error, self._clock())
            raise
        self.state = self.state.after(None, self._clock())
