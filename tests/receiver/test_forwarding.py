"""Why Prefect took no event, whatever it answers, and a forwarder that starts again."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import pytest
from prefect.events import Event
from tests.receiver.conftest import NOW, SECRET, SECRETS, Prefect, an_event, signed

from prefect_toapis.receiver import webhook_app
from prefect_toapis.receiver.forwarding import Send

SSO = {"Location": "https://sso.example/login?ticket=pnu_secret"}
HTML = {"Content-Type": "text/html"}
SECRETS_OF_OTHERS = ("pnu_secret", "sso.example", SECRET)
ANSWERS: dict[str, tuple[int, dict[str, str], bytes, str]] = {
    "no body": (200, {}, b"", "Prefect answered 200: check that PREFECT_API_URL"),
    "an SSO page": (200, HTML, b"<html>Sign in", "Prefect answered 200: check that"),
    "401": (
        401,
        {},
        b'{"detail": "key pnu_secret"}',
        "Prefect answered 401: check PREFECT_API_KEY",
    ),
    "401 without a body": (401, {}, b"", "Prefect answered 401: check PREFECT_API_KEY"),
    "403": (403, {}, b"<html>", "Prefect answered 403: check PREFECT_API_KEY"),
    "404": (404, {}, b"", "Prefect answered 404: check that PREFECT_API_URL"),
    "422": (422, {}, b'{"exception_detail": "sig=pnu_secret"}', "Prefect answered 422"),
    "a redirect": (302, SSO, b"", "Prefect answered 302: check that PREFECT_API_URL"),
    "a permanent redirect": (308, {"Location": "/api/v2"}, b"", "Prefect answered 308"),
    "a gateway": (502, HTML, b"<h1>Bad gateway", "Prefect answered 502"),
    "away": (503, {"Retry-After": "600"}, b"", "Prefect answered 503"),
    "maintenance": (503, {"Prefect-Maintenance": "true"}, b"", "Prefect answered 503"),
    "too many": (429, {"Retry-After": "600"}, b"{}", "Prefect answered 429"),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_the_log_says_why_prefect_took_no_event(
    caller: httpx.AsyncClient,
    prefect: Prefect,
    caplog: pytest.LogCaptureFixture,
    answer: tuple[int, dict[str, str], bytes, str],
) -> None:
    prefect.status, prefect.headers, prefect.content, why = answer
    refused = await caller.post("/webhook", content=an_event(), headers=signed(an_event()))
    assert refused.status_code == 503
    assert why in caplog.text
    for secret in SECRETS_OF_OTHERS:
        assert secret not in caplog.text + refused.text
    prefect.status, prefect.headers, prefect.content = 204, {}, b""
    taken = await caller.post("/webhook", content=an_event(), headers=signed(an_event()))
    assert taken.status_code == 204


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ((200, b""), "Prefect's response can't be parsed (JSONDecodeError): check that"),
        (
            (200, b"<html>Sign in to pnu_secret"),
            "Prefect's response can't be parsed (JSONDecodeError)",
        ),
        (
            (200, b'{"token": ["pnu_secret"]}'),
            "Prefect's response can't be parsed (ValidationError)",
        ),
        ((302, b""), "Prefect answered 302: check that PREFECT_API_URL"),
        ((401, b""), "Prefect answered 401: check PREFECT_API_KEY"),
    ],
)
async def test_what_comes_in_place_of_a_csrf_token_is_said_too(
    caller: httpx.AsyncClient,
    prefect: Prefect,
    caplog: pytest.LogCaptureFixture,
    token: tuple[int, bytes],
    why: str,
) -> None:
    prefect.token = token
    refused = await caller.post("/webhook", content=an_event(), headers=signed(an_event()))
    assert refused.status_code == 503
    assert why in caplog.text
    assert "pnu_secret" not in caplog.text + refused.text
    prefect.token = (404, b"")
    taken = await caller.post("/webhook", content=an_event(), headers=signed(an_event()))
    assert taken.status_code == 204


@pytest.mark.parametrize("fails", ["opening", "sending", "closing"])
@pytest.mark.parametrize("error", [RuntimeError("of pnu_secret"), ValueError(), KeyError("a")])
async def test_a_forwarder_that_fails_starts_again(
    caplog: pytest.LogCaptureFixture, fails: str, error: Exception
) -> None:
    taken: list[Event] = []
    failing = [True]

    @asynccontextmanager
    async def connect() -> AsyncIterator[Send]:
        if failing and fails == "opening":
            raise error

        async def send(events: Sequence[Event]) -> None:
            if failing:
                raise error
            taken.extend(events)

        try:
            yield send
        finally:
            if failing and fails == "closing":
                raise KeyError("also")

    transport = httpx.ASGITransport(webhook_app(SECRETS, clock=lambda: NOW, connect=connect))
    async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as caller:
        first = await caller.post("/webhook", content=an_event(), headers=signed(an_event()))
        assert first.status_code == 503
        assert (await caller.get("/health")).json()["prefect_away"] is True
        failing.clear()
        again = await caller.post("/webhook", content=an_event(), headers=signed(an_event()))
        assert again.status_code == 204
        assert (await caller.get("/health")).json()["prefect_away"] is False
    assert len(taken) == 1
    assert type(error).__name__ in caplog.text
    assert "pnu_secret" not in caplog.text
