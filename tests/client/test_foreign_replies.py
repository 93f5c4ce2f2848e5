"""Replies about other generations than the one that was asked for, over real HTTP."""

import json
from typing import Any

import pytest

from prefect_toapis.client.errors import UnreadableReply
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.simulator import Replace, Simulator

DOG = VideoRequest(prompt="A dog")
DONE = {"status": "completed", "result": {"data": [{"url": "https://cdn.example/a.mp4"}]}}


def answer(simulator: Simulator, body: dict[str, Any], times: int | None = None) -> None:
    """Have the next queries answered by this."""
    reply = Replace(operation="status", status=200, body=json.dumps(body), times=times)
    simulator.faults.add(reply)


@pytest.mark.parametrize("method", ["status", "character_status"])
async def test_a_status_with_another_id_is_no_answer(
    simulator: Simulator, hasty: ToAPIsClient, method: str
) -> None:
    answer(simulator, {"id": "video_2", **DONE})
    with pytest.raises(UnreadableReply, match="about the generation video_2") as raised:
        await getattr(hasty, method)("video_1")
    assert (raised.value.task_id, raised.value.money) == ("video_1", "not spent")
    assert raised.value.reply == json.dumps({"id": "video_2", **DONE})


async def test_a_status_with_another_business_id_is_no_answer(
    simulator: Simulator, hasty: ToAPIsClient
) -> None:
    answer(simulator, {"id": "video_1", "client_business_id": "other-1", **DONE})
    assert (await hasty.status("video_1")).outputs
    with pytest.raises(UnreadableReply, match="carries the business id other-1"):
        await hasty.status("video_1", "mine-1")


async def test_a_mix_up_that_passes_is_asked_again(
    simulator: Simulator, client: ToAPIsClient
) -> None:
    accepted = await client.submit(DOG, "mine-1")
    answer(simulator, {"id": "video_2", **DONE}, times=2)
    assert (await client.status(accepted.task_id)).task_id == accepted.task_id


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "video_2", "client_business_id": "other-1"},
        {"id": "video_2", "metadata": {"client_business_id": "other-1"}},
        {"id": "mine-1"},
        {"id": None},
    ],
)
async def test_a_look_up_adopts_no_generation_of_others(
    simulator: Simulator, hasty: ToAPIsClient, fields: dict[str, Any]
) -> None:
    answer(simulator, DONE | fields)
    with pytest.raises(UnreadableReply) as raised:
        await hasty.find("mine-1")
    assert raised.value.business_id == "mine-1"
    assert raised.value.reply


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "video_1"},
        {"id": "video_1", "client_business_id": "mine-1"},
        {"id": "video_1", "task_id": "mine-1"},
        {"id": "mine-1", "task_id": "video_1"},
    ],
)
async def test_a_look_up_finds_its_own(
    simulator: Simulator, hasty: ToAPIsClient, fields: dict[str, Any]
) -> None:
    answer(simulator, DONE | fields)
    found = await hasty.find("mine-1")
    assert found
    assert found.task_id == "video_1"


async def test_urls_of_results_are_absolute(simulator: Simulator, hasty: ToAPIsClient) -> None:
    path = "/v1/videos/video_1/content"
    answer(simulator, {"id": "video_1", "status": "done", "output": path, "thumbnail": path})
    [output] = (await hasty.status("video_1")).outputs
    assert output.url == output.thumbnail_url == f"{simulator.url}{path}"
