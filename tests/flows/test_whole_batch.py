"""From scenes, variants and casts to videos in the bucket, and back again for nothing."""

import hashlib
import io
import json
from collections.abc import Awaitable, Callable
from typing import Any

import av
import pytest

from prefect_toapis import Character, LimitSettings, RunSettings, Scene, Variant, VideoBucket
from prefect_toapis.reports.manifest import Manifest
from prefect_toapis.simulator import Simulator
from prefect_toapis.simulator.faults import Replace

Make = Callable[..., Awaitable[Any]]

SCENES = [
    Scene(name="chase", prompt="{character} chases a tram through Lisbon"),
    Scene(name="nap", prompt="{character} sleeps in the sun"),
]
VARIANTS = [
    Variant(name="wide", model="sora-2-vip", duration=2, aspect_ratio="16:9"),
    Variant(name="tall", model="sora-2-vip", duration=1, aspect_ratio="9:16"),
]
CHARACTERS = [
    Character(name="Turbo", username="@duksvfkf.turbo_whis"),
    Character(name="Baron", username="zdqwahgj.baronbarki"),
]


def shape(content: bytes) -> tuple[int, int, int]:
    """Width, height and seconds of a video, every frame of which decodes."""
    with av.open(io.BytesIO(content), "r") as video:
        frames = [(frame.width, frame.height) for frame in video.decode(video=0)]
        assert video.duration
        seconds = round(video.duration / av.time_base)
    assert len(frames) > seconds
    return (*frames[0], seconds)


