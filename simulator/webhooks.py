"""Webhooks ([D]): signed, delivered at least once, with optional delivery faults."""

import asyncio
import hashlib
import heapq
import hmac
import itertools
import json
import random
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from prefect_toapis.simulator.generations import Generation
from prefect_toapis.simulator.ledger import Delivery, Ledger
from prefect_toapis.simulator.media import Links
from prefect_toapis.simulator.refusals import Refusal
from prefect_toapis.simulator.settings import SimulatedWebhooks
from prefect_toapis.simulator.wire import show

RETRY_SECONDS = (10, 30, 120, 600, 3600, 6 * 3600, 24 * 3600)
"""After how long an attempt that isn't answered with a 2xx is followed by the next ([D])."""

_ANSWER_SECONDS = 10  # [D]
_LOOK_SECONDS = 0.005  # how often the clock is looked at
_AT_ONCE = 50  # attempts under way


@dataclass(frozen=True)
class Message:
    """One webhook on its way.

    Args:
        id: The same at each attempt.
        url: Where it goes.
        generation: The generation that ended; None for a test.
        forged: Whether it is signed with another secret.
        again: Whether it is sent once more when it was taken.
        attempt: Which try is next, from 1.
    """

    id: str
    url: str
    generation: Generation | None = None
    forged: bool = False
    again: bool = False
    attempt: int = 1


def read_callback(body: dict[str, Any], settings: SimulatedWebhooks | None) -> str | None:
    """The webhook URL of a submission's task; None if it has none.

    Raises:
        Refusal: `webhook_not_configured`: the host differs from the configured webhook's, or no
            webhook is configured.
    """
    url = body.get("callback_url")
    if url is None:
        return settings.url if settings and settings.every_task else None
    if not isinstance(url, str):
        raise Refusal("invalid_request", "callback_url: it must be a string")
    if settings is None or _origin(url) != _origin(settings.url):
        message = "callback_url: only path and query may differ from the URL of your key's webhook"
        raise Refusal("webhook_not_configured", message)
    return url


def messages(
    generation: Generation, url: str, settings: SimulatedWebhooks, drawn: random.Random
) -> list[tuple[float, Message]]:
    """What is sent of a generation, and when (Unix seconds).

    Args:
        generation: The generation that ended.
        url: Where to.
        settings: What goes wrong, and how often.
        drawn: Decides for which; a number each, so that one setting doesn't move another's.
    """
    dropped, doubled, forged, lateness = (drawn.random() for _ in range(4))
    bounds = settings.late_seconds
    shortest, longest = bounds if isinstance(bounds, tuple) else (bounds, bounds)
    sent = []
    if forged < settings.forged:
        false = Message(_new_id(), url, generation, forged=True)
        sent.append((generation.created_at, false))
    if dropped >= settings.dropped:
        due = generation.finished_at + shortest + lateness * (longest - shortest)
        sent.append((due, Message(_new_id(), url, generation, again=doubled < settings.doubled)))
    return sent


def following(
    message: Message, taken: bool, now: float, speed: float
) -> tuple[float, Message] | None:
    """What follows an attempt, and when; None if nothing does.

    Args:
        message: What was sent.
        taken: Whether it was answered with a 2xx.
        now: The time, in Unix seconds.
        speed: How many times as fast as the provider.
    """
    if taken:
        twin = replace(message, again=False, attempt=message.attempt + 1)
        return (now, twin) if message.again else None
    if message.forged or message.attempt > len(RETRY_SECONDS):
        return None
    later = now + RETRY_SECONDS[message.attempt - 1] / speed
    return later, replace(message, attempt=message.attempt + 1)


def content(message: Message, links: Links) -> bytes:
    """The body of a webhook: the same bytes at each attempt.

    Args:
        message: What is sent.
        links: Makes the URLs of results.
    """
    generation = message.generation
    if generation is None:
        # [A]: nothing says what a test holds.
        return _json({"id": message.id, "type": "endpoint.test", "api_version": "v1", "data": {}})
    shown = show(generation, generation.finished_at, links)
    failed = generation.failure is not None or message.forged
    data = {
        "task_id": generation.task_id,
        "client_business_id": generation.business_id,
        "task_type": "character" if generation.order.kind == "character" else "video",  # [A]
        "model": generation.order.model,
        "status": "FAILURE" if failed else "SUCCESS",
        "progress": "100%",
        "result": None if failed else shown["result"],
        "error": shown.get("error", {"message": "Not true"}) if failed else None,
        "submitted_at": int(generation.created_at),
        "finished_at": int(generation.finished_at),
    }
    event = {
        "id": message.id,
        "type": f"generation.{'failed' if failed else 'completed'}",
        "api_version": "v1",
        "created_at": int(generation.created_at if message.forged else generation.finished_at),
        "data": data,
    }
    return _json(event)


