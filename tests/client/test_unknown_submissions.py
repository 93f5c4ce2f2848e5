"""Submissions whose reply says nothing clear: paid or not, they are sent once."""

import asyncio
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from prefect_toapis.client import http_pool, transport
from prefect_toapis.client.errors import SubmissionUnknown, Unavailable, UnreadableReply
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.simulator import Drop, Hold, Replace, Simulator

DOG = VideoRequest(prompt="A dog")


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


@pytest.mark.parametrize("status", [301, 302, 307])
async def test_a_redirect_is_not_followed_and_gets_no_key(
    simulator: Simulator, hasty: ToAPIsClient, status: int
) -> None:
    elsewhere = {"location": f"{simulator.media_url}/video_1/video-1.mp4"}
    simulator.faults.add(
        Replace(operation="submit", status=status, headers=elsewhere),
        Replace(operation="status", status=status, headers=elsewhere, times=None),
    )
    with pytest.raises(SubmissionUnknown):
        await hasty.submit(DOG)
    with pytest.raises(UnreadableReply):
        await hasty.status("video_1")
    assert simulator.ledger.leaked_keys == 0
    assert len(simulator.ledger.submissions) == 1


async def test_a_reply_that_never_comes_ends_by_the_timeout(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", httpx.Timeout(0.2))
    simulator.faults.add(Hold(operation="submit"), Hold(operation="status", times=None))
    retry = RetryPolicy(budget=0.05, first=0.01)
    async with ToAPIsClient(SecretStr(simulator.api_key), simulator.url, retry=retry) as client:
        with pytest.raises(SubmissionUnknown, match="ReadTimeout"):
            await client.submit(DOG)
        with pytest.raises(Unavailable, match="ReadTimeout"):
            await client.status("video_1")
    assert len(simulator.ledger.submissions) == len(simulator.ledger.paid) == 1


def test_every_timeout_has_an_end() -> None:
    limits = http_pool.TIMEOUT.as_dict()
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
