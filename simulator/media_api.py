"""The media port over HTTP: results, pictures of characters, and what was uploaded."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from prefect_toapis.simulator.clips import ServedFile
from prefect_toapis.simulator.endpoints import Simulation
from prefect_toapis.simulator.faults import Facts, Fault, Truncate
from prefect_toapis.simulator.interference import interfere
from prefect_toapis.simulator.media import FileReply

_Make = Callable[[], Awaitable[ServedFile]]


class MediaAPI:
    """The files, which no key opens: results have signed URLs, the others are public."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[Route]:
        """Where it answers."""
        return [
            Route("/f/image/{name}", self._picture, methods=["GET"]),
            Route("/uploads/{user}/{name}", self._upload, methods=["GET"]),
            Route("/{task_id}/{name}", self._result, methods=["GET"]),
        ]

    async def _result(self, request: Request) -> Any:
        simulation = self._simulation
        path = request.scope["path"]
        generation = simulation.provider.generation(request.path_params["task_id"])
        signed = simulation.signer.signed(path, request.query_params)
        if generation is None or not signed:
            return self._refuse(request, "The signature does not match", 403)
        if simulation.provider.clock() >= generation.expires_at:
            return self._refuse(request, "The URL has expired", 403)
        output = next(o for o in generation.outputs if path in {o.video_path, o.thumbnail_path})
        clips = simulation.clips
        make = clips.video if path == output.video_path else clips.thumbnail
        facts = Facts(
            "media",
            business_id=generation.business_id,
            task_id=generation.task_id,
            prompt=generation.order.prompt,
        )
        return await self._serve(request, facts, lambda: make(output.clip))

    async def _picture(self, request: Request) -> Any:
        character = self._simulation.provider.character(request.scope["path"])
        if character is None:
            return self._refuse(request, "No such picture", 404)
        picture, thumbnail = character.picture, self._simulation.clips.thumbnail
        return await self._serve(request, Facts("media"), lambda: thumbnail(picture))

    async def _upload(self, request: Request) -> Any:
        file = self._simulation.uploads.file(request.scope["path"])
        if file is None:
            return self._refuse(request, "No such file", 404)
        return await self._serve(request, Facts("media"), lambda: _already(file))

    def _refuse(self, request: Request, message: str, status: int) -> PlainTextResponse:
        self._note_key(request)
        return PlainTextResponse(message, status)

    async def _serve(self, request: Request, facts: Facts, make: _Make) -> ASGIApp:
        simulation = self._simulation
        self._note_key(request)

        async def process(met: list[Fault]) -> ASGIApp:
            try:
                file = await make()
            except ImportError as missing:
                return PlainTextResponse(str(missing), 500)
            if request.method == "GET":
                simulation.ledger.downloads[request.scope["path"]] += 1
            cuts = [fault for fault in met if isinstance(fault, Truncate)]
            cut = min(cuts, key=lambda fault: fault.at_bytes, default=None)
            return FileReply(file, request.headers, cut)

        return await interfere(simulation.faults, facts, process)

    def _note_key(self, request: Request) -> None:
        if "authorization" in request.headers:
            self._simulation.ledger.leaked_keys += 1


async def _already(file: ServedFile) -> ServedFile:
    return file
