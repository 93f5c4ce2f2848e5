"""A batch at a gateway whose replies look different from the provider's pages."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.provider_replies import completed

from prefect_toapis import PollingSettings, RetrySettings, RunSettings, VideoBucket
from prefect_toapis.simulator import Drop, Replace, Simulator

Make = Callable[..., Awaitable[Any]]


def answer(simulator: Simulator, body: Any, **which: Any) -> None:
    """Have queries answered by this."""
    reply = Replace(operation="status", status=200, body=json.dumps(body), times=None, **which)
    simulator.faults.add(reply)


SHAPES: list[Callable[[str, str], Any]] = [
    lambda task_id, url: {
        "code": "success",
        "data": {"task_id": task_id, "status": "SUCCESS", "fail_reason": "", "video_url": url},
    },
    lambda task_id, url: {"id": task_id, "status": " Succeed ", "output": [url]},
    lambda task_id, url: {"id": task_id, "state": "wonderful", "content": {"video_url": url}},
    lambda task_id, url: {
        "code": 0,
        "data": [{"task_id": task_id, "task_result": {"videos": [{"id": "x", "url": url}]}}],
    },
]


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_video_in_another_shape_is_stored(
    leave: Make, make: Make, simulator: Simulator, shape: Callable[[str, str], Any]
) -> None:
    began = await leave(["a dog"])
    task_id = began.open[0].task_id
    url = completed(simulator, task_id)["result"]["data"][0]["url"]
    answer(simulator, shape(task_id, url))
    assert (await make(["a dog"])).shots("stored") == len(simulator.ledger.paid) == 1


async def test_a_failure_in_another_shape_has_the_provider_s_text(
    leave: Make, make: Make, simulator: Simulator, quick: RunSettings
) -> None:
    began = await leave(["a dog"])
    body = {"task_id": began.open[0].task_id, "status": "REJECTED", "fail_reason": "Too dark"}
    answer(simulator, {"code": "success", "message": "", "data": body})
    once = quick.with_overrides(RunSettings(retries=RetrySettings(failed_shots="none")))
    manifest = await make(["a dog"], settings=once, on_failure="tolerate")
    assert "the generation failed: Too dark" in manifest.failed[0].error
    assert len(simulator.ledger.submissions) == 1


async def test_a_word_that_is_not_known_stays_open_and_is_named_and_kept(
    leave: Make, make: Make, simulator: Simulator, bucket: VideoBucket, quick: RunSettings
) -> None:
    began = await leave(["a dog"])
    body = {
        "id": began.open[0].task_id,
        "status": "oops",
        "where": "https://a.example/b?sig=5ec2e7",
    }
    answer(simulator, body)
    brief = quick.with_overrides(RunSettings(polling=PollingSettings(timeout_seconds=0.3)))
    [row] = (await make(["a dog"], settings=brief, on_failure="tolerate")).rows
    assert row.status == "open"
    assert 'its status is "oops", which is unknown' in row.error
    assert "https://a.example/b" in row.reply
    [record] = [key for key in bucket.list_keys("b/") if "attempt" in key]
    everything = b"".join(bucket.read(key) or b"" for key in bucket.list_keys("b/"))
    assert json.loads(bucket.read(record) or b"")["reply"] == row.reply
    assert b"5ec2e7" not in everything
    simulator.faults.clear()
    assert (await make(["a dog"])).shots("stored") == len(simulator.ledger.paid) == 1


async def test_a_generation_of_others_is_neither_adopted_nor_stored(
    make: Make, simulator: Simulator
) -> None:
    await make(["a cat"])
    [theirs] = simulator.ledger.paid
    simulator.faults.add(Drop(operation="submit", when="after"))
    body = completed(simulator, theirs.task_id) | {"client_business_id": theirs.business_id}
    answer(simulator, body)
    manifest = await make(["a cat", "a dog"], on_failure="tolerate")
    [row] = manifest.open
    assert "its look-up failed" in row.error
    assert "which was not queried" in row.error
    assert row.task_id is None
    assert len(simulator.ledger.paid) == 2
    simulator.faults.clear()
    manifest = await make(["a cat", "a dog"])
    assert {one.task_id for one in manifest.stored} == {
        one.task_id for one in simulator.ledger.paid
    }
    assert len(simulator.ledger.paid) == 2
