"""The API and the media server as applications."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from prefect_toapis.simulator.account_api import AccountAPI
from prefect_toapis.simulator.endpoints import Simulation
from prefect_toapis.simulator.media_api import MediaAPI
from prefect_toapis.simulator.refusals import error_body
from prefect_toapis.simulator.upload_api import UploadAPI
from prefect_toapis.simulator.video_api import VideoAPI


def api_app(simulation: Simulation, control: list[Route]) -> Starlette:
    """The API's application, with the simulator's own routes."""
    apis = (VideoAPI(simulation), UploadAPI(simulation), AccountAPI(simulation))
    content = MediaAPI(simulation).content_routes()  # last: a task's id may be anything
    return _app([*(route for api in apis for route in api.routes()), *content, *control])


def media_app(simulation: Simulation) -> Starlette:
    """The media server's application."""
    return _app(MediaAPI(simulation).routes())


def _app(routes: list[Route]) -> Starlette:
    return Starlette(routes=routes, exception_handlers={HTTPException: _http_error})


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = "not_found" if status == 404 else "invalid_request"
    message = error.detail if isinstance(error, HTTPException) else "Internal error"
    return JSONResponse(error_body(code, message, f"{code}_error"), status)
