"""From the URL of a result to an object in the bucket, and what can come between."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.provider_replies import completed

from prefect_toapis import Variant, VideoBucket
from prefect_toapis.simulator import Replace, Simulator, Truncate

Make = Callable[..., Awaitable[Any]]


def objects(bucket: VideoBucket, kind: str) -> list[str]:
    return [key for key in bucket.list_keys("b/") if key.endswith(kind)]


async def test_a_url_that_is_refused_is_asked_for_again(make: Make, simulator: Simulator) -> None:
    simulator.faults.add(Replace(operation="media", status=403))
    manifest = await make(["a dog"])
    assert manifest.shots("stored") == len(simulator.ledger.paid) == 1
    assert simulator.ledger.downloads.total() == 1


async def test_a_page_in_place_of_a_video_is_never_stored(
    make: Make, simulator: Simulator, bucket: VideoBucket
) -> None:
    page = "<html>Please sign in</html>"
    html = {"content-type": "text/html"}
    simulator.faults.add(
        Replace(operation="media", status=200, body=page, headers=html, times=None)
    )
    manifest = await make(["a dog", "a cat"], on_failure="tolerate")
    assert [row.status for row in manifest.rows] == ["open", "open"]
    assert "the result is not a video: text/html, beginning with '<html>" in manifest.rows[0].error
    assert "The generation is paid for." in manifest.rows[0].error
    assert objects(bucket, ".mp4") == objects(bucket, "shot.json") == []
    simulator.faults.clear()
    manifest = await make(["a dog", "a cat"])
    assert manifest.shots("stored") == len(simulator.ledger.paid) == 2


async def test_a_transfer_that_always_breaks_off_leaves_nothing_under_the_key(
    make: Make, simulator: Simulator, bucket: VideoBucket
) -> None:
    simulator.faults.add(Truncate(at_bytes=2000), Truncate(at_bytes=0, times=None))
    manifest = await make(["a dog"], on_failure="tolerate")
    assert manifest.shots("open") == 1
    assert objects(bucket, ".mp4") == []


async def test_a_transfer_that_breaks_off_goes_on_with_one_request_more(
    make: Make, simulator: Simulator, bucket: VideoBucket
) -> None:
    simulator.faults.add(Truncate(at_bytes=2000))
    [row] = (await make(["a dog"])).stored
    assert simulator.ledger.downloads.total() == 2
    assert row.size == len(bucket.read(row.key) or b"")


async def test_a_broken_thumbnail_is_no_reason_to_lose_the_video(
    leave: Make,
    make: Make,
    simulator: Simulator,
    bucket: VideoBucket,
    log: pytest.LogCaptureFixture,
) -> None:
    variants = [Variant(name="short", model="sora-2-vip", duration=1, thumbnail=True)]
    began = await leave(["a dog"], variants=variants)
    reply = completed(simulator, began.open[0].task_id)
    reply["result"]["data"][0]["thumbnail_url"] = f"{simulator.media_url}/not/there.jpg"
    simulator.faults.add(Replace(operation="status", status=200, body=json.dumps(reply)))
    manifest = await make(["a dog"], variants=variants)
    [row] = manifest.stored
    assert row.thumbnail_key is None
    assert objects(bucket, ".jpg") == []
    assert "a-dog / short: no thumbnail: the host of the result, 127.0.0.1" in log.text


async def test_a_completed_generation_without_a_url_stays_open(
    make: Make, simulator: Simulator, bucket: VideoBucket
) -> None:
    body = '{"object": "generation.task", "status": "completed", "result": null}'
    simulator.faults.add(Replace(operation="status", status=200, body=body, times=None))
    manifest = await make(["a dog"], on_failure="tolerate")
    assert "completed, but its reply gives no URL" in manifest.open[0].error
    assert manifest.open[0].reply == body
    [record] = objects(bucket, "attempt-1.json")
    assert json.loads(bucket.read(record) or b"")["reply"] == body
    simulator.faults.clear()
    manifest = await make(["a dog"])
    assert manifest.shots("stored") == len(simulator.ledger.paid) == 1
