"""Listens to the Prefect events of webhooks, and triggers status queries of waiting accounts.

Events are hints: a lost event costs time, but the status is still polled.
"""

import asyncio
import logging
import threading
from functools import cache
from typing import Protocol

from prefect.events import Event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.settings import PREFECT_API_URL

from prefect_toapis.client.account import in_background
from prefect_toapis.reports.events import GENERATION_COMPLETED, GENERATION_FAILED

logger = logging.getLogger("prefect_toapis")

_MAX_PAUSE = 30.0  # seconds between connection attempts
_MAX_ENDED = 10_000  # generations; fewer end between a submission and the start of its wait

_lock = threading.Lock()


class Notifiable(Protocol):
    """Is notified of ended generations; implemented by `client.account.Account`."""

    def notice(self, task_id: str) -> None:
        """Query the status of a generation once, soon."""
        ...


class WebhookListener:
    """A subscription to the events of a Prefect server, shared by the whole process.

    Runs in the background loop, from the first `listen` to the end of the process, and reconnects
    when the connection is lost.

    Args:
        first_pause: Seconds before the first reconnection attempt; doubled each time.
    """

    def __init__(self, first_pause: float = 1.0) -> None:
        self._first_pause = first_pause
        self._accounts: set[Notifiable] = set()
        self._ended: dict[str, None] = {}  # in the order of their events
        self._listening: asyncio.Task[None] | None = None
        self._connected = threading.Event()

    @property
    def connected(self) -> bool:
        """Whether events are received now; otherwise the status must be polled as usual."""
        return self._connected.is_set()

    def has_ended(self, task_id: str) -> bool:
        """Return whether a recent event reported the end of a generation."""
        return task_id in self._ended

    async def listen(self, account: Notifiable) -> None:
        """Notify an account of every generation that ends from now on.

        Args:
            account: Its `notice` is called in the background loop, and must not block. It is also
                called for generations that the account doesn't wait for, and may be called
                repeatedly for the same generation.
        """
        self._accounts.add(account)
        await in_background(self._start())

    async def _start(self) -> None:
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        pause = self._first_pause
        while True:
            try:
                await self._receive()
            except Exception as error:  # noqa: BLE001 - Prefect raises plain exceptions; the loop must go on
                logger.debug("Prefect's events can't be heard: %s", type(error).__name__)
            if self._connected.is_set():
                self._connected.clear()
                pause = self._first_pause
                logger.info("Prefect's events can't be heard now; the status is asked for instead")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _MAX_PAUSE)

    async def _receive(self) -> None:
        """Dispatch events until the connection is lost."""
        wanted = EventFilter(event=EventNameFilter(name=[GENERATION_COMPLETED, GENERATION_FAILED]))
        # Without Prefect's own reconnection attempts, so that a lost connection is noticed. A new
        # connection receives the events of the last minute from Prefect's database.
        async with get_events_subscriber(wanted, reconnection_attempts=0) as subscriber:
            self._connected.set()
            async for event in subscriber:
                self._dispatch(event)

    def _dispatch(self, event: Event) -> None:
        task_id = event.payload.get("task_id")
        if isinstance(task_id, str):
            self._ended[task_id] = None
            if len(self._ended) > _MAX_ENDED:
                del self._ended[next(iter(self._ended))]
            for account in list(self._accounts):
                account.notice(task_id)


def webhook_listener() -> WebhookListener | None:
    """Return this process's listener for the current Prefect server; None without a server.

    Example:
        ```python
        if listener := webhook_listener():
            await listener.listen(account)
        ```
    """
    url = PREFECT_API_URL.value()
    with _lock:
        return _listener_for(url) if url else None


@cache
def _listener_for(url: str) -> WebhookListener:
    del url  # only the cache key
    return WebhookListener()
