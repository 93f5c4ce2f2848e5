"""Videos, characters, remixes and extensions over HTTP: submissions and queries ([P], [D])."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from prefect_toapis.simulator.creations import is_creation
from prefect_toapis.simulator.dialect_replies import Surroundings, speak
from prefect_toapis.simulator.endpoints import Headers, Simulation, guarded, json_object
from prefect_toapis.simulator.fault_injection import apply_faults
from prefect_toapis.simulator.faults import (
    Conflict,
    Defect,
    Facts,
    Fault,
    Hide,
    Mixup,
    Partial,
    Rewrite,
    SameTask,
    Submitting,
)
from prefect_toapis.simulator.generations import Generation, Handling
from prefect_toapis.simulator.ledger import Kind, Submission
from prefect_toapis.simulator.refusals import Refusal
from prefect_toapis.simulator.submissions import business_id_of
from prefect_toapis.simulator.wire import show

_GENERATIONS = "/v1/videos/generations"
_SUBMITTING: dict[Kind, Submitting] = {
    "video": "submit",
    "character": "character",
    "remix": "remix",
    "extend": "extend",
}


class VideoAPI:
    """`/v1/videos/generations`, `/v1/characters_tasks`, and a video's `remix` and `extend`."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[Route]:
        """Where it answers."""
        simulation = self._simulation
        submit = guarded(simulation, "async_submit", self._submit, self._refused)
        remix = guarded(simulation, "async_submit", self._remix, self._refused)
        extend = guarded(simulation, "async_submit", self._extend, self._refused)
        status = guarded(simulation, "async_query", self._status, self._refused)
        creation = guarded(simulation, "async_query", self._creation, self._refused)
        return [
            Route(_GENERATIONS, submit, methods=["POST"]),
            Route(_GENERATIONS + "/{wanted:path}", status, methods=["GET"]),
            Route("/v1/characters_tasks/{wanted:path}", creation, methods=["GET"]),
            Route("/v1/videos/{task_id:path}/remix", remix, methods=["POST"]),
            Route("/v1/videos/{task_id:path}/extend", extend, methods=["POST"]),
        ]

    async def _submit(self, request: Request, headers: Headers) -> ASGIApp:
        body = await json_object(request)
        kind: Kind = "character" if is_creation(body) else "video"
        return await self._accept(self._submission(body, kind), headers)

    async def _remix(self, request: Request, headers: Headers) -> ASGIApp:
        submission = self._submission(await json_object(request), "remix")
        submission.remix_of = request.path_params["task_id"]
        return await self._accept(submission, headers)

    async def _extend(self, request: Request, headers: Headers) -> ASGIApp:
        submission = self._submission(await json_object(request), "extend")
        submission.extend_of = request.path_params["task_id"]
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
            provider = simulation.provider
            before = provider.last_but()
            body = simulation.links.published(submission.body)
            exists = Refusal("already_exists", "A task with this client_business_id exists already")
            conflict = next((fault for fault in met if isinstance(fault, Conflict)), None)
            try:
                if conflict and provider.knows(submission.business_id):
                    submission.refusal = exists.code
                    raise exists
                generation = provider.submit(submission, body, handling(met))
                if conflict and conflict.first:
                    raise exists
            except Refusal as refusal:
                return self._refused(refusal, headers, _subject(submission.body))
            same = any(isinstance(fault, SameTask) for fault in met)
            named = before if same and before else generation
            shown = show(named, named.created_at, simulation.links)
            return self._say(named, shown, met, headers, submitted=True)

        facts = Facts(
            _SUBMITTING[submission.kind],
            business_id=submission.business_id,
            prompt=_subject(submission.body),
        )
        return await apply_faults(simulation.faults, facts, process)

    async def _answer(
        self, request: Request, headers: Headers, find: Callable[[str], Generation | None]
    ) -> ASGIApp:
        simulation = self._simulation
        wanted = request.path_params["wanted"]
        simulation.ledger.queries[wanted] += 1
        generation = find(wanted)

        async def process(met: list[Fault]) -> ASGIApp:
            found = find(wanted)
            if found is None:
                return self._refused(Refusal("task_not_found", "No such task"), headers)
            mixed = any(isinstance(fault, Mixup) for fault in met)
            other = simulation.provider.last_but(found) if mixed else None
            shown = show(other or found, simulation.provider.clock(), simulation.links)
            if other and other.business_id:
                shown["client_business_id"] = other.business_id
            return self._say(other or found, shown, met, headers)

        facts = Facts(
            "status",
            business_id=generation.business_id if generation else wanted,
            task_id=generation.task_id if generation else wanted,
            prompt=generation.order.prompt if generation else "",
            by_business_id=simulation.provider.generation(wanted) is None,
        )
        return await apply_faults(simulation.faults, facts, process)

    def _say(
        self,
        generation: Generation,
        shown: dict[str, Any],
        met: list[Fault],
        headers: Headers,
        *,
        submitted: bool = False,
    ) -> JSONResponse:
        simulation = self._simulation
        now = simulation.provider.clock()
        for fault in met:
            if isinstance(fault, Rewrite):
                shown = shown | fault.members
        task = f"/v1/videos/{quote(generation.task_id, safe='')}/content"
        count = len(generation.ready(now))
        pictures = [output.thumbnail_path for output in generation.ready(now)]
        around = Surroundings(
            api_url=simulation.api_url,
            business_id=generation.business_id,
            content_paths=(task, *(f"{task}?index={number}" for number in range(2, count + 1))),
            pictures=tuple(
                simulation.links.signed(path, generation.expires_at) for path in pictures
            ),
            submitted=submitted,
        )
        return JSONResponse(speak(shown, generation.wording, around), headers=headers)

    def _refused(self, refusal: Refusal, headers: Headers, prompt: str = "") -> Response:
        wording = self._simulation.provider.wordings.error(refusal.code, prompt)
        return refusal.reply(wording, headers)


def handling(met: Sequence[Fault]) -> Handling:
    """What the faults that a submission meets make of its generation."""
    hides = [fault for fault in met if isinstance(fault, Hide)]
    partial = next((fault for fault in met if isinstance(fault, Partial)), None)
    defect = next((fault for fault in met if isinstance(fault, Defect)), None)
    return Handling(
        hidden_seconds=max((hide.seconds for hide in hides if hide.queries == "all"), default=0.0),
        unnamed_seconds=max((hide.seconds for hide in hides), default=0.0),
        outputs=partial.outputs if partial else None,
        partial_seconds=partial.seconds if partial else None,
        defect=defect.kind if defect else None,
        defect_number=defect.number if defect else None,
    )


def _subject(body: dict[str, Any]) -> str:
    """What faults know a submission by: its prompt, or what its character is made from."""
    texts = (body.get(name) for name in ("prompt", "url", "from_task"))
    return next((text for text in texts if isinstance(text, str)), "")
