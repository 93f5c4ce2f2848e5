"""Balance and models over HTTP ([D])."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from prefect_toapis.simulator.endpoints import Headers, Simulation, guarded, refused
from prefect_toapis.simulator.fault_injection import apply_faults
from prefect_toapis.simulator.faults import Facts, Fault, Operation
from prefect_toapis.simulator.refusals import Refusal

_CREDITS_PER_USD = 200  # [D]
_UNLIMITED = -1
_CREATED = 1_700_000_000
_TEXT_MODELS = ["simulated-text-1"]  # made up


class AccountAPI:
    """`/v1/balance`, `/v1/user/balance` and `/v1/models`."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[Route]:
        """Where it answers."""
        simulation = self._simulation
        balance = guarded(simulation, "async_query", self._balance, _no_balance)
        models = guarded(simulation, "async_query", self._models)
        return [
            Route("/v1/balance", balance, methods=["GET"]),
            Route("/v1/user/balance", balance, methods=["GET"]),
            Route("/v1/models", models, methods=["GET"]),
        ]

    async def _balance(self, _: Request, headers: Headers) -> ASGIApp:
        provider = self._simulation.provider
        remaining = provider.balance()
        shown = show_balance(remaining, self._simulation.ledger.credits_spent)
        return await self._reply("balance", shown, headers)

    async def _models(self, request: Request, headers: Headers) -> ASGIApp:
        wanted = request.query_params.get("type", "text")  # [D]
        names: list[str] = []
        if wanted in {"text", "chat", "all"}:
            names += _TEXT_MODELS
        if wanted in {"video", "all"}:
            names += self._simulation.provider.models
        return await self._reply("models", show_models(names), headers)

    async def _reply(
        self, operation: Operation, shown: dict[str, Any], headers: Headers
    ) -> ASGIApp:
        async def process(_: list[Fault]) -> ASGIApp:
            return JSONResponse(shown, headers=headers)

        return await apply_faults(self._simulation.faults, Facts(operation), process)


def show_balance(remaining: float | None, used: float) -> dict[str, Any]:
    """The JSON of a balance.

    Args:
        remaining: In credits; None for unlimited.
        used: In credits.

    Example:
        >>> show_balance(2100, 460)["remain_balance"]
        10.5
    """
    unlimited = remaining is None
    return {
        "success": True,
        "remain_balance": _UNLIMITED if remaining is None else remaining / _CREDITS_PER_USD,
        "used_balance": used / _CREDITS_PER_USD,
        # [A]: only of `remain_balance` is it said that it is -1 where unlimited.
        "remain_credits": _UNLIMITED if remaining is None else remaining,
        "used_credits": used,
        "credits_per_usd": _CREDITS_PER_USD,
        "unlimited_quota": unlimited,
    }


def show_models(names: list[str]) -> dict[str, Any]:
    """The JSON of a list of models; owner, time and what they support are made up."""
    return {
        "success": True,
        "object": "list",
        "data": [
            {
                "id": name,
                "object": "model",
                "created": _CREATED,
                "owned_by": "toapis",
                "supported_endpoint_types": ["text" if name in _TEXT_MODELS else "video"],
            }
            for name in names
        ],
    }


def _no_balance(refusal: Refusal, headers: Headers) -> JSONResponse:
    """[D]: an unknown key is answered with status 200."""
    if refusal.code != "unauthorized":
        return refused(refusal, headers)
    return JSONResponse({"success": False, "message": refusal.message}, headers=headers)
