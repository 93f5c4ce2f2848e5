"""Servers of raw sockets that answer as no library would."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

Answering = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Peer:
    """A server that notes the head of each request."""

    url: str = ""
    heads: list[str] = field(default_factory=list)

    @property
    def keys(self) -> list[bool]:
        """Whether each request brought a key."""
        return ["\r\nauthorization:" in head.lower() for head in self.heads]


@asynccontextmanager
async def answering(answer: Answering) -> AsyncIterator[Peer]:
    """A server that answers each request as a function says, and then hangs up."""
    peer = Peer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            peer.heads.append(head)
            await answer(head, writer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    peer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield peer
    finally:
        server.close()


@contextmanager
def in_another_thread(answer: Answering) -> Iterator[Peer]:
    """The same for code that blocks."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    context = answering(answer)
    peer = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result()
    try:
        yield peer
    finally:

        async def end() -> None:
            await context.__aexit__(None, None, None)
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def trickle(writer: asyncio.StreamWriter, content: bytes, pause: float = 0.01) -> None:
    """Send a byte at a time."""
    for byte in content:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(pause)
