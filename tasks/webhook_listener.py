"""Notices: what webhooks told Prefect wakes up who waits in this process.

A notice is a hint. One that is lost costs time, as the status is asked for now and then anyway.
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

_LONGEST_PAUSE = 30.0  # seconds between two tries to reach Prefect
_REMEMBERED = 10_000  # generations; more don't end between a submission and its wait


class Noticing(Protocol):
    """Whom a notice is for; `client.account.Account` is one."""

    def notice(self, task_id: str) -> None:
        """An event says that something happened to a generation: ask for it once, soon."""
        ...


class Notices:
    """One subscription to a Prefect server's events, for everybody in this process.

    It lives in the background loop, from the first `listen` to the end of the process, and goes
    on by itself when the server was away.

    Args:
        first_pause: Seconds before the server is tried again; doubled each time.
    """

    def __init__(self, first_pause: float = 1.0) -> None:
        self._first_pause = first_pause
        self._accounts: set[Noticing] = set()
        self._ended: dict[str, None] = {}  # in the order in which they were told
        self._listening: asyncio.Task[None] | None = None
        self._connected = threading.Event()

    @property
    def connected(self) -> bool:
        """Whether events would be heard now. While they would not, ask as if there were none."""
        return self._connected.is_set()

    def told_of(self, task_id: str) -> bool:
        """Whether an event told lately of a generation: before anybody waited for it, perhaps."""
        return task_id in self._ended

    async def listen(self, account: Noticing) -> None:
        """Have an account told of every generation that ended, from now on.

        Args:
            account: Its `notice` is called in the background loop, and must not wait; it is told
                of generations that nobody waits for, too, and of the same one more than once.
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
                await self._hear()
            except Exception as error:  # noqa: BLE001 - Prefect raises bare ones; nothing may end it
                logger.debug("Prefect's events can't be heard: %s", type(error).__name__)
            if self._connected.is_set():
                self._connected.clear()
                pause = self._first_pause
                logger.info("Prefect's events can't be heard now; the status is asked for instead")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _hear(self) -> None:
        """Pass on what comes, until the connection is lost."""
        wanted = EventFilter(event=EventNameFilter(name=[GENERATION_COMPLETED, GENERATION_FAILED]))
        # Each connection is tried once: only so is it known whether there is one. A new one is
        # given the events of the last minute that are in Prefect's database by then.
        async with get_events_subscriber(wanted, reconnection_attempts=0) as subscriber:
            self._connected.set()
            async for event in subscriber:
                self._tell(event)

    def _tell(self, event: Event) -> None:
        task_id = event.payload.get("task_id")
        if isinstance(task_id, str):
            self._ended[task_id] = None
            if len(self._ended) > _REMEMBERED:
                del self._ended[next(iter(self._ended))]
            for account in list(self._accounts):
                account.notice(task_id)


def notices() -> Notices | None:
    """This process's subscription to the Prefect server in use; None where no server is named.

    Example:
        ```python
        if heard := notices():
            await heard.listen(account)
        ```
    """
    url = PREFECT_API_URL.value()
    with _lock:
        return _notices(url) if url else None


_lock = threading.Lock()


@cache
def _notices(url: str) -> Notices:
    del url  # a process may come to use another server
    return Notices()
