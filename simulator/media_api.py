"""The media port over HTTP: results, pictures of characters, and what was uploaded."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from prefect_toapis.simulator.clips import ServedFile
from prefect_toapis.simulator.endpoints import Headers, Simulation, guarded
from prefect_toapis.simulator.fault_injection import apply_faults
from prefect_toapis.simulator.faults import Facts, Fault, Redirect, Truncate
from prefect_toapis.simulator.generations import Generation, Output
from prefect_toapis.simulator.media import FileReply
from prefect_toapis.simulator.refusals import Refusal
from prefect_toapis.simulator.transfers import Unframed

_Make = Callable[[], Awaitable[ServedFile]]


class MediaAPI:
    """The files: results have signed URLs, or are at the API's origin; the others are public."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[Route]:
        """Where it answers at the media port, which no key opens."""
        return [
            Route("/f/image/{name}", self._picture, methods=["GET"]),
            Route("/uploads/{user}/{name}", self._upload, methods=["GET"]),
            Route("/{folder}/{name}", self._result, methods=["GET"]),
        ]

    def content_routes(self) -> list[Route]:
        """Where it answers at the API's own origin, to who has a key ([W])."""
        content = guarded(self._simulation, None, self._content)
        return [Route("/v1/videos/{task_id:path}/content", content, methods=["GET"])]

    async def _result(self, request: Request) -> Any:
        simulation = self._simulation
        self._note_key(request)
        path = request.scope["path"]
        generation = simulation.provider.in_folder(request.path_params["folder"])
        signed = simulation.signer.signed(path, request.query_params)
        if generation is None or not signed:
            return PlainTextResponse("The signature does not match", 403)
        if simulation.provider.clock() >= generation.expires_at:
            return PlainTextResponse("The URL has expired", 403)
        output = next(o for o in generation.outputs if path in {o.video_path, o.thumbnail_path})
        return await self._serve(request, _facts(generation), self._file(output, path))

    async def _content(self, request: Request, headers: Headers) -> ASGIApp:
        provider = self._simulation.provider
        generation = provider.generation(request.path_params["task_id"])
        now = provider.clock()
        if generation is None or generation.wording.files == "signed":
            raise HTTPException(404)
        index = request.query_params.get("index", "1")
        found = {str(number): one for number, one in enumerate(generation.ready(now), start=1)}
        done = generation.state(now)[0] == "completed" and now < generation.expires_at
        if not done or index not in found:
            raise Refusal("task_not_found", "The task has no such content")
        path = found[index].video_path
        if generation.wording.files == "key and redirect":
            url = self._simulation.links.signed(path, generation.expires_at)
            return RedirectResponse(url, 302, headers)
        file = self._file(found[index], path)
        return await self._serve(request, _facts(generation), file, path)

    async def _picture(self, request: Request) -> Any:
        self._note_key(request)
        character = self._simulation.provider.character(request.scope["path"])
        if character is None:
            return PlainTextResponse("No such picture", 404)
        picture, thumbnail = character.picture, self._simulation.clips.thumbnail
        return await self._serve(request, Facts("media"), lambda: thumbnail(picture))

    async def _upload(self, request: Request) -> Any:
        self._note_key(request)
        file = self._simulation.uploads.file(request.scope["path"])
        if file is None:
            return PlainTextResponse("No such file", 404)
        return await self._serve(request, Facts("media"), lambda: _already(file))

    def _file(self, output: Output, path: str) -> _Make:
        clips = self._simulation.clips
        make = clips.video if path == output.video_path else clips.thumbnail
        return lambda: make(output.clip)

    async def _serve(
        self, request: Request, facts: Facts, make: _Make, counted_as: str | None = None
    ) -> ASGIApp:
        simulation = self._simulation

        async def process(met: list[Fault]) -> ASGIApp:
            if elsewhere := _elsewhere(request, met):
                return RedirectResponse(*elsewhere)
            try:
                file = await make()
            except ImportError as missing:
                return PlainTextResponse(str(missing), 500)
            if request.method == "GET":
                simulation.ledger.downloads[counted_as or request.scope["path"]] += 1
            cuts = [fault for fault in met if isinstance(fault, Truncate)]
            cut = min(cuts, key=lambda fault: fault.at_bytes, default=None)
            reply = FileReply(file, request.headers, cut)
            return Unframed(reply) if cut and cut.framing == "close" else reply

        return await apply_faults(simulation.faults, facts, process)

    def _note_key(self, request: Request) -> None:
        if "authorization" in request.headers:
            self._simulation.ledger.leaked_keys += 1


def _facts(generation: Generation) -> Facts:
    return Facts(
        "media",
        business_id=generation.business_id,
        task_id=generation.task_id,
        prompt=generation.order.prompt,
    )


def _elsewhere(request: Request, met: list[Fault]) -> tuple[URL, int] | None:
    """Where a redirect leads, and with which status; None where it has led already."""
    for fault in met:
        if isinstance(fault, Redirect) and request.url.hostname != fault.host:
            return request.url.replace(hostname=fault.host), fault.status
    return None


async def _already(file: ServedFile) -> ServedFile:
    return file
