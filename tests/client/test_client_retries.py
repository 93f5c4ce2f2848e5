"""What the client tries again by itself, how long it waits, and when it gives up."""

import asyncio
import json
import socket
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
from pydantic import SecretStr
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from prefect_toapis.client.errors import (
    NotFound,
    NotSent,
    RateLimited,
    SubmissionUnknown,
    ToAPIsError,
    Unauthorized,
    Unavailable,
    UnreadableReply,
)
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.simulator import Delay, Drop, Replace, Simulator, SimulatorSettings

KEY = SecretStr("test-key")
DOG = VideoRequest(prompt="A dog")
LIMITER_DOWN = json.dumps({"error": {"code": "rate_limit_unavailable", "message": "Down"}})
TOO_FAST = json.dumps({"error": {"code": "rate_limit_exceeded", "message": "Too many requests"}})


def too_fast(retry_after: str, times: int | None = 1) -> Replace:
    headers = {"retry-after": retry_after}
    return Replace(operation="submit", status=429, headers=headers, body=TOO_FAST, times=times)


@pytest.fixture
def retries() -> Iterator[list[RetryDetails]]:
    """Every wait before another try, as stamina tells of it."""
    seen: list[RetryDetails] = []

    def note(details: RetryDetails) -> None:
        seen.append(details)

    set_on_retry_hooks([note])
    yield seen
    set_on_retry_hooks(None)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_429_is_waited_out_as_long_as_it_says(
    simulator: Simulator, client: ToAPIsClient, retries: list[RetryDetails]
) -> None:
    simulator.faults.add(too_fast("0.07", times=2))
    await client.submit(DOG)
    assert len(simulator.ledger.paid) == 1
    assert [type(one.caused_by) for one in retries] == [RateLimited, RateLimited]
    assert [one.wait_for for one in retries] == pytest.approx([0.07, 0.07])


async def test_a_retry_after_in_the_past_still_leaves_a_pause(
    simulator: Simulator, client: ToAPIsClient, retries: list[RetryDetails]
) -> None:
    simulator.faults.add(too_fast(formatdate(0, usegmt=True)))
    await client.submit(DOG)
    assert [one.wait_for >= 0.01 for one in retries] == [True]


async def test_a_retry_after_beyond_the_budget_is_not_waited_for(
    simulator: Simulator, client: ToAPIsClient, retries: list[RetryDetails]
) -> None:
    simulator.faults.add(too_fast("21"))
    with pytest.raises(RateLimited, match="Too many requests") as raised:
        await client.submit(DOG)
    assert raised.value.retry_after == 21
    assert raised.value.money == "not spent"
    assert retries == []


async def test_what_a_retry_after_asks_for_counts_against_the_budget(simulator: Simulator) -> None:
    simulator.faults.add(too_fast("0.2", times=None))
    retry = RetryPolicy(budget=0.3, first=0.01)
    async with ToAPIsClient(KEY, simulator.url, retry=retry) as client:
        with pytest.raises(RateLimited):
            await client.submit(DOG)
    assert len(simulator.ledger.submissions) <= 2


async def test_every_try_begins_within_the_budget(
    simulator: Simulator, retries: list[RetryDetails]
) -> None:
    simulator.faults.add(Replace(operation="submit", status=429, body=TOO_FAST, times=None))
    retry = RetryPolicy(budget=0.4, first=0.2, longest=15)
    async with ToAPIsClient(KEY, simulator.url, retry=retry) as client:
        with pytest.raises(RateLimited):
            await client.submit(DOG)
    assert [one for one in retries if one.waited_so_far + one.wait_for > 0.4] == []


async def test_each_call_has_a_budget_of_its_own(simulator: Simulator) -> None:
    retry = RetryPolicy(budget=0.6, first=0.01)
    async with ToAPIsClient(KEY, simulator.url, retry=retry) as client:
        await client.submit(DOG)
        await asyncio.sleep(0.65)
        simulator.faults.add(too_fast("0.01"))
        await client.submit(DOG)
    assert len(simulator.ledger.paid) == 2


async def test_429_without_end_is_told_when_the_budget_is_used_up(
    simulator: Simulator, hasty: ToAPIsClient
) -> None:
    simulator.faults.add(Replace(operation="submit", status=429, body=TOO_FAST, times=None))
    with pytest.raises(RateLimited):
        await hasty.submit(DOG)
    assert simulator.ledger.paid == []


async def test_a_limiter_that_is_down_is_waited_out(
    simulator: Simulator, client: ToAPIsClient, retries: list[RetryDetails]
) -> None:
    simulator.faults.add(Replace(operation="submit", status=503, body=LIMITER_DOWN, times=2))
    await client.submit(DOG)
    assert len(simulator.ledger.paid) == 1
    assert [type(one.caused_by) for one in retries] == [Unavailable, Unavailable]


async def test_a_connection_that_is_refused_is_tried_again() -> None:
    refused = asyncio.Event()

    def note(details: RetryDetails) -> None:
        assert type(details.caused_by) is NotSent
        refused.set()

    port = closed_port()
    set_on_retry_hooks([note])
    try:
        retry = RetryPolicy(budget=20, first=0.02)
        async with ToAPIsClient(KEY, f"http://127.0.0.1:{port}", retry=retry) as client:
            submission = asyncio.create_task(client.submit(DOG))
            await refused.wait()
            with Simulator(SimulatorSettings(api_keys=("test-key",)), port=port) as simulator:
                await submission
                assert len(simulator.ledger.paid) == 1
    finally:
        set_on_retry_hooks(None)


async def test_a_host_that_nobody_reaches_is_told_as_not_sent() -> None:
    retry = RetryPolicy(budget=0.05, first=0.01)
    async with ToAPIsClient(KEY, f"http://127.0.0.1:{closed_port()}", retry=retry) as client:
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
    ids=["dropped", "500", "503", "html with 200", "html with 404", "429"],
)
async def test_a_query_is_asked_again_until_it_is_answered(
    simulator: Simulator, client: ToAPIsClient, retries: list[RetryDetails], fault: Any
) -> None:
    accepted = await client.submit(DOG)
    simulator.faults.add(fault)
    assert (await client.status(accepted.task_id)).task_id == accepted.task_id
    assert len(retries) == 2


async def test_a_slow_reply_is_waited_for(simulator: Simulator, hasty: ToAPIsClient) -> None:
    simulator.faults.add(Delay(operation="submit", seconds=0.2))
    await hasty.submit(DOG)
    assert len(simulator.ledger.submissions) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, "<html>Not Found</html>", UnreadableReply),
        (500, "{}", Unavailable),
        (401, '{"error": "No such key"}', Unauthorized),
        (200, '{"status": "queued"}', UnreadableReply),
    ],
)
async def test_a_look_up_without_a_clear_answer_is_an_error_and_not_a_no(
    simulator: Simulator, hasty: ToAPIsClient, status: int, body: str, kind: type[ToAPIsError]
) -> None:
    simulator.faults.add(Replace(operation="status", status=status, body=body, times=None))
    with pytest.raises(kind) as raised:
        await hasty.find("mine-1")
    assert raised.value.business_id == "mine-1"
    assert raised.value.task_id is None


@pytest.mark.parametrize(
    ("error", "left", "delay"),
    [
        (Unavailable("Down"), 60.0, True),
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
