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
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

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
    waiting: int = 500  # with a batch under way fewer than the connections that a server keeps
    send_seconds: float = 4
    wait_seconds: float = 6
    idle_seconds: float = 60


USUAL = Bounds()


_TAKEN = 204  # as Prefect answers; any other good status is that of something before it
_KEY_REFUSED = {401, 403, 407}
_NOT_THE_API = {*range(100, 400), 404, 405}  # a page, a redirect to one
_ABOUT_CSRF = {403, 404, 422}  # Prefect's client looks at these itself
_KEY = "see PREFECT_API_KEY or PREFECT_API_AUTH_STRING"
_ADDRESS = "see whether PREFECT_API_URL is the address of Prefect's API, without a login before it"


def refusal(status: int) -> str | None:
    """Why an answer of Prefect's doesn't mean that it took the events; None if it does.

    Args:
        status: Of the answer; nothing else of it is shown, as it may hold secrets.

    Example:
        >>> refusal(204) is None
        True
        >>> refusal(401)
        'Prefect answered 401: see PREFECT_API_KEY or PREFECT_API_AUTH_STRING'
    """
    if status == _TAKEN:
        return None
    advice = _KEY if status in _KEY_REFUSED else _ADDRESS if status in _NOT_THE_API else ""
    return f"Prefect answered {status}" + (f": {advice}" if advice else "")


@asynccontextmanager
async def connected() -> AsyncIterator[Send]:
    """A connection to the Prefect server that `PREFECT_API_URL` names.

    By its REST API, whose answer says that the events are there; `emit_event` doesn't tell.

    Raises:
        EventNotTaken: No server is named.
    """
    if not PREFECT_API_URL.value():  # else Prefect would start a server of its own
        raise EventNotTaken("PREFECT_API_URL is not set, so no Prefect server can take events")
    settings = {"follow_redirects": False, "event_hooks": {"response": [_raise_at_once]}}
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        async with get_client(httpx_settings=settings) as client:

            async def send(events: Sequence[Event]) -> None:
                content = [event.model_dump(mode="json") for event in events]
                try:
                    response = await client.request("POST", "/events", json=content)
                except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                    # A kept connection had ended meanwhile; an event that comes twice is one.
                    response = await client.request("POST", "/events", json=content)
                if why := refusal(response.status_code):
                    raise EventNotTaken(why)

            yield send


async def _raise_at_once(response: httpx.Response) -> None:
    """Raise what Prefect's client would wait for to get better, until the time is over."""
    if response.status_code >= 300 and response.status_code not in _ABOUT_CSRF:
        raise EventNotTaken(refusal(response.status_code) or "")


def reason(error: Exception) -> str:
    """Why Prefect did not take events, without anything that it answered."""
    if isinstance(error, EventNotTaken):
        return error.message
    if isinstance(error, httpx.HTTPStatusError):
        return refusal(error.response.status_code) or "Prefect answered with an error"
    if isinstance(error, asyncio.TimeoutError):
        return "Prefect did not answer in time"
    if isinstance(error, (httpx.HTTPError, OSError)):
        return f"Prefect can't be reached: {type(error).__name__}"
    if isinstance(error, ValueError):  # no JSON, or other JSON
        return f"Prefect's answer can't be read ({type(error).__name__}): {_ADDRESS}"
    return f"The way to Prefect failed ({type(error).__name__}); it is opened again"


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
        self._why: str | None = None

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return len(self._waiting)

    @property
    def away(self) -> bool:
        """Whether Prefect did not take the last batch."""
        return self._why is not None

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
        except Exception as error:  # noqa: BLE001 - whatever it is, the next event tries again
            self._fail_all(reason(error))
        except BaseException:  # the loop ends
            self._fail_all("The receiver is being stopped")
            raise

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
        except (EventNotTaken, httpx.HTTPError, OSError, asyncio.TimeoutError) as error:
            self._fail(awaited, reason(error))
        except BaseException as error:  # the connection can't be trusted: another is made
            why = reason(error) if isinstance(error, Exception) else "It is being stopped"
            self._fail(awaited, why)
            raise
        else:
            self._say(None)
            self._sent(len(awaited))
            for _, taken in awaited:
                if not taken.done():
                    taken.set_result(None)

    def _fail_all(self, why: str) -> None:
        self._fail(self._waiting, why)
        self._waiting.clear()

    def _fail(self, some: Sequence[tuple[Event, "asyncio.Future[None]"]], why: str) -> None:
        self._say(why)
        for _, taken in some:
            if not taken.done():
                taken.set_exception(EventNotTaken(why))

    def _say(self, why: str | None) -> None:
        """Once when it changes, not once an event."""
        if why and why != self._why:
            logger.warning("%s; webhooks are answered with 503 until it takes events", why)
        if self._why and not why:
            logger.info("Prefect takes events again")
        self._why = why
