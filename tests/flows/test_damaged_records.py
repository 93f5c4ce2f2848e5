"""Records, characters and parts of shots damaged by hand, as flows and single tasks see them."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.flows.test_damaged_bucket import SCENES, delete, key_of

from prefect_toapis import (
    Character,
    PollingSettings,
    RetrySettings,
    RunSettings,
    ToAPIsCredentials,
    Variant,
    VideoBucket,
    VideoRequest,
    acollect_batch,
    acreate_character,
    apoll_character,
    areconcile_batch,
    asubmit_video,
)
from prefect_toapis.errors import InvalidBatch, StoreError
from prefect_toapis.simulator import Drop, Simulator

Make = Callable[..., Awaitable[Any]]

TWO = [Variant(name="short", model="sora-2-vip", duration=1, n=2)]
BARON, DUKE = (
    Character(name=name, url=f"https://media.example/{name}.mp4", timestamps="1,3")
    for name in ("Baron", "Duke")
)


@pytest.fixture
def how(credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings) -> dict[str, Any]:
    return {"credentials": credentials, "bucket": bucket, "settings": quick}


def change(bucket: VideoBucket, key: str, **fields: Any) -> None:
    found = json.loads(bucket.read(key) or b"") | fields
    bucket.write(key, json.dumps(found).encode(), "application/json")


async def test_a_record_that_names_no_flow_run_is_collected(
    leave: Make, bucket: VideoBucket, clock: Any, how: dict[str, Any]
) -> None:
    await leave(SCENES)
    change(bucket, key_of(bucket, "a dog", "attempt-1.json"), run="of a script")
    clock.skip(60)
    [manifest] = await acollect_batch("b", **how)
    assert manifest.shots("stored") == 2


@pytest.mark.parametrize("fields", [{"version": 7}, {"sent_at": "soon"}, {"folder": "c/dog"}])
async def test_what_can_not_be_read_is_named_where_nothing_is_done_for_it(
    leave: Make,
    make: Make,
    bucket: VideoBucket,
    how: dict[str, Any],
    fields: dict[str, Any],
) -> None:
    await leave(SCENES)
    key = key_of(bucket, "a dog", "attempt-1.json")
    change(bucket, key, **fields)
    [collected] = await acollect_batch("b", **how)
    shown = await areconcile_batch("b", dry_run=True, **how)
    planned = await make(SCENES, dry_run=True)
    for manifest in (collected, shown, planned):
        rows = {row.scene: row for row in manifest.rows}
        assert rows["a-dog"].status == "open"
        assert bucket.uri(key) in (rows["a-dog"].error or "")
        assert rows["a-dog"].money == "maybe spent"


async def test_a_dry_run_says_what_is_paid_already(leave: Make, make: Make) -> None:
    left = await leave(["a dog"])
    dog, cat = (await make(SCENES, dry_run=True)).rows
    assert (dog.status, dog.task_id, dog.money) == ("open", left.open[0].task_id, "spent")
    assert (cat.status, cat.money) == ("planned", "not spent")


@pytest.mark.parametrize("name", ["attempt-2.json", "attempt-01.json", "attempt-1-send-2.json"])
async def test_a_single_task_buys_nothing_where_an_attempt_is_gone(
    bucket: VideoBucket, simulator: Simulator, how: dict[str, Any], name: str
) -> None:
    request = VideoRequest(prompt="a dog")
    await asubmit_video(request, **how)
    [key] = bucket.list_keys("requests/records/")
    bucket.write(key.replace("attempt-1.json", name), bucket.read(key) or b"", "application/json")
    delete(bucket, key)
    with pytest.raises(StoreError, match=r"attempt-1\.json is missing.*nothing was submitted"):
        await asubmit_video(request, **how)
    assert len(simulator.ledger.submissions) == 1


async def test_a_character_whose_record_is_gone_is_not_made_again(
    bucket: VideoBucket, simulator: Simulator, how: dict[str, Any]
) -> None:
    await apoll_character(await acreate_character(BARON, **how), **how)
    for key in bucket.list_keys("characters/"):
        if key.endswith("/character.json"):
            bucket.write(key, b"{", "application/json")
        else:
            delete(bucket, key)
    with pytest.raises(StoreError, match=r'"Baron": .*attempt-1\.json is missing'):
        await acreate_character(BARON, **how)
    assert len(simulator.ledger.submissions) == 1


async def test_characters_whose_files_were_swapped_are_asked_for_again(
    bucket: VideoBucket, simulator: Simulator, how: dict[str, Any]
) -> None:
    async def usernames() -> list[str]:
        made = [await acreate_character(one, **how) for one in (BARON, DUKE)]
        return [(await apoll_character(one, **how)).username for one in made]

    before = await usernames()
    baron, duke = (
        key for key in bucket.list_keys("characters/") if key.endswith("/character.json")
    )
    contents = bucket.read(baron) or b"", bucket.read(duke) or b""
    for key, content in zip((duke, baron), contents, strict=True):
        bucket.write(key, content, "application/json")
    assert await usernames() == before
    assert len(simulator.ledger.submissions) == 2


@pytest.mark.parametrize("size", [0, 100, None])
async def test_one_of_two_videos_is_fetched_again(
    make: Make, bucket: VideoBucket, simulator: Simulator, size: int | None
) -> None:
    before = await make(["a dog"], variants=TWO)
    key = key_of(bucket, "a dog", "video-2.mp4")
    if size is None:
        delete(bucket, key)
    else:
        bucket.write(key, (bucket.read(key) or b"")[:size], "video/mp4")
    after = await make(["a dog"], variants=TWO)
    assert [row.sha256 for row in after.stored] == [row.sha256 for row in before.stored]
    assert [len(bucket.read(row.key) or b"") for row in after.stored] == [
        row.size for row in before.stored
    ]
    assert len(simulator.ledger.submissions) == 1


@pytest.mark.usefixtures("short_pauses")
async def test_a_part_is_not_made_do_with_while_the_provider_does_not_answer(
    make: Make, bucket: VideoBucket, simulator: Simulator, quick: RunSettings
) -> None:
    await make(["a dog"], variants=TWO)
    delete(bucket, key_of(bucket, "a dog", "video-2.mp4"))
    delete(bucket, key_of(bucket, "a dog", "shot.json"))
    simulator.faults.add(Drop(operation="status", when="before", times=None))
    hasty = quick.with_overrides(
        RunSettings(
            retries=RetrySettings(client_seconds=0.5), polling=PollingSettings(timeout_seconds=1)
        )
    )
    broken = await make(["a dog"], variants=TWO, settings=hasty, on_failure="tolerate")
    assert broken.shots("open") == 1
    simulator.faults.clear()
    assert len((await make(["a dog"], variants=TWO)).stored) == 2
    assert len(simulator.ledger.submissions) == 1


async def test_a_poster_that_is_gone_is_not_shown(make: Make, bucket: VideoBucket) -> None:
    [row] = (await make(["a dog"])).stored
    delete(bucket, row.thumbnail_key)
    [after] = (await make(["a dog"])).stored
    assert (after.key, after.thumbnail_key) == (row.key, None)


async def test_a_video_of_an_earlier_plan_that_is_gone_is_told_and_fetched_again(
    make: Make, bucket: VideoBucket, simulator: Simulator, how: dict[str, Any]
) -> None:
    await make(SCENES)
    for _ in range(2):
        await make(["a cat"])
    key = key_of(bucket, "a dog", "video-1.mp4")
    delete(bucket, key)
    dog, cat = sorted((await make(["a cat"])).rows, key=lambda row: row.in_plan)
    assert (dog.status, dog.in_plan, cat.status) == ("open", False, "stored")
    assert f"gone from the bucket or cut since: {bucket.uri(key)}" in (dog.error or "")
    after = await areconcile_batch("b", **how)
    assert {row.status for row in after.rows} == {"stored"}
    assert bucket.read(key)
    assert len(simulator.ledger.submissions) == 2


async def test_a_character_of_a_later_release_is_a_fault_before_anything_is_bought(
    make: Make, bucket: VideoBucket, simulator: Simulator, how: dict[str, Any]
) -> None:
    await apoll_character(await acreate_character(BARON, **how), **how)
    [key] = [one for one in bucket.list_keys("characters/") if one.endswith("/character.json")]
    change(bucket, key, version=7)
    with pytest.raises(InvalidBatch, match="later version of prefect-toapis"):
        await make(["a dog meets {character}"], characters=[BARON])
    assert json.loads(bucket.read(key) or b"")["version"] == 7
    assert len(simulator.ledger.submissions) == 1
