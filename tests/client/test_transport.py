"""The client over real HTTP: what goes out, and what comes back of it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from pydantic import SecretStr

from prefect_toapis.client import transport
from prefect_toapis.client.errors import (
    BadRequest,
    InsufficientBalance,
    InvalidRequest,
    NotFound,
    NotSent,
    PolicyRefused,
    ToAPIsError,
    Unauthorized,
)
from prefect_toapis.client.http_pool import REQUESTS_AT_ONCE
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.simulator import Hide, Hold, Replace, Simulator, SimulatorSettings

KEY = "test-key"
DOG = VideoRequest(prompt="A dog")


def client_of(url: str, key: str = KEY) -> ToAPIsClient:
    return ToAPIsClient(SecretStr(key), url, retry=RetryPolicy(budget=0.05, first=0.01))


@dataclass
class Recorder:
    """An HTTP server that notes the head of each request as it came over the wire."""

    status: str
    reply: str
    requests: list[str] = field(default_factory=list)
    url: str = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        head = f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.reply)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n{self.reply}".encode())
        await writer.drain()
        writer.close()

    @property
    def targets(self) -> list[str]:
        return [request.split(" ", 2)[1] for request in self.requests]


@asynccontextmanager
async def recording(
    status: str = "404 Not Found", reply: str = '{"error": {"message": "No such task"}}'
) -> AsyncIterator[Recorder]:
    recorder = Recorder(status, reply)
    server = await asyncio.start_server(recorder.answer, "127.0.0.1", 0)
    recorder.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield recorder


async def test_a_generation_is_submitted_asked_for_and_found(
    simulator: Simulator, client: ToAPIsClient
) -> None:
    accepted = await client.submit(DOG, "mine-1")
    (paid,) = simulator.ledger.paid
    assert accepted.task_id == accepted.reply.task_id == paid.task_id
    assert paid.body == {"model": "sora-2", "prompt": "A dog", "client_business_id": "mine-1"}

    reply = await client.status(accepted.task_id)
    assert reply.task_id == accepted.task_id
    assert reply.status in {"queued", "in_progress", "completed"}

    found = await client.find("mine-1")
    assert found
    assert found.task_id == accepted.task_id
    assert await client.find("mine-2") is None


async def test_the_page_s_own_example_goes_out_as_it_stands_there(
    simulator: Simulator, client: ToAPIsClient
) -> None:
    example = {
        "model": "sora-2",
        "prompt": "A golden retriever running on grass, sunny day",
        "duration": 10,
        "aspect_ratio": "16:9",
    }
    await client.submit(VideoRequest.model_validate(example))
    assert [paid.body for paid in simulator.ledger.paid] == [example]


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
async def test_a_base_url_may_be_typed_in_any_way(simulator: Simulator, path: str) -> None:
    async with client_of(simulator.url + path) as client:
        accepted = await client.submit(DOG)
        assert (await client.status(accepted.task_id)).task_id == accepted.task_id


async def test_an_unknown_model_s_fields_arrive_and_the_log_says_that_nobody_checked_them(
    simulator: Simulator, client: ToAPIsClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="prefect_toapis")
    await client.submit(DOG)
    assert caplog.messages == []
    await client.submit(VideoRequest(model="wan9", prompt="A dog", extra={"seed": 7}))
    assert simulator.ledger.paid[-1].body["seed"] == 7
    mix = VideoRequest(
        model="viduq3-mix",
        prompt="A dog",
        image_urls=["https://media.example/dog.png"],
        extra={"metadata": {"cut": 1}},
    )
    await client.submit(mix)
    assert simulator.ledger.paid[-1].body["metadata"]["cut"] == 1
    assert caplog.messages == [
        "wan9: not in the catalogue; its rules are unchecked",
        "viduq3-mix: the catalogue doesn't describe metadata.cut; it is sent unchecked",
    ]


async def test_a_request_that_breaks_rules_is_not_sent(
    simulator: Simulator, client: ToAPIsClient
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await client.submit(VideoRequest(prompt="A dog", duration=12, n=5))
    assert raised.value.faults == [
        "duration=12 with sora-2: choose 10 or 15 seconds",
        "n=5 with sora-2: it must be at most 4",
    ]
    assert simulator.ledger.submissions == []


async def test_an_id_is_quoted_into_the_path() -> None:
    async with recording() as server, client_of(server.url) as client:
        with pytest.raises(NotFound):
            await client.status("a/b?c=d#e f")
        assert await client.find("../1") is None
    base = "/v1/videos/generations/"
    assert server.targets == [f"{base}a%2Fb%3Fc%3Dd%23e%20f", f"{base}..%2F1"]


async def test_what_is_sent_carries_the_key_in_the_header_only() -> None:
    async with recording() as server, client_of(server.url, key="sk-s3cr3t") as client:
        await client.find("mine-1")
    (request,) = server.requests
    assert request.count("s3cr3t") == 1
    assert "\r\nauthorization: bearer sk-s3cr3t\r\n" in request.lower()
    assert "\r\nuser-agent: prefect-toapis\r\n" in request.lower()


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel", "\x00"])
def test_a_key_that_can_be_none_is_refused_at_once(key: str) -> None:
    with pytest.raises(ValueError, match="api_key") as refused:
        client_of("https://toapis.com", key=key)
    assert not key or key not in str(refused.value)


def test_a_base_url_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="base_url"):
        client_of("toapis.com")


# What the API refuses


@pytest.mark.parametrize(
    ("settings", "prompt", "key", "kind"),
    [
        ({}, "refuse me", KEY, PolicyRefused),
        ({"balance_credits": 0}, "A dog", KEY, InsufficientBalance),
        ({}, "A dog", "another-key", Unauthorized),
    ],
)
async def test_a_refusal_is_told_and_not_sent_again(
    settings: dict[str, Any], prompt: str, key: str, kind: type[ToAPIsError]
) -> None:
    with Simulator(SimulatorSettings(api_keys=(KEY,), **settings)) as simulator:
        async with client_of(simulator.url, key=key) as client:
            with pytest.raises(kind) as raised:
                await client.submit(VideoRequest(prompt=prompt), "mine-1")
        assert raised.value.money == "not spent"
        assert raised.value.business_id == "mine-1"
        assert simulator.ledger.paid == []
        assert len(simulator.ledger.submissions) + simulator.ledger.unauthorized == 1


async def test_bad_parameters_are_told(simulator: Simulator, client: ToAPIsClient) -> None:
    body = json.dumps({"error": {"code": "webhook_not_configured", "message": "No webhook"}})
    simulator.faults.add(Replace(operation="submit", status=400, body=body))
    with pytest.raises(BadRequest, match="No webhook") as raised:
        await client.submit(DOG)
    assert raised.value.code == "webhook_not_configured"


async def test_a_task_that_nobody_knows_is_not_found(client: ToAPIsClient) -> None:
    with pytest.raises(NotFound) as raised:
        await client.status("video_nowhere")
    assert raised.value.task_id == "video_nowhere"
    assert raised.value.http_status == 404
    assert raised.value.code == "task_not_found"


async def test_a_task_that_is_hidden_at_first_is_found_later(
    simulator: Simulator, client: ToAPIsClient
) -> None:
    simulator.faults.add(Hide(seconds=0.5))
    await client.submit(DOG, "mine-1")
    assert await client.find("mine-1") is None
    await asyncio.sleep(0.5)
    assert await client.find("mine-1") is not None


@pytest.mark.parametrize("status", [200, 302, 401, 500])
@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"error": {"code": f"key {KEY}", "message": f"Incorrect API key: {KEY}"}}),
        f"<html>Authorization: Bearer {KEY}</html>",
    ],
    ids=["json", "html"],
)
async def test_the_key_that_a_reply_echoes_never_shows(
    simulator: Simulator, hasty: ToAPIsClient, status: int, body: str
) -> None:
    simulator.faults.add(
        Replace(operation="submit", status=status, body=body),
        Replace(operation="status", status=status, body=body, times=None),
    )
    for call in (hasty.submit(DOG), hasty.status("video_1")):
        with pytest.raises(ToAPIsError) as raised:
            await call
        assert "[key]" in str(raised.value)
        assert KEY not in f"{raised.value!s} {raised.value!r} {vars(raised.value)}"


async def test_a_submission_whose_turn_does_not_come_in_time_is_never_sent(
    simulator: Simulator, hasty: ToAPIsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", httpx.Timeout(30, pool=0.1))
    simulator.faults.add(Hold(operation="status", times=None))
    others = [asyncio.create_task(hasty.status("video_1")) for _ in range(REQUESTS_AT_ONCE)]
    for _ in range(100):
        await asyncio.sleep(0.02)
        if len(simulator.faults.held) == REQUESTS_AT_ONCE:
            break
    with pytest.raises(NotSent):
        await hasty.submit(DOG)
    simulator.faults.clear()
    simulator.faults.release()
    await asyncio.gather(*others, return_exceptions=True)
    assert simulator.ledger.submissions == []
    await hasty.submit(DOG)
    assert len(simulator.ledger.paid) == 1


# The way to it


async def test_a_proxy_from_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with recording() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with client_of("http://toapis.example/v1") as client:
            assert await client.find("mine-1") is None
    assert proxy.targets == ["http://toapis.example/v1/videos/generations/mine-1"]


async def test_a_proxy_that_refuses_the_way_means_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async with recording("403 Forbidden", "no") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with client_of("https://toapis.example", key="sk-s3cr3t") as client:
            with pytest.raises(NotSent, match="ProxyError"):
                await client.submit(DOG)
    assert set(proxy.targets) == {"toapis.example:443"}
    assert "s3cr3t" not in "".join(proxy.requests), "the proxy of an https host sees no key"


async def test_many_calls_share_the_connections(simulator: Simulator, client: ToAPIsClient) -> None:
    accepted = await client.submit(DOG)
    replies = await asyncio.gather(*(client.status(accepted.task_id) for _ in range(150)))
    assert {reply.task_id for reply in replies} == {accepted.task_id}


@pytest.mark.parametrize(
    "task_id", [".", "..", "../balance", "%2e%2e", "ü/?#", "\x00", "x" * 9_000]
)
async def test_no_id_leads_to_another_path(task_id: str) -> None:
    async with recording() as server, client_of(server.url) as client:
        with pytest.raises(NotFound):
            await client.status(task_id)
    (target,) = server.targets
    base, _, segment = target.rpartition("/")
    assert base == "/v1/videos/generations"
    assert unquote(segment) == task_id
    assert set(segment) != {"."}
