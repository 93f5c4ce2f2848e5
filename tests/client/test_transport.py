"""The client over real HTTP, mostly against the simulated provider."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from prefect_toapis.client import transport
from prefect_toapis.client.errors import (
    BadRequest,
    InsufficientBalance,
    InvalidRequest,
    NotFound,
    NotSent,
    PolicyRefused,
    RateLimited,
    SubmissionUnknown,
    ToAPIsError,
    Unauthorized,
    Unavailable,
    UnreadableReply,
)
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.client.transport import RetryPolicy, ToAPIsClient
from prefect_toapis.simulator import Delay, Drop, Hide, Hold, Replace, Simulator, SimulatorSettings

KEY = "test-key"
DOG = VideoRequest(prompt="A dog")
PATIENT = RetryPolicy(budget=20, first=0.01, longest=0.05)
HASTY = RetryPolicy(budget=0.05, first=0.01)
LIMITER_DOWN = json.dumps({"error": {"code": "rate_limit_unavailable", "message": "Down"}})
TOO_FAST = json.dumps({"error": {"code": "rate_limit_exceeded", "message": "Too many requests"}})


def client_of(url: str, retry: RetryPolicy = PATIENT, key: str = KEY) -> ToAPIsClient:
    return ToAPIsClient(SecretStr(key), url, retry=retry)


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[ToAPIsClient]:
    async with client_of(simulator.url) as client:
        yield client


@pytest.fixture
def retries() -> Iterator[list[RetryDetails]]:
    """Every wait before another try, as stamina tells of it."""
    seen: list[RetryDetails] = []
    set_on_retry_hooks([seen.append])
    yield seen
    set_on_retry_hooks(None)


@dataclass
class Recorder:
    """An HTTP server that notes each request as it came over the wire."""

    reply: str = '{"error": {"code": "task_not_found", "message": "No such task"}}'
    status: str = "404 Not Found"
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
async def recording(**answer: str) -> AsyncIterator[Recorder]:
    recorder = Recorder(**answer)
    server = await asyncio.start_server(recorder.answer, "127.0.0.1", 0)
    recorder.url = "http://127.0.0.1:{}".format(server.sockets[0].getsockname()[1])
    async with server:
        yield recorder


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# What works


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


async def test_an_unknown_model_s_fields_arrive(simulator: Simulator, client: ToAPIsClient) -> None:
    await client.submit(VideoRequest(model="kling-9", prompt="A dog", extra={"seed": 7}))
    assert [paid.body["seed"] for paid in simulator.ledger.paid] == [7]


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
    with pytest.raises(BadRequest, match="No webhook.*webhook_not_configured"):
        await client.submit(DOG)


async def test_a_task_that_nobody_knows_is_not_found(client: ToAPIsClient) -> None:
    with pytest.raises(NotFound) as raised:
        await client.status("video_nowhere")
    assert raised.value.task_id == "video_nowhere"
    assert raised.value.http_status == 404
    assert raised.value.code == "task_not_found"


async def test_a_task_that_is_hidden_at_first_is_found_later(
    simulator: Simulator, client: ToAPIsClient
) -> None:
    simulator.faults.add(Hide(seconds=0.2))
    await client.submit(DOG, "mine-1")
    assert await client.find("mine-1") is None
    await asyncio.sleep(0.25)
    assert await client.find("mine-1") is not None


async def test_the_key_that_a_reply_echoes_never_shows(simulator: Simulator) -> None:
    body = json.dumps({"error": {"code": f"key {KEY}", "message": f"Incorrect API key: {KEY}"}})
    html = f"<html>Authorization: Bearer {KEY}</html>"
    async with client_of(simulator.url, HASTY) as client:
        for status, text in ((401, body), (500, body), (200, html), (302, html)):
            simulator.faults.add(
                Replace(operation="submit", status=status, body=text),
                Replace(operation="status", status=status, body=text, times=None),
            )
            for call in (client.submit(DOG), client.status("video_1")):
                with pytest.raises(ToAPIsError) as raised:
                    await call
                assert "[key]" in str(raised.value)
                assert KEY not in f"{raised.value!s} {raised.value!r} {vars(raised.value)}"
            simulator.faults.clear()


# What leaves a submission unknown: paid or not, it is sent once


@pytest.mark.parametrize(("when", "paid"), [("before", 0), ("after", 1)])
async def test_a_dropped_submission_is_unknown_and_not_sent_twice(
    simulator: Simulator, client: ToAPIsClient, when: Any, paid: int
) -> None:
    simulator.faults.add(Drop(operation="submit", when=when))
    with pytest.raises(SubmissionUnknown) as raised:
        await client.submit(DOG, "mine-1")
    assert raised.value.money == "maybe spent"
    assert raised.value.business_id == "mine-1"
    assert len(simulator.ledger.submissions) == 1
    assert len(simulator.ledger.paid) == paid
    found = await client.find("mine-1")
    assert (found is not None) == bool(paid)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"content-type": "text/html"}, "<html>Welcome</html>"),
        (200, {}, ""),
        (200, {}, '{"object": "generation.task", "status": "queued"}'),
        (302, {"location": "/elsewhere"}, ""),
        (408, {}, '{"error": {"message": "Timeout"}}'),
        (500, {}, '{"error": {"code": "internal_error", "message": "Sorry"}}'),
        (502, {"content-type": "text/html"}, "<html>Bad Gateway</html>"),
        (503, {}, '{"error": {"code": "busy", "message": "Sorry"}}'),
    ],
)
async def test_a_reply_that_says_nothing_clear_is_unknown_and_not_sent_twice(
    simulator: Simulator, client: ToAPIsClient, status: int, headers: dict[str, str], body: str
) -> None:
    simulator.faults.add(
        Replace(operation="submit", when="after", status=status, headers=headers, body=body)
    )
    with pytest.raises(SubmissionUnknown) as raised:
        await client.submit(DOG, "mine-1")
    assert raised.value.http_status == status
    assert len(simulator.ledger.submissions) == len(simulator.ledger.paid) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_gets_no_key(
    simulator: Simulator, status: int
) -> None:
    elsewhere = {"location": f"{simulator.media_url}/video_1/video-1.mp4"}
    simulator.faults.add(
        Replace(operation="submit", status=status, headers=elsewhere),
        Replace(operation="status", status=status, headers=elsewhere, times=None),
    )
    async with client_of(simulator.url, HASTY) as client:
        with pytest.raises(SubmissionUnknown):
            await client.submit(DOG)
        with pytest.raises(UnreadableReply):
            await client.status("video_1")
    assert simulator.ledger.leaked_keys == 0
    assert len(simulator.ledger.submissions) == 1


async def test_a_reply_that_never_comes_ends_by_the_timeout(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_TIMEOUT", httpx.Timeout(0.2))
    simulator.faults.add(Hold(operation="submit"), Hold(operation="status", times=None))
    async with client_of(simulator.url, HASTY) as client:
        with pytest.raises(SubmissionUnknown, match="ReadTimeout"):
            await client.submit(DOG)
        with pytest.raises(Unavailable, match="ReadTimeout"):
            await client.status("video_1")
    assert len(simulator.ledger.submissions) == len(simulator.ledger.paid) == 1


def test_every_timeout_has_an_end() -> None:
    limits = transport._TIMEOUT.as_dict()
    assert limits.keys() == {"connect", "read", "write", "pool"}
    assert all(seconds is not None and 0 < seconds <= 60 for seconds in limits.values())


async def test_a_cancelled_submission_is_not_sent_again(
    simulator: Simulator, client: ToAPIsClient
) -> None:
    simulator.faults.add(Hold(operation="submit"))
    submission = asyncio.create_task(client.submit(DOG))
    await simulator.await_for(lambda: simulator.faults.held)
    submission.cancel()
    with pytest.raises(asyncio.CancelledError):
        await submission
    await simulator.await_for(lambda: not simulator.faults.held)
    assert len(simulator.ledger.submissions) == 1


# What is tried again


async def test_429_is_waited_out_as_long_as_it_says(
    simulator: Simulator, client: ToAPIsClient, retries: list[RetryDetails]
) -> None:
    headers = {"retry-after": "0.05"}
    simulator.faults.add(
        Replace(operation="submit", status=429, headers=headers, body=TOO_FAST, times=2)
    )
    await client.submit(DOG)
    assert len(simulator.ledger.paid) == 1
    assert [type(one.caused_by) for one in retries] == [RateLimited, RateLimited]
    assert [one.wait_for for one in retries] == pytest.approx([0.05, 0.05])


async def test_a_retry_after_beyond_the_budget_is_not_waited_for(
    simulator: Simulator, client: ToAPIsClient, retries: list[RetryDetails]
) -> None:
    headers = {"retry-after": "21"}
    simulator.faults.add(Replace(operation="submit", status=429, headers=headers, body=TOO_FAST))
    with pytest.raises(RateLimited, match="Too many requests") as raised:
        await client.submit(DOG)
    assert raised.value.retry_after == 21
    assert raised.value.money == "not spent"
    assert retries == []


async def test_429_without_end_is_told_when_the_budget_is_used_up(simulator: Simulator) -> None:
    simulator.faults.add(Replace(operation="submit", status=429, body=TOO_FAST, times=None))
    async with client_of(simulator.url, HASTY) as client:
        with pytest.raises(RateLimited):
            await client.submit(DOG)
    assert len(simulator.ledger.submissions) > 1
    assert simulator.ledger.paid == []


async def test_a_limiter_that_is_down_is_waited_out(
    simulator: Simulator, client: ToAPIsClient, retries: list[RetryDetails]
) -> None:
    simulator.faults.add(Replace(operation="submit", status=503, body=LIMITER_DOWN, times=2))
    await client.submit(DOG)
    assert len(simulator.ledger.paid) == 1
    assert [type(one.caused_by) for one in retries] == [Unavailable, Unavailable]


async def test_a_connection_that_is_refused_is_tried_again(retries: list[RetryDetails]) -> None:
    port = closed_port()
    async with client_of(f"http://127.0.0.1:{port}") as client:
        submission = asyncio.create_task(client.submit(DOG))
        while not retries:
            await asyncio.sleep(0.005)
        settings = SimulatorSettings(api_keys=(KEY,))
        with Simulator(settings, port=port) as simulator:
            await submission
            assert len(simulator.ledger.paid) == 1
    assert type(retries[0].caused_by) is NotSent


async def test_a_host_that_nobody_reaches_is_told_as_not_sent() -> None:
    async with client_of(f"http://127.0.0.1:{closed_port()}", HASTY) as client:
        with pytest.raises(NotSent) as raised:
            await client.submit(DOG, "mine-1")
        assert raised.value.money == "not spent"
        assert raised.value.business_id == "mine-1"
        with pytest.raises(NotSent):
            await client.status("video_1")


@pytest.mark.parametrize(
    "fault",
    [
        Drop(operation="status", times=2),
        Replace(operation="status", status=500, body="{}", times=2),
        Replace(operation="status", status=503, body=LIMITER_DOWN, times=2),
        Replace(operation="status", status=200, body="<html>Welcome</html>", times=2),
        Replace(operation="status", status=404, body="<html>Not Found</html>", times=2),
        Replace(operation="status", status=429, body=TOO_FAST, times=2),
    ],
    ids=repr,
)
async def test_a_query_is_asked_again_until_it_is_answered(
    simulator: Simulator, client: ToAPIsClient, retries: list[RetryDetails], fault: Any
) -> None:
    accepted = await client.submit(DOG)
    simulator.faults.add(fault)
    assert (await client.status(accepted.task_id)).task_id == accepted.task_id
    assert len(retries) == 2


async def test_a_slow_reply_is_waited_for(simulator: Simulator, client: ToAPIsClient) -> None:
    simulator.faults.add(Delay(operation="submit", seconds=0.2))
    await client.submit(DOG)
    assert len(simulator.ledger.submissions) == 1


async def test_a_look_up_without_a_clear_answer_is_an_error_and_not_a_no(
    simulator: Simulator,
) -> None:
    async with client_of(simulator.url, HASTY) as client:
        for status, body, kind in (
            (404, "<html>Not Found</html>", UnreadableReply),
            (500, "{}", Unavailable),
            (401, json.dumps({"error": "No such key"}), Unauthorized),
            (200, '{"status": "queued"}', UnreadableReply),
        ):
            simulator.faults.add(Replace(operation="status", status=status, body=body, times=None))
            with pytest.raises(kind) as raised:
                await client.find("mine-1")
            assert raised.value.business_id == "mine-1"
            assert raised.value.task_id is None
            simulator.faults.clear()


TRANSIENT = Unavailable("Down")


@pytest.mark.parametrize(
    ("error", "left", "delay"),
    [
        (TRANSIENT, 60.0, True),
        (RateLimited("Too fast", retry_after=7.0), 60.0, 7.0),
        (RateLimited("Too fast", retry_after=60.0), 60.0, 60.0),
        (RateLimited("Too fast", retry_after=61.0), 60.0, False),
        (RateLimited("Too fast", retry_after=7.0), 5.0, False),
        (RateLimited("Too fast", retry_after=0.0), 60.0, True),
        (NotFound("No such task"), 60.0, False),
        (SubmissionUnknown("No reply", retry_after=1.0), 60.0, False),
        (ValueError("ours"), 60.0, False),
    ],
)
def test_only_what_is_transient_is_tried_again_within_the_budget(
    error: Exception, left: float, delay: bool | float
) -> None:
    decided = RetryPolicy(budget=60).delay(error, left)
    assert decided == delay
    assert type(decided) is type(delay)


async def test_a_retry_after_in_the_past_still_leaves_a_pause(
    simulator: Simulator, client: ToAPIsClient, retries: list[RetryDetails]
) -> None:
    headers = {"retry-after": formatdate(0, usegmt=True)}
    simulator.faults.add(Replace(operation="submit", status=429, headers=headers, body=TOO_FAST))
    await client.submit(DOG)
    assert [one.wait_for >= PATIENT.first for one in retries] == [True]


async def test_what_a_retry_after_asks_for_counts_against_the_budget(simulator: Simulator) -> None:
    slow = Replace(operation="submit", status=429, headers={"retry-after": "0.2"}, body=TOO_FAST)
    simulator.faults.add(slow.model_copy(update={"times": None}))
    async with client_of(simulator.url, RetryPolicy(budget=0.3, first=0.01)) as client:
        with pytest.raises(RateLimited):
            await client.submit(DOG)
    assert len(simulator.ledger.submissions) <= 2


async def test_each_call_has_a_budget_of_its_own(simulator: Simulator) -> None:
    fast = Replace(operation="submit", status=429, headers={"retry-after": "0.01"}, body=TOO_FAST)
    async with client_of(simulator.url, RetryPolicy(budget=0.6, first=0.01)) as client:
        await client.submit(DOG)
        await asyncio.sleep(0.65)
        simulator.faults.add(fast)
        await client.submit(DOG)
    assert len(simulator.ledger.paid) == 2


# The way to it


async def test_a_proxy_from_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with recording() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with client_of("http://toapis.example/v1") as client:
            assert await client.find("mine-1") is None
    assert proxy.targets == ["http://toapis.example/v1/videos/generations/mine-1"]


async def test_a_proxy_that_refuses_the_way_means_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async with recording(status="403 Forbidden", reply="no") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with client_of("https://toapis.example", HASTY, key="sk-s3cr3t") as client:
            with pytest.raises(NotSent, match="ProxyError"):
                await client.submit(DOG)
    assert set(proxy.targets) == {"toapis.example:443"}
    assert "s3cr3t" not in "".join(proxy.requests), "the proxy of an https host sees no key"


async def test_many_calls_share_the_connections(simulator: Simulator, client: ToAPIsClient) -> None:
    accepted = await client.submit(DOG)
    replies = await asyncio.gather(*(client.status(accepted.task_id) for _ in range(150)))
    assert {reply.task_id for reply in replies} == {accepted.task_id}
