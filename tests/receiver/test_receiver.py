"""What the receiver answers, what it tells Prefect, and what it does without Prefect."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.receiver.conftest import NOW, SECRET, SECRETS, Prefect, an_event, signed

from prefect_toapis.receiver import webhook_app
from prefect_toapis.receiver.app import LARGEST_BODY
from prefect_toapis.receiver.forwarding import Bounds


async def send(
    caller: httpx.AsyncClient, body: bytes, webhook_id: str = "evt_1", path: str = "/webhook"
) -> httpx.Response:
    return await caller.post(path, content=body, headers=signed(body, webhook_id))


async def outcomes(caller: httpx.AsyncClient) -> dict[str, float]:
    lines = (await caller.get("/metrics")).text.splitlines()
    counted = [line for line in lines if line.startswith("toapis_webhooks_total{")]
    return {line.split('"')[1]: float(line.split()[-1]) for line in counted}


async def test_an_end_becomes_an_event_with_the_ids_and_no_url(
    caller: httpx.AsyncClient, prefect: Prefect
) -> None:
    signed_url = "https://files.example/x.mp4?sig=secret"
    body = an_event(model="sora-2", result={"type": "video", "data": [{"url": signed_url}]})
    assert (await send(caller, body)).status_code == 204
    [event] = prefect.events
    assert event["event"] == "toapis.generation.completed"
    assert event["resource"] == {
        "prefect.resource.id": "toapis.generation.tsk_1",
        "prefect.resource.name": "pt1-1",
    }
    assert event["payload"] == {
        "webhook_id": "evt_1",
        "task_id": "tsk_1",
        "ending": "completed",
        "business_id": "pt1-1",
        "model": "sora-2",
        "task_type": "video",
        "reason": None,
    }
    assert event["occurred"].startswith("2026-07-13T14:35:00")
    assert "sig=" not in json.dumps(event)


async def test_a_failure_is_another_event_with_its_reason(
    caller: httpx.AsyncClient, prefect: Prefect
) -> None:
    await send(caller, an_event("generation.failed", error={"message": "refused"}))
    [event] = prefect.events
    assert event["event"] == "toapis.generation.failed"
    assert event["payload"]["reason"] == "refused"


async def test_the_same_webhook_makes_the_same_event_and_another_makes_another(
    caller: httpx.AsyncClient, prefect: Prefect
) -> None:
    for webhook_id in ("evt_1", "evt_1", "evt_2"):
        assert (await send(caller, an_event(), webhook_id)).status_code == 204
    first, again, other = (event["id"] for event in prefect.events)
    assert first == again != other


async def test_an_event_from_the_future_happens_now(
    caller: httpx.AsyncClient, prefect: Prefect
) -> None:
    body = json.dumps(json.loads(an_event()) | {"created_at": NOW + 9_999_999}).encode()
    await send(caller, body)
    [event] = prefect.events
    assert event["occurred"].startswith("2026-07-13T14:35:02")


async def test_the_provider_s_test_is_answered_and_shows_in_the_log(
    caller: httpx.AsyncClient, prefect: Prefect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "prefect_toapis")
    assert (await send(caller, b'{"type": "endpoint.test"}')).status_code == 204
    assert "address and secret are correct" in caplog.text
    assert prefect.events == []


async def test_a_type_that_nobody_knows_is_taken_and_said(
    caller: httpx.AsyncClient, prefect: Prefect, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await send(caller, b'{"type": "balance.low"}')).status_code == 204
    assert "balance.low" in caplog.text
    assert prefect.events == []


@pytest.mark.parametrize(
    ("headers", "body", "answer"),
    [
        (signed(an_event(), secret="a guess"), an_event(), (401, "forged")),
        (signed(an_event()), an_event(task_id="another"), (401, "forged")),
        (signed(an_event(), at=NOW - 301), an_event(), (401, "stale")),
        ({}, an_event(), (401, "unsigned")),
        (signed(b"{}"), b"{}", (400, "unreadable")),
        ({}, b"x" * (LARGEST_BODY + 1), (413, "too_large")),
    ],
)
async def test_what_is_no_webhook_is_refused_and_counted(
    caller: httpx.AsyncClient,
    prefect: Prefect,
    caplog: pytest.LogCaptureFixture,
    headers: dict[str, str],
    body: bytes,
    answer: tuple[int, str],
) -> None:
    status, outcome = answer
    refused = await caller.post("/webhook", content=body, headers=headers)
    assert refused.status_code == status
    assert await outcomes(caller) == {outcome: 1}
    assert "Webhook rejected" in caplog.text
    signature = headers.get("X-ToAPIs-Webhook-Signature", "v1=none").removeprefix("v1=")
    for secret in (SECRET, signature):
        assert secret not in caplog.text + refused.text
    assert prefect.events == []


async def test_a_body_without_a_length_is_bounded_too(caller: httpx.AsyncClient) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 4096
            yield b"x" * 4096

    # The transport gives no more than is asked for.
    assert (await caller.post("/webhook", content=endless())).status_code == 413
    assert given <= LARGEST_BODY + 2 * 4096


async def test_a_body_that_is_as_large_as_may_be_is_read(
    caller: httpx.AsyncClient, prefect: Prefect
) -> None:
    body = an_event().ljust(LARGEST_BODY)
    assert (await send(caller, body)).status_code == 204


async def test_it_answers_only_once_prefect_has_taken_the_event(
    caller: httpx.AsyncClient, prefect: Prefect
) -> None:
    prefect.answers.clear()
    sending = asyncio.create_task(send(caller, an_event()))
    await asyncio.to_thread(prefect.arrived.wait, 10)
    assert not sending.done()
    prefect.answers.set()
    assert (await sending).status_code == 204


async def test_what_comes_meanwhile_goes_in_one_batch(
    caller: httpx.AsyncClient, prefect: Prefect
) -> None:
    prefect.answers.clear()
    first = asyncio.create_task(send(caller, an_event()))
    await asyncio.to_thread(prefect.arrived.wait, 10)
    others = [asyncio.create_task(send(caller, an_event(), f"evt_{n}")) for n in range(2, 252)]
    for _ in range(250):  # each goes as far as it gets
        await asyncio.sleep(0)
    assert (await caller.get("/health")).json()["waiting"] == 250
    prefect.answers.set()
    answers = await asyncio.gather(first, *others)
    assert {one.status_code for one in answers} == {204}
    assert [len(batch) for batch in prefect.batches] == [1, 100, 100, 50]
    assert len({event["id"] for event in prefect.events}) == 251


@pytest.mark.parametrize("status", [401, 422, 500])
async def test_an_event_that_prefect_refuses_is_to_be_sent_again(
    caller: httpx.AsyncClient, prefect: Prefect, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level("INFO", "prefect_toapis")
    prefect.status = status
    for _ in range(2):
        refused = await send(caller, an_event())
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "10"
    assert caplog.text.count(f"Prefect answered {status}") == 1  # not once an event
    assert (await caller.get("/health")).json() == {
        "status": "ok",
        "prefect_away": True,
        "waiting": 0,
    }
    prefect.status = 204
    assert (await send(caller, an_event())).status_code == 204
    assert "Prefect accepts events again" in caplog.text
    assert await outcomes(caller) == {"not_taken": 2, "taken": 1}


async def test_without_a_prefect_server_it_is_to_be_sent_again(
    caller: httpx.AsyncClient, prefect: Prefect
) -> None:
    with temporary_settings({PREFECT_API_URL: ""}):
        refused = await send(caller, an_event())
    assert refused.status_code == 503
    assert "PREFECT_API_URL" in refused.text


@pytest.mark.parametrize("bounds", [Bounds(send_seconds=0.1), Bounds(wait_seconds=0.1)])
async def test_a_slow_prefect_is_not_waited_for_beyond_the_provider_s_patience(
    caller: httpx.AsyncClient, prefect: Prefect
) -> None:
    prefect.answers.clear()
    assert (await send(caller, an_event())).status_code == 503
    prefect.answers.set()
    assert (await send(caller, an_event(), "evt_2")).status_code == 204


@pytest.mark.parametrize("bounds", [Bounds(waiting=3)])
async def test_no_more_events_wait_than_may(caller: httpx.AsyncClient, prefect: Prefect) -> None:
    prefect.answers.clear()
    first = asyncio.create_task(send(caller, an_event()))
    await asyncio.to_thread(prefect.arrived.wait, 10)
    others = [asyncio.create_task(send(caller, an_event(), f"evt_{n}")) for n in range(2, 8)]
    as_they_end = asyncio.as_completed(others)
    assert [(await next(as_they_end)).status_code for _ in range(3)] == [503] * 3
    prefect.answers.set()
    answers = await asyncio.gather(first, *others)
    assert sorted(one.status_code for one in answers) == [204] * 4 + [503] * 3


@pytest.mark.parametrize("bounds", [Bounds(idle_seconds=0.01)])
async def test_after_a_pause_the_connection_is_made_anew(
    caller: httpx.AsyncClient, prefect: Prefect
) -> None:
    for webhook_id in ("evt_1", "evt_2", "evt_3"):
        assert (await send(caller, an_event(), webhook_id)).status_code == 204
        await asyncio.sleep(0.05)
    assert len(prefect.events) == 3


async def test_it_can_be_mounted_into_an_app(prefect: Prefect) -> None:
    receiver = webhook_app(SECRETS, clock=lambda: NOW)
    theirs = Starlette(routes=[Mount("/toapis", receiver)])
    transport = httpx.ASGITransport(theirs)
    async with httpx.AsyncClient(transport=transport, base_url="http://theirs") as caller:
        assert (await send(caller, an_event(), path="/toapis/webhook")).status_code == 204
        assert (await caller.get("/toapis/health")).status_code == 200
    assert len(prefect.events) == 1


async def test_the_secrets_come_from_the_environment(
    prefect: Prefect, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="TOAPIS_WEBHOOK_SECRET is not set"):
        webhook_app()
    monkeypatch.setenv("TOAPIS_WEBHOOK_SECRET", "the next one")
    monkeypatch.setenv("TOAPIS_WEBHOOK_PREVIOUS_SECRET", SECRET)
    transport = httpx.ASGITransport(webhook_app(clock=lambda: NOW))
    async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as caller:
        assert (await send(caller, an_event())).status_code == 204


async def test_metrics_are_prometheus_s(caller: httpx.AsyncClient, prefect: Prefect) -> None:
    await send(caller, an_event())
    shown = await caller.get("/metrics")
    assert shown.headers["content-type"].startswith("text/plain; version=")
    for line in (
        'toapis_webhooks_total{outcome="taken"} 1.0',
        "toapis_webhook_seconds_count 1.0",
        "toapis_webhook_batch_events_sum 1.0",
        "toapis_webhooks_waiting 0.0",
    ):
        assert line in shown.text.splitlines()
