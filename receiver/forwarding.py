"""Events on their way to Prefect: in small batches, and never called taken before they are."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
from prefect.client.orchestration import get_client
from prefect.events import Event
from prefect.settings import PREFECT_API_URL

from prefect_toapis.batches.errors import EventNotTaken

logger = logging.getLogger("prefect_toapis")

Send = Callable[[Sequence[Event]], Awaitable[None]]
Connect = Callable[[], AbstractAsyncContextManager[Send]]


@dataclass(frozen=True)
class Bounds:
    """How much the way to Prefect holds, and for how long.

    Args:
        batch: Events that are sent at once.
        waiting: Events that may wait.
        send_seconds: How long Prefect may take for a batch.
        wait_seconds: How long an event may take altogether.
        idle_seconds: How long a connection is kept without events.
    """

    batch: int = 100
    waiting: int = 1000
    send_seconds: float = 4
    wait_seconds: float = 6
    idle_seconds: float = 60


USUAL = Bounds()


@asynccontextmanager
async def connected() -> AsyncIterator[Send]:
    """A connection to the Prefect server that `PREFECT_API_URL` names.

    By its REST API, whose answer says that the events are there; `emit_event` doesn't tell.

    Raises:
        EventNotTaken: No server is named.
    """
    if not PREFECT_API_URL.value():  # else Prefect would start a server of its own
        raise EventNotTaken("PREFECT_API_URL is not set, so no Prefect server can take events")
    async with get_client() as client:

        async def send(events: Sequence[Event]) -> None:
            content = [event.model_dump(mode="json") for event in events]
            response = await client.request("POST", "/events", json=content)
            response.raise_for_status()

        yield send


class Forwarder:
    """Hands events to Prefect. What comes while a batch is under way makes up the next one.

    Args:
        connect: Opens the way to Prefect when there are events, on the loop that brings them.
        bounds: How much it holds, and for how long.
        sent: Told how many events each batch had that Prefect took.
    """

    def __init__(
        self,
        connect: Connect = connected,
        bounds: Bounds = USUAL,
        sent: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._connect = connect
        self._bounds = bounds
        self._sent = sent
        self._waiting: deque[tuple[Event, asyncio.Future[None]]] = deque()
        self._arrived = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None
        self._away = False

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return len(self._waiting)

    @property
    def away(self) -> bool:
        """Whether Prefect did not take the last batch."""
        return self._away

    async def forward(self, event: Event) -> None:
        """Return once Prefect has taken the event.

        Raises:
            EventNotTaken: It did not, or not in time; it may still arrive.
        """
        if len(self._waiting) >= self._bounds.waiting:
            raise EventNotTaken(f"{self._bounds.waiting} events wait for Prefect already")
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, taken))
        self._arrived.set()
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_while_they_come())
        try:
            await asyncio.wait_for(taken, self._bounds.wait_seconds)
        except asyncio.TimeoutError:
            raise EventNotTaken("Prefect did not take the event in time") from None

    async def _send_while_they_come(self) -> None:
        try:
            async with self._connect() as send:
                while await self._any():
                    await self._send_some(send)
        except EventNotTaken as error:
            self._fail_all(error.what)
        except (httpx.HTTPError, OSError) as error:
            self._fail_all(f"Prefect can't be reached: {type(error).__name__}")

    async def _any(self) -> bool:
        """Whether an event waits now or soon; if not, the next one starts another task."""
        if self._waiting:
            return True
        self._arrived.clear()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), self._bounds.idle_seconds)
        if not self._waiting:
            self._sending = None
        return bool(self._waiting)

    async def _send_some(self, send: Send) -> None:
        count = min(len(self._waiting), self._bounds.batch)
        some = [self._waiting.popleft() for _ in range(count)]
        awaited = [(event, taken) for event, taken in some if not taken.done()]
        if not awaited:  # who brought them has given up, and they will be brought again
            return
        try:
            sending = send([event for event, _ in awaited])
            await asyncio.wait_for(sending, self._bounds.send_seconds)
        except asyncio.TimeoutError:
            self._fail(awaited, "Prefect did not answer in time")
        except httpx.HTTPStatusError as error:
            self._fail(awaited, f"Prefect answered {error.response.status_code}")
        except httpx.HTTPError as error:
            self._fail(awaited, f"Prefect can't be reached: {type(error).__name__}")
        else:
            self._say(away=False)
            self._sent(len(awaited))
            for _, taken in awaited:
                if not taken.done():
                    taken.set_result(None)

    def _fail_all(self, why: str) -> None:
        self._fail(self._waiting, why)
        self._waiting.clear()

    def _fail(self, some: Sequence[tuple[Event, "asyncio.Future[None]"]], why: str) -> None:
        self._say(away=True, why=why)
        for _, taken in some:
            if not taken.done():
                taken.set_exception(EventNotTaken(why))

    def _say(self, *, away: bool, why: str = "") -> None:
        """Once when it changes, not once an event."""
        if away and not self._away:
            logger.warning("%s; webhooks are answered with 503 until it takes events", why)
        if self._away and not away:
            logger.info("Prefect takes events again")
        self._away = away
