"""How long a connection may take, and which one makes room for another."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, Protocol, TypeVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

Phase = Literal["head", "body", "answer"]

SECONDS: Mapping[Phase, float] = {"head": 5, "body": 10, "answer": 20}
"""How long each part of a request may take. An idle connection waits for a head."""
MOST_CONNECTIONS = 800
"""At once; below the 1,024 files that a process usually may have."""
MOST_BYTES = 1024 * 1024
"""That a request may send: more than a webhook has, so that one that is too large is answered."""


class Waiting(Protocol):
    """A connection that waits for something.

    Args:
        peer: The address of the other side.
        phase: What it waits for.
        since: The loop's time when it began to wait.
    """

    peer: str
    phase: Phase
    since: float


W = TypeVar("W", bound=Waiting)


def makes_room(connections: Iterable[W]) -> W | None:
    """Which of too many connections to end: the slowest of the peer that has most slow ones.

    One whose request has arrived is never ended for another; None: all are of that kind.
    """
    slow = [each for each in connections if each.phase != "answer"]
    of_peer = Counter(each.peer for each in slow)
    return min(slow, key=lambda each: (-of_peer[each.peer], each.since), default=None)


def phase_of(their_state: object) -> Phase:
    """What a connection waits for, by the state in which HTTP/1.1 has the client.

    Example:
        >>> phase_of(h11.IDLE), phase_of(h11.SEND_BODY), phase_of(h11.DONE)
        ('head', 'body', 'answer')
    """
    if their_state is h11.IDLE:
        return "head"
    return "body" if their_state is h11.SEND_BODY else "answer"


class TimedProtocol(H11Protocol):
    """uvicorn's protocol, which ends idle and slow connections, and the slowest of too many.

    uvicorn itself waits for ever for the first byte, for a whole head and for a whole body.
    """

    seconds = SECONDS
    most_connections = MOST_CONNECTIONS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a request; make room for it if there is none."""
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
        """Wait no longer."""
        super().connection_lost(exc)
        if self._deadline:
            self._deadline.cancel()

    def data_received(self, data: bytes) -> None:
        """See how far the request is."""
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            self.transport.abort()
            return
        super().data_received(data)
        if (phase := phase_of(self.conn.their_state)) != self.phase:
            self._wait_for(phase)

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the end of a body that was answered already."""
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
