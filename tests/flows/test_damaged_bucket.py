"""A bucket whose objects were damaged by hand: nothing is bought again, and nothing is lost."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.flows.test_adopted_objects import forget
from tests.flows.test_expired_results import DAY_AND_MORE

from prefect_toapis import (
    Manifest,
    RunSettings,
    ToAPIsCredentials,
    VideoBucket,
    acollect_batch,
    areconcile_batch,
)
from prefect_toapis.errors import BatchFailed, InvalidBatch
from prefect_toapis.simulator import Simulator

Make = Callable[..., Awaitable[Any]]

SCENES = ["a dog", "a cat"]
DAMAGE = [b"", b"{", b"[]", b"\x00\x00", b"<html>Sign in</html>", b'{"version": 1}']


def key_of(bucket: VideoBucket, scene: str, name: str) -> str:
    """The key of a shot's file, or of its attempt."""
    slug = scene.replace(" ", "-")
    for key in bucket.list_keys("b/"):
        folder = key.rpartition("/")[0]
        if not name.startswith("attempt"):
            found = f"/{slug}-" in key
        else:
            found = key.endswith("/attempt-1.json") and slug in json.loads(
                bucket.read(key) or b"{}"
            ).get("labels", [])
        if found:
            return f"{folder}/{name}"
    raise AssertionError(f"nothing of {scene}")


def delete(bucket: VideoBucket, key: str) -> None:
    assert bucket.credentials
    client = bucket.credentials.get_client()
    client.delete_object(Bucket=bucket.bucket_name, Key=f"{bucket.prefix}/{key}")


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_damaged_shot_json_is_made_anew_without_paying(
    make: Make, bucket: VideoBucket, simulator: Simulator, damage: bytes
) -> None:
    before = await make(SCENES)
    key = key_of(bucket, "a dog", "shot.json")
    bucket.write(key, damage, "application/json")
    manifest = await make(SCENES)
    assert manifest.stored == before.stored or [row.sha256 for row in manifest.stored] == [
        row.sha256 for row in before.stored
    ]
    assert json.loads(bucket.read(key) or b"")["videos"]
    assert len(simulator.ledger.submissions) == 2


async def test_a_video_that_is_gone_is_fetched_again(
    make: Make, bucket: VideoBucket, simulator: Simulator
) -> None:
    before = await make(SCENES)
    key = key_of(bucket, "a dog", "video-1.mp4")
    delete(bucket, key)
    manifest = await make(SCENES)
    assert [row.sha256 for row in manifest.stored] == [row.sha256 for row in before.stored]
    assert bucket.read(key)
    assert len(simulator.ledger.submissions) == 2


async def test_a_video_that_was_cut_is_fetched_again_beside_it(
    make: Make, bucket: VideoBucket, simulator: Simulator
) -> None:
    before = await make(SCENES)
    key = key_of(bucket, "a dog", "video-1.mp4")
    bucket.write(key, (bucket.read(key) or b"")[:100], "video/mp4")
    manifest = await make(SCENES)
    assert [row.sha256 for row in manifest.stored] == [row.sha256 for row in before.stored]
    assert len(simulator.ledger.submissions) == 2


async def test_what_the_provider_has_no_more_is_lost_and_never_called_stored(
    make: Make, bucket: VideoBucket, simulator: Simulator, clock: Any
) -> None:
    clock.skip(-DAY_AND_MORE)  # so that it is over later, by our own clock, too
    await make(SCENES)
    delete(bucket, key_of(bucket, "a dog", "video-1.mp4"))
    clock.skip(DAY_AND_MORE)
    age_records(bucket)
    manifest = await make(SCENES, on_failure="tolerate")
    [lost] = manifest.failed
    assert (lost.scene, manifest.shots("stored")) == ("a-dog", 1)
    assert "gone" in lost.error
    assert len(simulator.ledger.submissions) == 2


@pytest.mark.parametrize("damage", [*DAMAGE, None])
async def test_a_shot_json_is_made_anew_from_record_and_video_when_the_provider_has_neither(
    make: Make, bucket: VideoBucket, simulator: Simulator, clock: Any, damage: bytes | None
) -> None:
    clock.skip(-DAY_AND_MORE)  # so that it is over later, by our own clock, too
    before = await make(SCENES)
    key = key_of(bucket, "a dog", "shot.json")
    if damage is None:
        delete(bucket, key)
    else:
        bucket.write(key, damage, "application/json")
    clock.skip(DAY_AND_MORE)
    age_records(bucket)
    manifest = await make(SCENES)
    assert [row.sha256 for row in manifest.stored] == [row.sha256 for row in before.stored]
    assert json.loads(bucket.read(key) or b"")["videos"]
    assert len(simulator.ledger.submissions) == 2


def age_records(bucket: VideoBucket) -> None:
    """As if everything had been sent longer ago than results live."""
    for key in bucket.list_keys("b/records/"):
        attempt = json.loads(bucket.read(key) or b"")
        sent = datetime.fromisoformat(attempt["sent_at"].replace("Z", "+00:00"))
        attempt["sent_at"] = (sent - timedelta(seconds=DAY_AND_MORE)).isoformat()
        bucket.write(key, json.dumps(attempt).encode(), "application/json")


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_damaged_attempt_is_looked_up_and_written_anew(
    leave: Make, make: Make, bucket: VideoBucket, simulator: Simulator, damage: bytes
) -> None:
    await leave(SCENES)
    key = key_of(bucket, "a cat", "attempt-1.json")
    bucket.write(key, damage, "application/json")
    manifest = await make(SCENES)
    assert manifest.shots("stored") == 2
    assert json.loads(bucket.read(key) or b"")["state"] == "accepted"
    assert len(simulator.ledger.submissions) == 2


