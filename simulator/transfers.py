"""Replies that are transferred oddly: slowly, without an end in sight, without their length."""

import asyncio
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import responses

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prefect_toapis.simulator.connections import transport_of, until_disconnected, while_connected
from prefect_toapis.simulator.faults import Flood

_PIECE_SECONDS = 0.1  # faster than ten bytes a second, so often a piece is sent
_BLOCK = b"0" * 1024**2
_GZIP = 31  # zlib's window size that makes it gzip


def pieces(body: bytes, bytes_per_second: float) -> Iterator[tuple[bytes, float]]:
    """The pieces of a body, and how long to wait after each, in seconds.

    Example:
        >>> list(pieces(b"abc", 2))
        [(b'a', 0.5), (b'b', 0.5), (b'c', 0.5)]
    """
    size = max(1, int(bytes_per_second * _PIECE_SECONDS))
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        yield piece, len(piece) / bytes_per_second


@dataclass(frozen=True)
class Trickled:
    """A reply whose body comes slowly.

    Args:
        reply: What is sent.
        bytes_per_second: How fast.
    """

    reply: ASGIApp
    bytes_per_second: float

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""

        async def slowly(message: Message) -> None:
            for piece, seconds in pieces(message.get("body", b""), self.bytes_per_second):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio.sleep(seconds)
            if message["type"] == "http.response.start":
                await send(message)
            elif not message.get("more_body"):
                await send({"type": "http.response.body", "body": b""})

        await while_connected(_run(self.reply, scope, receive, slowly), receive)


@dataclass(frozen=True)
class Unframed:
    """A reply that is written to the connection as it comes, and ends with it.

    Args:
        reply: What is sent.
        bytes_per_second: How fast, from the first byte of the head; None: at once.
    """

    reply: ASGIApp
    bytes_per_second: float | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        del send
        transport = transport_of(scope)

        async def write(message: Message) -> None:
            is_head = message["type"] == "http.response.start"
            content = _head(message) if is_head else message.get("body", b"")
            if self.bytes_per_second is None:
                transport.write(content)
                return
            for piece, seconds in pieces(content, self.bytes_per_second):
                transport.write(piece)
                await asyncio.sleep(seconds)

        await while_connected(_run(self.reply, scope, receive, write), receive)
        transport.close()  # what is written goes out first
        await until_disconnected(receive)


@dataclass(frozen=True)
class Flooded:
    """A reply that is far too large.

    Args:
        flood: How large.
    """

    flood: Flood

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        del scope
        headers = [(b"content-type", self.flood.content_type.encode())]
        if self.flood.gzip:
            headers.append((b"content-encoding", b"gzip"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})

        async def flow() -> None:
            for block in _blocks(self.flood.size, gzip=self.flood.gzip):
                await send({"type": "http.response.body", "body": block, "more_body": True})
                await asyncio.sleep(0)  # others are served meanwhile
            await send({"type": "http.response.body", "body": b""})

        await while_connected(flow(), receive)


def _blocks(size: int, *, gzip: bool) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=_GZIP) if gzip else None
    start = b'{"id": "'[:size]
    yield packer.compress(start) if packer else start
    left = size - len(start)
    while left > 0:
        block = _BLOCK[:left]
        left -= len(block)
        yield packer.compress(block) if packer else block
    if packer:
        yield packer.flush()


async def _run(reply: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await reply(scope, receive, send)


def _head(message: Message) -> bytes:
    status = message["status"]
    lines = [f"HTTP/1.1 {status} {responses.get(status, '')}".encode()]
    headers = [*message.get("headers", []), (b"connection", b"close")]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"
