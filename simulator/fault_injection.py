"""Fault injection: applies the faults that match a request."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from prefect_toapis.simulator.connections import NoReply, until_disconnected
from prefect_toapis.simulator.error_bodies import error_reply
from prefect_toapis.simulator.faults import (
    Delay,
    Drop,
    Facts,
    Fault,
    Faults,
    Flood,
    Hold,
    Refuse,
    Replace,
    Trickle,
    Untidy,
    When,
)
from prefect_toapis.simulator.transfers import Flooded, Trickled, Unframed

Process = Callable[[list[Fault]], Awaitable[ASGIApp]]


async def apply_faults(faults: Faults, facts: Facts, process: Process) -> ASGIApp:
    """Answer a request, with its matching faults applied.

    Args:
        faults: The faults that are set.
        facts: The properties of the request that faults match.
        process: Processes the request; receives the faults, as some change the processing itself.
    """
    matching = faults.take(facts)
    reply: ASGIApp | None = None
    for fault in matching:
        reply = await _apply(fault, "before", reply)
    if reply is None:
        reply = await process(matching)
    for fault in matching:
        reply = await _apply(fault, "after", reply)
    sent: ASGIApp = reply or NoReply()
    for fault in matching:
        if isinstance(fault, Trickle) and not isinstance(sent, NoReply):
            in_whole = fault.part == "head"
            rate = fault.bytes_per_second
            sent = Unframed(sent, rate) if in_whole else Trickled(sent, rate)
    held = any(isinstance(fault, Hold) for fault in matching)
    return _HeldReply(faults, facts, sent) if held else sent


async def _apply(fault: Fault, when: When, reply: ASGIApp | None) -> ASGIApp | None:
    if isinstance(fault, Untidy) and when == "after" and isinstance(reply, JSONResponse):
        return _untidy(reply)
    if not isinstance(fault, Delay | Drop | Flood | Refuse | Replace) or fault.when != when:
        return reply
    if isinstance(fault, Delay):
        await asyncio.sleep(fault.seconds)
        return reply
    return _instead(fault)


def _instead(fault: Drop | Flood | Refuse | Replace) -> ASGIApp:
    if isinstance(fault, Drop):
        return NoReply()
    if isinstance(fault, Flood):
        return Flooded(fault)
    if isinstance(fault, Refuse):
        error = error_reply(fault.shape, fault.status, fault.code, fault.code, fault.message)
        return Response(error.body, error.status, {"content-type": error.content_type})
    return Response(fault.body, fault.status, fault.headers)


def _untidy(reply: JSONResponse) -> JSONResponse:
    shown = json.loads(bytes(reply.body))
    if reply.status_code != 200 or "id" not in shown:
        return reply
    task_id = shown.get("task_id", shown["id"])  # a gateway may have put it there already
    shown |= {"object": "video", "status": "", "task_id": task_id, "id": f"gw-{shown['id']}"}
    return JSONResponse(shown)


@dataclass(frozen=True)
class _HeldReply:
    """Sends a reply once it is released, or never if the client goes away first."""

    faults: Faults
    facts: Facts
    reply: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        held = self.faults.hold(self.facts)
        released = asyncio.ensure_future(held.released())
        gone = asyncio.ensure_future(until_disconnected(receive))
        try:
            await asyncio.wait({released, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.faults.let_go(held)
            gone.cancel()
            released.cancel()
        if not gone.done():
            await self.reply(scope, receive, send)