async def test_two_scenes_in_two_variants_with_two_casts_are_eight_videos(
    make: Make, simulator: Simulator, bucket: VideoBucket
) -> None:
    manifest = await make(SCENES, variants=VARIANTS, characters=CHARACTERS)
    assert len(simulator.ledger.paid) == len(manifest.stored) == 8
    assert simulator.ledger.leaked_keys == 0
    assert {(row.scene, row.variant, row.cast) for row in manifest.rows} == {
        (scene.name, variant.name, one.name)
        for scene in SCENES
        for variant in VARIANTS
        for one in CHARACTERS
    }
    client = bucket._s3
    for row in manifest.stored:
        assert row.uri == bucket.uri(row.key)
        found = client.get_object(Bucket=bucket.bucket_name, Key=f"{bucket.prefix}/{row.key}")
        content = found["Body"].read()
        assert (row.size, row.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert row.content_type == found["ContentType"] == "video/mp4"
        assert shape(content) == ((320, 180, 2) if row.variant == "wide" else (180, 320, 1))
        assert row.key.startswith(f"b/{row.scene}-{row.variant}-{row.cast.lower()}-")
    prompts = {submission.body["prompt"] for submission in simulator.ledger.paid}
    assert "@duksvfkf.turbo_whis chases a tram through Lisbon" in prompts


async def test_the_bucket_tells_everything_of_a_batch(
    make: Make, simulator: Simulator, bucket: VideoBucket
) -> None:
    manifest = await make(SCENES, characters=CHARACTERS[:1])
    keys = bucket.list_keys("b/")
    folders = {row.key.rpartition("/")[0] for row in manifest.stored}
    assert sorted(keys) == sorted(
        ["b/plan.json", "b/manifest.jsonl", "b/manifest.parquet", "b/index.html"]
        + [
            f"{folder}/{name}"
            for folder in folders
            for name in ("video-1.mp4", "thumbnail-1.jpg", "shot.json")
        ]
        + [f"b/records/{row.shot_id}/attempt-1.json" for row in manifest.stored]
    )
    jsonl = (bucket.read("b/manifest.jsonl") or b"").decode()
    assert Manifest.from_jsonl(jsonl, uri=bucket.uri("b")).rows == manifest.rows
    plan = json.loads(bucket.read("b/plan.json") or b"")
    assert [shot["shot_id"] for shot in plan["shots"]] == [row.shot_id for row in manifest.rows]
    assert plan["destination"] == bucket.uri()
    paid = {submission.business_id: submission for submission in simulator.ledger.paid}
    for row in manifest.stored:
        folder = row.key.rpartition("/")[0]
        shot = json.loads(bucket.read(f"{folder}/shot.json") or b"")
        attempt = json.loads(bucket.read(f"b/records/{row.shot_id}/attempt-1.json") or b"")
        assert attempt["state"] == "accepted"
        bought = paid[row.business_id]
        assert shot["task_id"] == attempt["task_id"] == row.task_id == bought.task_id
        assert shot["videos"][0]["sha256"] == row.sha256


async def test_running_a_batch_again_buys_and_fetches_nothing(
    make: Make, simulator: Simulator, log: pytest.LogCaptureFixture
) -> None:
    first = await make(["a dog", "a cat"])
    asked = simulator.ledger.queries.total(), simulator.ledger.downloads.total()
    second = await make(["a dog", "a cat"])
    assert second.rows == first.rows
    assert second.plan == "2 shots: 2 stored, 0 to buy"
    assert len(simulator.ledger.submissions) == 2
    assert (simulator.ledger.queries.total(), simulator.ledger.downloads.total()) == asked
    assert "2 shots: 0 stored, 2 to buy" in log.text
    assert "2 shots: 2 stored, 0 to buy" in log.text


async def test_other_names_buy_nothing_and_show_in_the_manifest(
    make: Make, simulator: Simulator, bucket: VideoBucket
) -> None:
    first = await make([Scene(name="one", prompt="a dog")])
    keys = bucket.list_keys("b/")
    named = Variant(name="tiny", model="sora-2-vip", duration=1)
    second = await make([Scene(name="two", prompt="a dog")], variants=[named])
    assert len(simulator.ledger.submissions) == 1
    assert bucket.list_keys("b/") == keys
    assert [(row.scene, row.variant) for row in second.stored] == [("two", "tiny")]
    assert second.stored[0].key == first.stored[0].key


async def test_a_changed_prompt_buys_that_shot_alone_and_keeps_the_old_one(
    make: Make, simulator: Simulator, log: pytest.LogCaptureFixture
) -> None:
    await make(["a dog", "a cat", "a hen"])
    manifest = await make(["a dog", "a fat cat", "a hen"])
    assert [submission.body["prompt"] for submission in simulator.ledger.paid][3:] == ["a fat cat"]
    assert "3 shots: 2 stored, 1 to buy" in log.text
    assert manifest.shots("stored") == 3
    assert [row.prompt for row in manifest.stored if not row.in_plan] == ["a cat"]


async def test_takes_are_bought_each(make: Make, simulator: Simulator) -> None:
    variant = Variant(model="sora-2-vip", duration=1, takes=2)
    manifest = await make(["a dog"], variants=[variant])
    assert len(simulator.ledger.paid) == 2
    assert [row.label for row in manifest.stored] == [
        "a-dog / sora-2-vip-1s",
        "a-dog / sora-2-vip-1s, take 2",
    ]


async def test_several_outputs_and_thumbnails_of_one_generation_are_all_stored(
    make: Make, simulator: Simulator, bucket: VideoBucket
) -> None:
    variant = Variant(model="sora-2-vip", duration=1, n=2, thumbnail=True)
    manifest = await make(["a dog"], variants=[variant])
    assert len(simulator.ledger.paid) == 1
    assert [row.output for row in manifest.stored] == [1, 2]
    assert manifest.shots("stored") == 1
    for row in manifest.stored:
        assert row.key.endswith(f"video-{row.output}.mp4")
        assert shape(bucket.read(row.key) or b"")[2] == 1
        assert row.thumbnail_key.endswith(f"thumbnail-{row.output}.jpg")
        assert (bucket.read(row.thumbnail_key) or b"").startswith(b"\xff\xd8\xff")
        assert row.note is None


async def test_a_dry_run_buys_nothing_and_answers_the_plan(
    make: Make, simulator: Simulator, bucket: VideoBucket
) -> None:
    await make(["a dog"])
    keys = bucket.list_keys("b/")
    manifest = await make(["a dog", "a cat", "a hen"], dry_run=True)
    assert len(simulator.ledger.submissions) == 1
    assert bucket.list_keys("b/") == keys
    assert [(row.prompt, row.status) for row in manifest.rows] == [
        ("a dog", "stored"),
        ("a cat", "planned"),
        ("a hen", "planned"),
    ]
    assert [row.error for row in manifest.planned] == [None, None]


async def test_no_name_makes_a_new_batch_each_time_and_the_log_says_how_to_continue(
    make: Make, simulator: Simulator, log: pytest.LogCaptureFixture
) -> None:
    first = await make(["a dog"], batch=None)
    second = await make(["a dog"], batch=None)
    assert first.batch != second.batch
    assert len(simulator.ledger.paid) == 2
    assert f'run it again with batch="{first.batch}"' in log.text
    await make(["a dog"], batch=first.batch)
    assert len(simulator.ledger.submissions) == 2


async def test_a_store_that_ignores_conditions_is_named_in_the_log(
    make: Make, aws_bucket: VideoBucket, log: pytest.LogCaptureFixture
) -> None:
    await make(["a dog"], dry_run=True, bucket=aws_bucket)
    assert "ignores conditional writes" not in log.text
    await make(["a dog"], dry_run=True)
    assert "ignores conditional writes: run each batch from one process at a time" in log.text


async def test_what_is_worth_knowing_of_a_plan_is_logged(
    make: Make, simulator: Simulator, log: pytest.LogCaptureFixture
) -> None:
    body = '{"data": [{"id": "wan9"}]}'
    simulator.faults.add(Replace(operation="models", status=200, body=body))
    unknown = Variant(model="wan9", extra={"resolution": "720p"})
    await make(["a dog"], variants=[unknown], characters=CHARACTERS)
    assert "wan9: not in the catalogue; its rules are unchecked" in log.text
    assert "no character will appear" in log.text
    assert simulator.ledger.paid[0].body["resolution"] == "720p"


async def test_what_was_sent_before_is_gone_on_with_first(
    make: Make, simulator: Simulator, bucket: VideoBucket, quick: RunSettings
) -> None:
    await make(["An emu"])
    stored = [key for key in bucket.list_keys("b/") if key.endswith("/shot.json")]
    bucket._s3.delete_object(Bucket=bucket.bucket_name, Key=f"{bucket.prefix}/{stored[0]}")
    one_by_one = quick.with_overrides(RunSettings(limits=LimitSettings(max_in_flight=1)))
    manifest = await make(["A dog", "An emu"], settings=one_by_one)
    dog, emu = manifest.stored
    assert dog.stored_at
    assert emu.stored_at
    assert emu.stored_at < dog.stored_at
    assert len(simulator.ledger.paid) == 2


async def test_a_damaged_shot_json_is_named_and_made_anew(
    make: Make, bucket: VideoBucket, log: pytest.LogCaptureFixture
) -> None:
    await make(["A dog"])
    stored = [key for key in bucket.list_keys("b/") if key.endswith("/shot.json")]
    bucket.write(stored[0], b"{}", "application/json")
    [row] = (await make(["A dog"])).stored
    assert f"{stored[0]} is damaged" in log.text
    assert row.money == "spent"
