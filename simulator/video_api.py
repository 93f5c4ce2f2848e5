"""Videos, characters and remixes over HTTP: submissions and the queries for them ([P], [D])."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from prefect_toapis.simulator.creations import is_creation
from prefect_toapis.simulator.endpoints import (
    Headers,
    Simulation,
    guarded,
    json_object,
    refused,
)
from prefect_toapis.simulator.faults import Facts, Fault, Hide, Submitting
from prefect_toapis.simulator.generations import Generation
from prefect_toapis.simulator.interference import interfere
from prefect_toapis.simulator.ledger import Kind, Submission
from prefect_toapis.simulator.refusals import Refusal
from prefect_toapis.simulator.wire import business_id_of, show

_GENERATIONS = "/v1/videos/generations"
_SUBMITTING: dict[Kind, Submitting] = {
    "video": "submit",
    "character": "character",
    "remix": "remix",
}


class VideoAPI:
    """`/v1/videos/generations`, `/v1/characters_tasks` and `/v1/videos/{task_id}/remix`."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[Route]:
        """Where it answers."""
        simulation = self._simulation
        submit = guarded(simulation, "async_submit", self._submit)
        remix = guarded(simulation, "async_submit", self._remix)
        status = guarded(simulation, "async_query", self._status)
        creation = guarded(simulation, "async_query", self._creation)
        return [
            Route(_GENERATIONS, submit, methods=["POST"]),
            Route(_GENERATIONS + "/{wanted}", status, methods=["GET"]),
            Route("/v1/characters_tasks/{wanted}", creation, methods=["GET"]),
            Route("/v1/videos/{task_id}/remix", remix, methods=["POST"]),
        ]

    async def _submit(self, request: Request, headers: Headers) -> ASGIApp:
        body = await json_object(request)
        kind: Kind = "character" if is_creation(body) else "video"
        return await self._accept(self._submission(body, kind), headers)

    async def _remix(self, request: Request, headers: Headers) -> ASGIApp:
        submission = self._submission(await json_object(request), "remix")
        submission.remix_of = request.path_params["task_id"]
        return await self._accept(submission, headers)

    async def _status(self, request: Request, headers: Headers) -> ASGIApp:
        return await self._answer(request, headers, self._simulation.provider.find)

    async def _creation(self, request: Request, headers: Headers) -> ASGIApp:
        return await self._answer(request, headers, self._simulation.provider.find_creation)

    def _submission(self, body: dict[str, Any], kind: Kind) -> Submission:
        model = body.get("model")
        return Submission(
            at=self._simulation.provider.clock(),
            body=body,
            business_id=business_id_of(body),
            model=model if isinstance(model, str) else None,
            kind=kind,
        )

    async def _accept(self, submission: Submission, headers: Headers) -> ASGIApp:
        simulation = self._simulation
        simulation.ledger.submissions.append(submission)

        async def process(met: list[Fault]) -> ASGIApp:
            hidden = max((fault.seconds for fault in met if isinstance(fault, Hide)), default=0.0)
            body = simulation.links.published(submission.body)
            try:
                generation = simulation.provider.submit(submission, body, hidden)
            except Refusal as refusal:
                return refused(refusal, headers)
            shown = show(generation, generation.created_at, simulation.links)
            return JSONResponse(shown, headers=headers)

        facts = Facts(
            _SUBMITTING[submission.kind],
            business_id=submission.business_id,
            prompt=_subject(submission.body),
        )
        return await interfere(simulation.faults, facts, process)

    async def _answer(
        self, request: Request, headers: Headers, find: Callable[[str], Generation | None]
    ) -> ASGIApp:
        simulation = self._simulation
        wanted = request.path_params["wanted"]
        simulation.ledger.queries[wanted] += 1
        generation = find(wanted)

        async def process(_: list[Fault]) -> ASGIApp:
            found = find(wanted)
            if found is None:
                return refused(Refusal("task_not_found", "No such task"), headers)
            now = simulation.provider.clock()
            return JSONResponse(show(found, now, simulation.links), headers=headers)

        facts = Facts(
            "status",
            business_id=generation.business_id if generation else wanted,
            task_id=generation.task_id if generation else wanted,
            prompt=generation.order.prompt if generation else "",
        )
        return await interfere(simulation.faults, facts, process)


def _subject(body: dict[str, Any]) -> str:
    """What faults know a submission by: its prompt, or what its character is made from."""
    texts = (body.get(name) for name in ("prompt", "url", "from_task"))
    return next((text for text in texts if isinstance(text, str)), "")
