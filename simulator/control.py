"""The simulator's own routes: the ledger and the faults, for other processes."""

from collections.abc import Callable

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from prefect_toapis.simulator.faults import FAULT, Faults
from prefect_toapis.simulator.ledger import Ledger


def control_routes(faults: Faults, read_ledger: Callable[[], Ledger]) -> list[Route]:
    """`/_simulator/ledger`, `/_simulator/faults` and `/_simulator/release`.

    Args:
        faults: Those that are set.
        read_ledger: The ledger, up to date.
    """

    async def ledger(_: Request) -> Response:
        return JSONResponse(read_ledger().as_json())

    async def add(request: Request) -> Response:
        try:
            faults.add(FAULT.validate_json(await request.body()))
        except ValidationError as error:
            broken = error.errors(include_url=False, include_context=False, include_input=False)
            return JSONResponse({"faults": broken}, 400)
        return await pending(request)

    async def pending(_: Request) -> Response:
        return JSONResponse([fault.model_dump() for fault in faults.pending])

    async def clear(_: Request) -> Response:
        faults.clear()
        faults.release()
        return Response(status_code=204)

    async def release(_: Request) -> Response:
        faults.release()
        return Response(status_code=204)

    return [
        Route("/_simulator/ledger", ledger, methods=["GET"]),
        Route("/_simulator/faults", add, methods=["POST"]),
        Route("/_simulator/faults", pending, methods=["GET"]),
        Route("/_simulator/faults", clear, methods=["DELETE"]),
        Route("/_simulator/release", release, methods=["POST"]),
    ]
