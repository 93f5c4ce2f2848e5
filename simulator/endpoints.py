"""What all endpoints of the API share: the parts they work with, and who may come in."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from prefect_toapis.simulator.clips import Clips
from prefect_toapis.simulator.faults import Faults
from prefect_toapis.simulator.ledger import Ledger
from prefect_toapis.simulator.limits import Category, RateLimits
from prefect_toapis.simulator.media import Links, Signer
from prefect_toapis.simulator.provider import Provider
from prefect_toapis.simulator.refusals import Refusal
from prefect_toapis.simulator.uploads import Uploads

Headers = dict[str, str]
Endpoint = Callable[[Request, Headers], Awaitable[ASGIApp]]
Guarded = Callable[[Request], Awaitable[Any]]


@dataclass(frozen=True)
class Simulation:
    """The parts that the two servers share."""

    api_keys: tuple[str, ...]
    provider: Provider
    limits: RateLimits
    ledger: Ledger
    faults: Faults
    clips: Clips
    uploads: Uploads
    signer: Signer
    links: Links
    api_url: str


def refused(refusal: Refusal, headers: Headers) -> JSONResponse:
    """The answer of most endpoints to what they refuse."""
    return JSONResponse(refusal.body, refusal.status, headers)


def guarded(
    simulation: Simulation,
    category: Category | None,
    endpoint: Endpoint,
    refused: Callable[[Refusal, Headers], ASGIApp] = refused,
) -> Guarded:
    """Let in who has a key and doesn't ask too fast.

    Args:
        simulation: Who is known, and how fast they may ask.
        category: As what the requests count; None for nothing.
        endpoint: Answers, given the headers of its answer, or raises a Refusal.
        refused: Shows a refusal.
    """
    authorized = {f"Bearer {key}" for key in simulation.api_keys}

    async def answer(request: Request) -> ASGIApp:
        headers: Headers = {}
        if request.headers.get("authorization") not in authorized:
            simulation.ledger.unauthorized += 1
            return refused(Refusal("unauthorized", "Invalid API key"), headers)
        if category:
            allowed, headers = simulation.limits.take(category, simulation.provider.clock())
            if not allowed:
                simulation.ledger.throttled += 1
                return refused(Refusal("rate_limit_exceeded", "Too many requests"), headers)
        try:
            return await endpoint(request, headers)
        except Refusal as refusal:
            return refused(refusal, headers)

    return answer


async def json_object(request: Request) -> dict[str, Any]:
    """The body of a request.

    Raises:
        Refusal: It isn't a JSON object.
    """
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise Refusal("invalid_request", "The body is not JSON") from None
    if not isinstance(body, dict):
        raise Refusal("invalid_request", "The body is not a JSON object")
    return body
