"""The TCP connection under a request: uvicorn's protocol, which lets the app see it."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_TRANSPORT = "simulator.transport"


class OpenProtocol(H11Protocol):
    """Puts the connection's transport into the state of each request's scope."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Note the transport of a new connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, _TRANSPORT: transport}


def transport_of(scope: Scope) -> asyncio.Transport:
    """The transport that a request came in by."""
    transport: asyncio.Transport = scope["state"][_TRANSPORT]
    return transport


async def until_disconnected(receive: Receive) -> None:
    """Wait until the connection is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def while_connected(sending: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Send, but no longer than there is a connection."""
    sent = asyncio.ensure_future(sending)
    gone = asyncio.ensure_future(until_disconnected(receive))
    try:
        await asyncio.wait({sent, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not sent.done():
            sent.cancel()
    if not sent.cancelled() and sent.done():
        sent.result()


@dataclass(frozen=True)
class NoReply:
    """An ASGI response that closes the connection instead."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Close it."""
        del send
        transport_of(scope).abort()
        await until_disconnected(receive)
