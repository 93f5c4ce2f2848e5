"""Forwarding of events to Prefect, in small batches, with acknowledgement."""

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

from prefect_toapis.errors import EventNotTaken

logger = logging.getLogger("prefect_toapis")

Send = Callable[[Sequence[Event]], Awaitable[None]]
Connect = Callable[[], AbstractAsyncContextManager[Send]]


@dataclass(frozen=True)
class Bounds:
    """The limits of the event queue.

    Args:
        batch: The maximum number of events in a request.
        waiting: The maximum number of queued events.
        send_seconds: The timeout of a request.
        wait_seconds: The timeout of an event, from its arrival.
        idle_seconds: How long an idle connection is kept.
    """

    batch: int = 100
    waiting: int = 500  # with a batch under way, below the limit of connections
    send_seconds: float = 4
    wait_seconds: float = 6
    idle_seconds: float = 60


USUAL = Bounds()


_TAKEN = 204  # Prefect's status; any other 2xx comes from a proxy
_KEY_REFUSED = {401, 403, 407}
_NOT_THE_API = {*range(100, 400), 404, 405}  # a page, a redirect to one
_ABOUT_CSRF = {403, 404, 422}  # handled by Prefect's client
_KEY = "check PREFECT_API_KEY or PREFECT_API_AUTH_STRING"
_ADDRESS = "check that PREFECT_API_URL is the address of Prefect's API, without a login before it"


def refusal(status: int) -> str | None:
    """Why a response of Prefect means that it didn't accept the events; None if it did.

    Args:
        status: Of the response; nothing else of it is shown, as it may contain secrets.

    Example:
        >>> refusal(204) is None
        True
        >>> refusal(401)
        'Prefect answered 401: check PREFECT_API_KEY or PREFECT_API_AUTH_STRING'
    """
    if status == _TAKEN:
        return None
    advice = _KEY if status in _KEY_REFUSED else _ADDRESS if status in _NOT_THE_API else ""
    return f"Prefect answered {status}" + (f": {advice}" if advice else "")


@asynccontextmanager
async def connected() -> AsyncIterator[Send]:
    """A connection to the Prefect server that `PREFECT_API_URL` names.

    Uses the REST API, which acknowledges events, unlike `emit_event`.

    Raises:
        EventNotTaken: `PREFECT_API_URL` is not set.
    """
    if not PREFECT_API_URL.value():  # Prefect would start a temporary server
        raise EventNotTaken("PREFECT_API_URL is not set, so no Prefect server can accept events")
    settings = {"follow_redirects": False, "event_hooks": {"response": [_raise_at_once]}}
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        async with get_client(httpx_settings=settings) as client:

            async def send(events: Sequence[Event]) -> None:
                content = [event.model_dump(mode="json") for event in events]
                try:
                    response = await client.request("POST", "/events", json=content)
                except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                    # A kept connection was closed meanwhile; duplicate events are idempotent.
                    response = await client.request("POST", "/events", json=content)
                if why := refusal(response.status_code):
                    raise EventNotTaken(why)

            yield send


async def _raise_at_once(response: httpx.Response) -> None:
    """Raise at once for responses that Prefect's client would retry until the timeout."""
    if response.status_code >= 300 and response.status_code not in _ABOUT_CSRF:
        raise EventNotTaken(refusal(response.status_code) or "")


def reason(error: Exception) -> str:
    """Why Prefect did not accept events, without any content of its response."""
    if isinstance(error, EventNotTaken):
        return error.message
    if isinstance(error, httpx.HTTPStatusError):
        return refusal(error.response.status_code) or "Prefect answered with an error"
    if isinstance(error, asyncio.TimeoutError):
        return "Prefect did not answer in time"
    if isinstance(error, (httpx.HTTPError, OSError)):
        return f"Prefect can't be reached: {type(error).__name__}"
    if isinstance(error, ValueError):  # invalid or unexpected JSON
        return f"Prefect's response can't be parsed ({type(error).__name__}): {_ADDRESS}"
    return f"The connection to Prefect failed ({type(error).__name__}); it is opened again"


class Forwarder:
    """Forwards events to Prefect. Events that arrive during a request form the next batch.

    Args:
        connect: Opens the connection to Prefect when there are events, on their event loop.
        bounds: The limits of the queue.
        sent: Called with the number of events in each accepted batch.
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
        """The number of queued events."""
        return len(self._waiting)

    @property
    def away(self) -> bool:
        """Whether Prefect did not accept the last batch."""
        return self._why is not None

    async def forward(self, event: Event) -> None:
        """Return once Prefect has accepted the event.

        Raises:
            EventNotTaken: It didn't, or not in time; the event may still arrive.
        """
        if len(self._waiting) >= self._bounds.waiting:
            raise EventNotTaken(f"the queue of {self._bounds.waiting} events is full")
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, taken))
        self._arrived.set()
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_while_they_come())
        try:
            await asyncio.wait_for(taken, self._bounds.wait_seconds)
        except asyncio.TimeoutError:
            raise EventNotTaken("Prefect did not accept the event in time") from None

    async def _send_while_they_come(self) -> None:
        try:
            async with self._connect() as send:
                while await self._any():
                    await self._send_some(send)
        except Exception as error:  # noqa: BLE001 - after any error the next event reconnects
            self._fail_all(reason(error))
        except BaseException:  # the loop ends
            self._fail_all("The receiver is shutting down")
            raise

    async def _any(self) -> bool:
        """Whether an event arrives before the idle timeout; later events start a new task."""
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
        if not awaited:  # their requests timed out, and the provider will retry
            return
        try:
            sending = send([event for event, _ in awaited])
            await asyncio.wait_for(sending, self._bounds.send_seconds)
        except (EventNotTaken, httpx.HTTPError, OSError, asyncio.TimeoutError) as error:
            self._fail(awaited, reason(error))
        except BaseException as error:  # the connection may be broken: reconnect
            why = reason(error) if isinstance(error, Exception) else "The receiver is shutting down"
            self._fail(awaited, why)
            raise
        else:
            self._log_change(None)
            self._sent(len(awaited))
            for _, taken in awaited:
                if not taken.done():
                    taken.set_result(None)

    def _fail_all(self, why: str) -> None:
        self._fail(self._waiting, why)
        self._waiting.clear()

    def _fail(self, some: Sequence[tuple[Event, "asyncio.Future[None]"]], why: str) -> None:
        self._log_change(why)
        for _, taken in some:
            if not taken.done():
                taken.set_exception(EventNotTaken(why))

    def _log_change(self, why: str | None) -> None:
        """Log a change of state, not every event."""
        if why and why != self._why:
            logger.warning("%s; webhooks are answered with 503 until Prefect accepts events", why)
        if self._why and not why:
            logger.info("Prefect accepts events again")
        self._why = why
