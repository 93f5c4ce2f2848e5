"""Uploads over HTTP ([D])."""

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from prefect_toapis.simulator.endpoints import Endpoint, Headers, Simulation, guarded
from prefect_toapis.simulator.fault_injection import apply_faults
from prefect_toapis.simulator.faults import Facts, Fault
from prefect_toapis.simulator.forms import form_files
from prefect_toapis.simulator.ledger import UploadKind
from prefect_toapis.simulator.refusals import Refusal


class UploadAPI:
    """`/v1/uploads/images` and `/v1/uploads/videos`."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[Route]:
        """Where it answers."""
        kinds: dict[str, UploadKind] = {"images": "image", "videos": "video"}
        routes = []
        for name, kind in kinds.items():
            endpoint: Endpoint = partial(self._upload, kind)
            # Uploads aren't among what the rate limits are documented for.
            answer = guarded(self._simulation, None, endpoint, _refused)
            routes.append(Route(f"/v1/uploads/{name}", answer, methods=["POST"]))
        return routes

    async def _upload(self, kind: UploadKind, request: Request, headers: Headers) -> ASGIApp:
        simulation = self._simulation
        content_type = request.headers.get("content-type", "")
        file = form_files(content_type, await request.body()).get("file")

        async def process(_: list[Fault]) -> ASGIApp:
            if file is None:
                return _refused(Refusal("invalid_request", "No file in the field `file`"), headers)
            try:
                data = simulation.uploads.add(kind, file, simulation.provider.clock())
            except Refusal as refusal:
                return _refused(refusal, headers)
            return JSONResponse({"success": True, "message": "", "data": data}, headers=headers)

        return await apply_faults(simulation.faults, Facts("upload"), process)


def _refused(refusal: Refusal, headers: Headers) -> JSONResponse:
    return JSONResponse({"success": False, "message": refusal.message}, refusal.status, headers)