async def test_a_damaged_attempt_that_nothing_is_known_of_concerns_its_own_shot(
    make: Make, bucket: VideoBucket, simulator: Simulator
) -> None:
    await make(["a dog", "fail me"], on_failure="tolerate")
    key = key_of(bucket, "fail me", "attempt-1.json")
    bucket.write(key.replace("attempt-1", "attempt-2"), b"{", "application/json")
    manifest = await make(["a dog", "fail me", "a cat"], on_failure="tolerate")
    [row] = manifest.open
    assert f"{bucket.uri(key.replace('attempt-1', 'attempt-2'))} is damaged" in row.error
    assert "Restore an earlier version" in row.error
    assert manifest.shots("stored") == 2
    assert len(simulator.ledger.submissions) == 3


async def test_an_attempt_that_is_gone_while_its_video_is_there_buys_nothing(
    make: Make, bucket: VideoBucket, simulator: Simulator
) -> None:
    await make(SCENES)
    delete(bucket, key_of(bucket, "a dog", "attempt-1.json"))
    forget(bucket, key_of(bucket, "a dog", "video-1.mp4"))
    manifest = await make([*SCENES, "an emu"], on_failure="tolerate")
    [row] = manifest.open
    assert "attempt-1.json is missing, although other objects of it exist" in row.error
    assert manifest.shots("stored") == 2
    assert len(simulator.ledger.submissions) == 3


@pytest.mark.parametrize("name", ["shot.json", "attempt-1.json"])
async def test_what_a_later_release_wrote_is_kept_and_concerns_its_own_shot(
    leave: Make, make: Make, bucket: VideoBucket, simulator: Simulator, name: str
) -> None:
    await (make if name == "shot.json" else leave)(SCENES)
    key = key_of(bucket, "a dog", name)
    later = json.loads(bucket.read(key) or b"") | {"version": 7}
    bucket.write(key, json.dumps(later).encode(), "application/json")
    manifest = await make([*SCENES, "an emu"], on_failure="tolerate")
    [row] = manifest.open
    assert "written by a later version of prefect-toapis" in row.error
    assert bucket.uri(key) in row.error
    assert json.loads(bucket.read(key) or b"") == later
    assert manifest.shots("stored") == 2
    assert len(simulator.ledger.submissions) == 3


async def test_a_plan_of_a_later_release_is_a_fault_before_anything_is_bought(
    make: Make, bucket: VideoBucket, simulator: Simulator
) -> None:
    bucket.write("b/plan.json", b'{"version": 9}', "application/json")
    with pytest.raises(InvalidBatch, match="later version of prefect-toapis"):
        await make(SCENES)
    assert bucket.read("b/plan.json") == b'{"version": 9}'
    assert simulator.ledger.submissions == []


@pytest.mark.parametrize("damage", [*DAMAGE, None])
async def test_a_damaged_plan_is_made_anew_and_nothing_open_is_forgotten(  # noqa: PLR0917 - fixtures
    leave: Make,
    make: Make,
    bucket: VideoBucket,
    simulator: Simulator,
    credentials: ToAPIsCredentials,
    quick: RunSettings,
    damage: bytes | None,
) -> None:
    await leave(SCENES)
    if damage is None:
        delete(bucket, "b/plan.json")
    else:
        bucket.write("b/plan.json", damage, "application/json")
    manifest = await make(["an emu"])
    left = [row for row in manifest.rows if not row.in_plan]
    assert {row.scene for row in left} == {"a-dog", "a-cat"}
    bucket.write("b/plan.json", damage or b"", "application/json")
    done: Manifest = await areconcile_batch(
        "b", credentials=credentials, bucket=bucket, settings=quick
    )
    assert done.shots("stored") == 3
    assert len(simulator.ledger.submissions) == 3


@pytest.mark.parametrize("name", ["attempt-1.json", "plan.json"])
async def test_damage_in_one_batch_does_not_keep_others_from_being_collected(
    leave: Make,
    bucket: VideoBucket,
    credentials: ToAPIsCredentials,
    quick: RunSettings,
    clock: Any,
    name: str,
) -> None:
    await leave(["a dog"], batch="c")
    await leave(SCENES)
    key = "b/plan.json" if name == "plan.json" else key_of(bucket, "a dog", name)
    bucket.write(key, b"{", "application/json")
    clock.skip(60)
    found = await acollect_batch(credentials=credentials, bucket=bucket, settings=quick)
    assert {one.batch: one.shots("stored") for one in found}["c"] == 1


@pytest.mark.parametrize(
    "times",
    [
        b"{",
        b"[]",
        b'{"sora-2-vip 1": [Infinity, 1e308, -5, 0, "soon", null, true, 1]}',
        b'{"sora-2-vip 1": "soon", "sora-2": [[1]]}',
    ],
)
async def test_render_times_are_no_reason_for_a_run_to_fail(
    make: Make, bucket: VideoBucket, times: bytes
) -> None:
    bucket.write("render-times.json", times, "application/json")
    assert (await make(SCENES)).shots("stored") == 2


async def test_a_failed_run_on_a_damaged_bucket_says_why(
    leave: Make, make: Make, bucket: VideoBucket
) -> None:
    await leave(["a dog"])
    key = key_of(bucket, "a dog", "attempt-1.json")
    later = json.loads(bucket.read(key) or b"") | {"version": 7}
    bucket.write(key, json.dumps(later).encode(), "application/json")
    with pytest.raises(BatchFailed) as raised:
        await make(["a dog"])
    assert raised.value.manifest.open
