"""The receiver as an ASGI application: `/webhook`, `/health` and `/metrics`."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime, timezone

from prefect.events import Event
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from prefect_toapis.batches.errors import EventNotTaken
from prefect_toapis.batches.events import event_id, generation_ended
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.webhooks import (
    TEST,
    Ended,
    Webhook,
    WebhookForged,
    WebhookSecrets,
    WebhookStale,
    WebhookTooLarge,
    WebhookUnreadable,
    WebhookUnsigned,
    read_webhook,
    verify,
)
from prefect_toapis.receiver.forwarding import USUAL, Bounds, Connect, Forwarder, connected
from prefect_toapis.receiver.metrics import Metrics
from prefect_toapis.receiver.secrets_from_env import secrets_from_environment

logger = logging.getLogger("prefect_toapis")

LARGEST_BODY = 64 * 1024
"""Bytes; an event with four signed URLs has a tenth of it."""

_READ_SECONDS = 9  # before the server ends the connection (10), and the provider has left (10)
_AGAIN_SECONDS = 10  # the provider's own first interval
_REFUSALS: dict[type[ToAPIsError], tuple[int, str]] = {  # kind: (HTTP status, outcome)
    WebhookTooLarge: (413, "too_large"),
    WebhookUnsigned: (401, "unsigned"),
    WebhookForged: (401, "forged"),
    WebhookStale: (401, "stale"),
    WebhookUnreadable: (400, "unreadable"),
    EventNotTaken: (503, "not_taken"),
}


def webhook_app(
    secrets: WebhookSecrets | None = None,
    *,
    clock: Callable[[], float] = time.time,
    connect: Connect = connected,
    bounds: Bounds = USUAL,
) -> Starlette:
    """An ASGI app that takes webhooks and hands them to Prefect as events.

    It needs no lifespan, so that it can be mounted anywhere. `/webhook` answers 204 once Prefect
    has taken the event, and 503 when it doesn't: the provider sends again ([D]).

    Args:
        secrets: What webhooks are signed with; None: `TOAPIS_WEBHOOK_SECRET` and
            `TOAPIS_WEBHOOK_PREVIOUS_SECRET` hold it.
        clock: The time, in Unix seconds.
        connect: The way to Prefect.
        bounds: How many events it holds, and for how long.

    Raises:
        ValueError: There is no secret.

    Example:
        ```python
        app = Starlette(routes=[Mount("/toapis", webhook_app())])
        ```
    """
    receiver = _Receiver(secrets or secrets_from_environment(), clock, connect, bounds)
    return Starlette(
        routes=[
            Route("/webhook", receiver.webhook, methods=["POST"]),
            Route("/health", receiver.health, methods=["GET"]),
            Route("/metrics", receiver.exposition, methods=["GET"]),
        ]
    )


def prefect_event(webhook: Webhook, ended: Ended, now: float) -> Event:
    """The event that Prefect is told; the same webhook makes the same one.

    Args:
        webhook: It says which, and when.
        ended: What it tells.
        now: The time, in Unix seconds: nothing has happened later.
    """
    told = generation_ended(webhook, ended)
    happened = now if webhook.created_at is None else min(webhook.created_at, now)
    return Event.model_validate(
        {
            "id": event_id(webhook.id),
            "occurred": datetime.fromtimestamp(happened, timezone.utc),
            "event": told.name,
            "resource": told.resource,
            "related": told.related,
            "payload": told.payload,
        }
    )


class _Receiver:
    def __init__(
        self,
        secrets: WebhookSecrets,
        clock: Callable[[], float],
        connect: Connect,
        bounds: Bounds,
    ) -> None:
        self._secrets = secrets
        self._clock = clock
        self._metrics = Metrics(lambda: self._forwarder.waiting)
        self._forwarder = Forwarder(connect, bounds, self._metrics.sent)

    async def webhook(self, request: Request) -> Response:
        started = time.monotonic()
        response, outcome = await self._answer(request)
        self._metrics.answered(outcome, time.monotonic() - started)
        return response

    async def health(self, _: Request) -> Response:
        """It lives, whether or not Prefect does; what it knows of Prefect is told."""
        away, waiting = self._forwarder.away, self._forwarder.waiting
        return JSONResponse({"status": "ok", "prefect_away": away, "waiting": waiting})

    async def exposition(self, _: Request) -> Response:
        return Response(self._metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    async def _answer(self, request: Request) -> tuple[Response, str]:
        try:
            body = await asyncio.wait_for(read_body(request), _READ_SECONDS)
            outcome = await self._take(request, body)
        except asyncio.TimeoutError:
            slow = _error(408, "The body did not arrive in time", {"connection": "close"})
            return slow, "too_slow"
        except ClientDisconnect:
            return _error(400, "The body did not arrive"), "broken_off"
        except EventNotTaken as error:  # the forwarder has logged it
            again = {"retry-after": str(_AGAIN_SECONDS)}
            return _error(*_told(error), again), _REFUSALS[EventNotTaken][1]
        except tuple(_REFUSALS) as error:
            logger.warning("A webhook was refused: %s", error)
            return _error(*_told(error)), _REFUSALS[type(error)][1]
        return Response(status_code=204), outcome

    async def _take(self, request: Request, body: bytes) -> str:
        now = self._clock()
        webhook = read_webhook(verify(request.headers, body, self._secrets, now), body)
        if webhook.ended:
            await self._forwarder.forward(prefect_event(webhook, webhook.ended, now))
            return "taken"
        if webhook.type == TEST:
            logger.info("The provider's test has arrived: address and secret are right")
            return "test"
        logger.warning("A webhook of an unknown type was left alone: %s", webhook.type)
        return "unknown_type"


async def read_body(request: Request) -> bytes:
    """The body of a request, up to the largest that a webhook has.

    Raises:
        WebhookTooLarge: It is larger, or says so.
    """
    told = request.headers.get("content-length", "0")
    body = bytearray()
    if told.isdecimal() and int(told) <= LARGEST_BODY:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                break
        else:
            return bytes(body)
    raise WebhookTooLarge(f"The body has more than {LARGEST_BODY} bytes")


def _told(error: ToAPIsError) -> tuple[int, str]:
    return _REFUSALS[type(error)][0], error.message


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"message": message}}, status, headers)