def signed_headers(
    webhook_id: str, body: bytes, secrets: list[str], timestamp: int
) -> dict[str, str]:
    """The headers of a webhook ([D]).

    Args:
        webhook_id: Its id.
        body: As it is sent.
        secrets: Each makes a signature.
        timestamp: In Unix seconds. [A]: each attempt is signed anew.
    """
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    signatures = [
        hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets
    ]
    return {
        "content-type": "application/json",
        "X-ToAPIs-Webhook-Id": webhook_id,
        "X-ToAPIs-Webhook-Timestamp": str(timestamp),
        "X-ToAPIs-Webhook-Signature": ",".join(f"v1={signature}" for signature in signatures),
    }


@dataclass(order=True)
class _Due:
    at: float
    number: int
    message: Message = field(compare=False)


class Webhooks:
    """Sends webhooks when they are due. Thread-safe.

    Args:
        settings: Where they go, and what goes wrong.
        seed: Of what is drawn.
        clock: The time, in Unix seconds.
        ledger: Where each attempt is written down.
    """

    def __init__(
        self, settings: SimulatedWebhooks, seed: int, clock: Callable[[], float], ledger: Ledger
    ) -> None:
        self._settings = settings
        self._drawn = random.Random(f"webhooks {seed}")  # noqa: S311 - what goes wrong is no secret
        self._clock = clock
        self._ledger = ledger
        self._numbers = itertools.count()
        self._due: list[_Due] = []
        self._lock = threading.Lock()

    def expect(self, generation: Generation, url: str) -> None:
        """Tell of a generation's end when it comes."""
        for due, message in messages(generation, url, self._settings, self._drawn):
            self._add(due, message)

    def test(self) -> None:
        """Send `endpoint.test` now."""
        self._add(self._clock(), Message(_new_id(), self._settings.url))

    async def run(self, links: Links) -> None:
        """Send what is due, until it is cancelled.

        Args:
            links: Makes the URLs of results.
        """
        limits = httpx.Limits(max_connections=_AT_ONCE)
        timeout = httpx.Timeout(_ANSWER_SECONDS, pool=None)
        under_way: set[asyncio.Task[None]] = set()
        async with httpx.AsyncClient(
            limits=limits, timeout=timeout, trust_env=False, follow_redirects=False
        ) as client:
            try:
                while True:
                    for message in self._take():
                        task = asyncio.create_task(self._attempt(client, message, links))
                        under_way.add(task)
                        task.add_done_callback(under_way.discard)
                    await asyncio.sleep(_LOOK_SECONDS)
            finally:
                for task in under_way:
                    task.cancel()
                await asyncio.gather(*under_way, return_exceptions=True)

    def _add(self, at: float, message: Message) -> None:
        with self._lock:
            heapq.heappush(self._due, _Due(at, next(self._numbers), message))

    def _take(self) -> list[Message]:
        now, taken = self._clock(), []
        with self._lock:
            while self._due and self._due[0].at <= now:
                taken.append(heapq.heappop(self._due).message)
        return taken

    async def _attempt(self, client: httpx.AsyncClient, message: Message, links: Links) -> None:
        body = content(message, links)
        headers = signed_headers(message.id, body, self._secrets(message), int(self._clock()))
        try:
            response = await client.post(message.url, content=body, headers=headers)
        except httpx.HTTPError:
            status = None
        else:
            status = response.status_code
        delivery = Delivery(
            webhook_id=message.id,
            type=json.loads(body)["type"],
            task_id=message.generation.task_id if message.generation else None,
            attempt=message.attempt,
            forged=message.forged,
            status=status,
            at=self._clock(),
        )
        self._ledger.deliveries.append(delivery)
        if next_one := following(message, delivery.taken, delivery.at, self._settings.speed):
            self._add(*next_one)

    def _secrets(self, message: Message) -> list[str]:
        if message.forged:
            return ["a guess"]
        given = (self._settings.secret, self._settings.previous_secret)
        return [secret.get_secret_value() for secret in given if secret]


def _new_id() -> str:
    return f"evt_{uuid.uuid4().hex[:26]}"


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return parts.scheme, parts.hostname, port


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
