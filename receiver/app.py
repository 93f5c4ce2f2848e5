"""The receiver's ASGI application: `/webhook`, `/health` and `/metrics`."""

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
from prefect_toapis.errors import EventNotTaken
from prefect_toapis.receiver.forwarding import USUAL, Bounds, Connect, Forwarder, connected
from prefect_toapis.receiver.metrics import Metrics
from prefect_toapis.receiver.secrets_from_env import secrets_from_environment
from prefect_toapis.reports.events import event_id, generation_ended

logger = logging.getLogger("prefect_toapis")

LARGEST_BODY = 64 * 1024
"""Bytes; an event with four signed URLs has a tenth of it."""

_READ_SECONDS = 9  # shorter than the timeouts of the server (10) and the provider (10)
_RETRY_AFTER_SECONDS = 10  # the provider's own first interval
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
    """Create an ASGI app that receives webhooks and emits them as Prefect events.

    It needs no lifespan, so it can be mounted anywhere. `/webhook` answers 204 once Prefect has
    accepted the event, and 503 otherwise: the provider then retries ([D]).

    Args:
        secrets: The secrets that webhooks are signed with; None: read from the environment
            variables `TOAPIS_WEBHOOK_SECRET` and `TOAPIS_WEBHOOK_PREVIOUS_SECRET`.
        clock: Returns the time, in Unix seconds.
        connect: Opens the connection to Prefect.
        bounds: The limits of the event queue.

    Raises:
        ValueError: No secret is set.

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
    """The Prefect event of a webhook; deliveries of the same webhook have the same event id.

    Args:
        webhook: The webhook.
        ended: The generation that ended.
        now: The current time, in Unix seconds; later timestamps are replaced by it.
    """
    content = generation_ended(webhook, ended)
    occurred = now if webhook.created_at is None else min(webhook.created_at, now)
    return Event.model_validate(
        {
            "id": event_id(webhook.id),
            "occurred": datetime.fromtimestamp(occurred, timezone.utc),
            "event": content.name,
            "resource": content.resource,
            "related": content.related,
            "payload": content.payload,
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
        """The receiver's own liveness, with the state of its connection to Prefect."""
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
            headers = {"retry-after": str(_RETRY_AFTER_SECONDS)}
            return _error(*_status_and_message(error), headers), _REFUSALS[EventNotTaken][1]
        except tuple(_REFUSALS) as error:
            logger.warning("Webhook rejected: %s", error)
            return _error(*_status_and_message(error)), _REFUSALS[type(error)][1]
        return Response(status_code=204), outcome

    async def _take(self, request: Request, body: bytes) -> str:
        now = self._clock()
        webhook = read_webhook(verify(request.headers, body, self._secrets, now), body)
        if webhook.ended:
            await self._forwarder.forward(prefect_event(webhook, webhook.ended, now))
            return "taken"
        if webhook.type == TEST:
            logger.info("Received the provider's test webhook: address and secret are correct")
            return "test"
        logger.warning("Ignored a webhook of an unknown type: %s", webhook.type)
        return "unknown_type"


async def read_body(request: Request) -> bytes:
    """The body of a request, up to `LARGEST_BODY` bytes.

    Raises:
        WebhookTooLarge: The body, or its Content-Length, exceeds the limit.
    """
    length = request.headers.get("content-length", "0")
    body = bytearray()
    if length.isdecimal() and int(length) <= LARGEST_BODY:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                break
        else:
            return bytes(body)
    raise WebhookTooLarge(f"The body exceeds the limit of {LARGEST_BODY} bytes")


def _status_and_message(error: ToAPIsError) -> tuple[int, str]:
    return _REFUSALS[type(error)][0], error.message


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"message": message}}, status, headers)
