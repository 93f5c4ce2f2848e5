"""The API and the media server over HTTP."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from prefect_toapis.simulator.clips import Clips
from prefect_toapis.simulator.faults import Facts, Fault, Faults, Hide, Truncate
from prefect_toapis.simulator.interference import interfere
from prefect_toapis.simulator.ledger import Ledger, Submission
from prefect_toapis.simulator.limits import Category, RateLimits
from prefect_toapis.simulator.media import FileReply, Signer
from prefect_toapis.simulator.provider import Provider
from prefect_toapis.simulator.refusals import Refusal, error_body
from prefect_toapis.simulator.wire import business_id_of, show

Headers = dict[str, str]
Endpoint = Callable[[Request, Headers], Awaitable[ASGIApp]]


@dataclass(frozen=True)
class Simulation:
    """The parts that the two servers share."""

    api_keys: tuple[str, ...]
    media_url: str
    provider: Provider
    limits: RateLimits
    ledger: Ledger
    faults: Faults
    clips: Clips
    signer: Signer


class VideoAPI:
    """`/v1/videos/generations` ([P], [D])."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._authorized = {f"Bearer {key}" for key in simulation.api_keys}

    def routes(self) -> list[Route]:
        """Where it answers."""
        path = "/v1/videos/generations"
        submit = self._guarded("async_submit", self._submit)
        status = self._guarded("async_query", self._status)
        return [
            Route(path, submit, methods=["POST"]),
            Route(path + "/{wanted}", status, methods=["GET"]),
        ]

    def _guarded(
        self, category: Category, endpoint: Endpoint
    ) -> Callable[[Request], Awaitable[Any]]:
        """Let in who has a key and doesn't ask too fast."""
        simulation = self._simulation

        async def guarded(request: Request) -> ASGIApp:
            if request.headers.get("authorization") not in self._authorized:
                simulation.ledger.unauthorized += 1
                return _refused(Refusal("unauthorized", "Invalid API key"), {})
            allowed, headers = simulation.limits.take(category, simulation.provider.clock())
            if not allowed:
                simulation.ledger.throttled += 1
                return _refused(Refusal("rate_limit_exceeded", "Too many requests"), headers)
            try:
                return await endpoint(request, headers)
            except Refusal as refusal:
                return _refused(refusal, headers)

        return guarded

    async def _submit(self, request: Request, headers: Headers) -> ASGIApp:
        simulation = self._simulation
        body = await _json_object(request)
        model, prompt = body.get("model"), body.get("prompt")
        submission = Submission(
            at=simulation.provider.clock(),
            body=body,
            business_id=business_id_of(body),
            model=model if isinstance(model, str) else None,
        )
        simulation.ledger.submissions.append(submission)

        async def process(met: list[Fault]) -> ASGIApp:
            hidden = max((fault.seconds for fault in met if isinstance(fault, Hide)), default=0.0)
            try:
                generation = simulation.provider.submit(submission, hidden)
            except Refusal as refusal:
                return _refused(refusal, headers)
            shown = show(generation, generation.created_at, self._url_of(generation.expires_at))
            return JSONResponse(shown, headers=headers)

        facts = Facts(
            "submit",
            business_id=submission.business_id,
            prompt=prompt if isinstance(prompt, str) else "",
        )
        return await interfere(simulation.faults, facts, process)

    async def _status(self, request: Request, headers: Headers) -> ASGIApp:
        simulation = self._simulation
        wanted = request.path_params["wanted"]
        simulation.ledger.queries[wanted] += 1
        generation = simulation.provider.find(wanted)

        async def process(_: list[Fault]) -> ASGIApp:
            found = simulation.provider.find(wanted)
            if found is None:
                return _refused(Refusal("task_not_found", "No such task"), headers)
            now = simulation.provider.clock()
            return JSONResponse(show(found, now, self._url_of(found.expires_at)), headers=headers)

        facts = Facts(
            "status",
            business_id=generation.business_id if generation else wanted,
            task_id=generation.task_id if generation else wanted,
            prompt=generation.request.prompt if generation else "",
        )
        return await interfere(simulation.faults, facts, process)

    def _url_of(self, expires_at: float) -> Callable[[str], str]:
        simulation = self._simulation
        return lambda path: simulation.media_url + simulation.signer.sign(path, expires_at)


class Media:
    """The results' files, which a signature opens, and no key."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[Route]:
        """Where it answers."""
        return [Route("/{task_id}/{name}", self._file, methods=["GET"])]

    async def _file(self, request: Request) -> Any:
        simulation = self._simulation
        if "authorization" in request.headers:
            simulation.ledger.leaked_keys += 1
        path = request.scope["path"]
        generation = simulation.provider.generation(request.path_params["task_id"])
        if generation is None or not simulation.signer.signed(path, request.query_params):
            return PlainTextResponse("The signature does not match", 403)
        if simulation.provider.clock() >= generation.expires_at:
            return PlainTextResponse("The URL has expired", 403)
        output = next(o for o in generation.outputs if path in {o.video_path, o.thumbnail_path})
        clips = simulation.clips
        make = clips.video if path == output.video_path else clips.thumbnail

        async def process(met: list[Fault]) -> ASGIApp:
            try:
                file = await make(output.clip)
            except ImportError as missing:
                return PlainTextResponse(str(missing), 500)
            if request.method == "GET":
                simulation.ledger.downloads[path] += 1
            cuts = [fault.at_bytes for fault in met if isinstance(fault, Truncate)]
            return FileReply(file, request.headers, min(cuts) if cuts else None)

        facts = Facts(
            "media",
            business_id=generation.business_id,
            task_id=generation.task_id,
            prompt=generation.request.prompt,
        )
        return await interfere(simulation.faults, facts, process)


def api_app(simulation: Simulation, control: list[Route]) -> Starlette:
    """The API's application, with the simulator's own routes."""
    return _app([*VideoAPI(simulation).routes(), *control])


def media_app(simulation: Simulation) -> Starlette:
    """The media server's application."""
    return _app(Media(simulation).routes())


def _app(routes: list[Route]) -> Starlette:
    return Starlette(routes=routes, exception_handlers={HTTPException: _http_error})


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = "not_found" if status == 404 else "invalid_request"
    message = error.detail if isinstance(error, HTTPException) else "Internal error"
    return JSONResponse(error_body(code, message, f"{code}_error"), status)


def _refused(refusal: Refusal, headers: Headers) -> JSONResponse:
    return JSONResponse(refusal.body, refusal.status, headers)


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise Refusal("invalid_request", "The body is not JSON") from None
    if not isinstance(body, dict):
        raise Refusal("invalid_request", "The body is not a JSON object")
    return body
