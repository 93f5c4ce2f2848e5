"""Batches whose records an earlier release put into the shots' own folders go on where they are."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.flows.test_damaged_bucket import delete

from prefect_toapis import (
    Character,
    RetrySettings,
    RunSettings,
    ToAPIsCredentials,
    VideoBucket,
    VideoRequest,
    acollect_batch,
    acreate_character,
    areconcile_batch,
    asubmit_video,
)
from prefect_toapis.simulator import Simulator

Make = Callable[..., Awaitable[Any]]

SCENES = [{"name": "dog", "prompt": "a dog"}, {"name": "cat", "prompt": "a cat"}]
RENAMED = [{"name": "Rex", "prompt": "a dog"}, {"name": "Tom", "prompt": "a cat"}]
ADDED_SINCE = ("labels", "take", "folder", "account")


def as_an_earlier_release_left_it(bucket: VideoBucket, batch: str = "b") -> list[str]:
    """Move every attempt into the folder of its shot; the keys there."""
    moved = []
    for key in bucket.list_keys(f"{batch}/records/"):
        attempt = json.loads(bucket.read(key) or b"")
        there = f"{attempt['folder']}/{key.rpartition('/')[2]}"
        earlier = {name: value for name, value in attempt.items() if name not in ADDED_SINCE}
        bucket.write(there, json.dumps(earlier).encode(), "application/json")
        delete(bucket, key)
        moved.append(there)
    return moved


@pytest.mark.parametrize("scenes", [SCENES, RENAMED])
async def test_an_open_batch_is_finished_and_nothing_is_bought_again(
    leave: Make, make: Make, bucket: VideoBucket, simulator: Simulator, scenes: list[Any]
) -> None:
    await leave(SCENES)
    records = as_an_earlier_release_left_it(bucket)
    manifest = await make(scenes)
    assert manifest.shots("stored") == 2
    assert len(simulator.ledger.submissions) == 2
    assert sorted(row.key.rpartition("/")[0] for row in manifest.stored) == sorted(
        key.rpartition("/")[0] for key in records
    )
    assert bucket.list_keys("b/records/") == []


async def test_a_stored_batch_stays_stored(
    make: Make, bucket: VideoBucket, simulator: Simulator
) -> None:
    before = await make(SCENES)
    as_an_earlier_release_left_it(bucket)
    manifest = await make(RENAMED)
    assert [row.key for row in manifest.stored] == [row.key for row in before.stored]
    assert len(simulator.ledger.submissions) == 2


@pytest.mark.parametrize("flow", ["collect", "reconcile"])
async def test_it_is_collected_and_reconciled(
    flow: str,
    leave: Make,
    bucket: VideoBucket,
    credentials: ToAPIsCredentials,
    quick: RunSettings,
    clock: Any,
) -> None:
    await leave(SCENES)
    as_an_earlier_release_left_it(bucket)
    clock.skip(60)
    how: dict[str, Any] = {"credentials": credentials, "bucket": bucket, "settings": quick}
    if flow == "collect":
        [manifest] = await acollect_batch(**how)
    else:
        manifest = await areconcile_batch("b", **how)
    assert manifest.shots("stored") == 2


async def test_a_failed_attempt_is_followed_by_the_second_in_the_same_place(
    make: Make, bucket: VideoBucket, simulator: Simulator, quick: RunSettings
) -> None:
    await make(["fail me"], on_failure="tolerate")
    [first] = as_an_earlier_release_left_it(bucket)
    again = quick.with_overrides(RunSettings(retries=RetrySettings(failed_shots="all")))
    await make(["fail me"], on_failure="tolerate", settings=again)
    assert bucket.read(first.replace("attempt-1", "attempt-2"))
    assert len(simulator.ledger.submissions) == 2


async def test_single_tasks_find_what_was_bought_before(
    bucket: VideoBucket, credentials: ToAPIsCredentials, simulator: Simulator, quick: RunSettings
) -> None:
    how: dict[str, Any] = {"credentials": credentials, "bucket": bucket, "settings": quick}
    request = VideoRequest(prompt="a dog")
    baron = Character(name="Baron", url="https://media.example/baron.mp4", timestamps="1,3")
    bought = await asubmit_video(request, **how)
    made = await acreate_character(baron, **how)
    for batch in ("requests", "characters"):
        as_an_earlier_release_left_it(bucket, batch)
    duke = baron.model_copy(update={"name": "Duke"})
    assert (await asubmit_video(request, **how)).task_id == bought.task_id
    assert (await acreate_character(duke, **how)).task_id == made.task_id
    assert len(simulator.ledger.submissions) == 2


async def test_two_names_for_one_character_are_one_creation(
    bucket: VideoBucket, credentials: ToAPIsCredentials, simulator: Simulator, quick: RunSettings
) -> None:
    how: dict[str, Any] = {"credentials": credentials, "bucket": bucket, "settings": quick}
    baron = Character(name="Baron", url="https://media.example/baron.mp4", timestamps="1,3")
    first = await acreate_character(baron, **how)
    again = await acreate_character(baron.model_copy(update={"name": "Duke"}), **how)
    assert (again.task_id, again.folder) == (first.task_id, first.folder)
    assert len(simulator.ledger.submissions) == 1
