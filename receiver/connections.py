"""Timeouts and limits of the receiver's connections."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, Protocol, TypeVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

Phase = Literal["head", "body", "answer"]

SECONDS: Mapping[Phase, float] = {"head": 5, "body": 10, "answer": 20}
"""The timeout of each phase of a request, in seconds. An idle connection is in the phase `head`."""
MOST_CONNECTIONS = 800
"""The maximum of open connections, below the usual limit of 1,024 files per process."""
MOST_BYTES = 1024 * 1024
"""The maximum size of a request: above the limit of webhooks, so that a 413 can be answered."""


class Waiting(Protocol):
    """A connection in a phase of a request.

    Args:
        peer: The remote address.
        phase: The current phase.
        since: The loop's time when the phase began.
    """

    peer: str
    phase: Phase
    since: float


W = TypeVar("W", bound=Waiting)


def makes_room(connections: Iterable[W]) -> W | None:
    """The connection to close at the limit: the slowest of the peer with the most slow ones.

    Connections whose request has arrived are never closed; None if there are no others.
    """
    slow = [each for each in connections if each.phase != "answer"]
    of_peer = Counter(each.peer for each in slow)
    return min(slow, key=lambda each: (-of_peer[each.peer], each.since), default=None)


def phase_of(their_state: object) -> Phase:
    """The phase of a connection, by h11's state of the client.

    Example:
        >>> phase_of(h11.IDLE), phase_of(h11.SEND_BODY), phase_of(h11.DONE)
        ('head', 'body', 'answer')
    """
    if their_state is h11.IDLE:
        return "head"
    return "body" if their_state is h11.SEND_BODY else "answer"


class TimedProtocol(H11Protocol):
    """uvicorn's protocol with timeouts for idle and slow clients, and a limit of connections.

    uvicorn itself has no timeout for the first byte, the head and the body of a request.
    """

    seconds = SECONDS
    most_connections = MOST_CONNECTIONS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start the timeout; at the limit close the slowest connection."""
        super().connection_made(transport)
        self.peer = str(self.client[0]) if self.client else ""
        self._bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._wait_for("head")
        alive = [each for each in self.connections if isinstance(each, TimedProtocol)]
        alive = [each for each in alive if not each.transport.is_closing()]
        if len(alive) > self.most_connections and (slowest := makes_room(alive)):
            slowest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timeout."""
        super().connection_lost(exc)
        if self._deadline:
            self._deadline.cancel()

    def data_received(self, data: bytes) -> None:
        """Enforce the size limit and update the phase."""
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            self.transport.abort()
            return
        super().data_received(data)
        if (phase := phase_of(self.conn.their_state)) != self.phase:
            self._wait_for(phase)

    def on_response_complete(self) -> None:
        """Start the timeout of the next request, or of the rest of the body."""
        super().on_response_complete()
        self._wait_for(phase_of(self.conn.their_state))

    def _wait_for(self, phase: Phase) -> None:
        self.phase: Phase = phase
        self.since = self.loop.time()
        if phase == "head":
            self._bytes = 0
        if self._deadline:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(self.seconds[phase], self.transport.abort)
