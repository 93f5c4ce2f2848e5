"""What the bucket says leads to nothing outside of the batch that says it."""

import json
import subprocess
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from prefect_toapis import Manifest, VideoBucket
from prefect_toapis.blocks import BucketStore
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.errors import DocumentDamaged
from prefect_toapis.flows.inputs import read_sources
from prefect_toapis.planning.plan import plan_batch, single_shot
from prefect_toapis.planning.spec import BatchSpec, Scene
from prefect_toapis.records.attempts import Attempt, read_attempt
from prefect_toapis.records.layout import attempt_key, is_below, record_folder
from prefect_toapis.records.plan_file import PlanFile, read_plan
from prefect_toapis.records.stored_shots import StoredShot, StoredVideo, read_stored
from prefect_toapis.reports.manifest import ManifestRow, outside_of

Run = Callable[..., "subprocess.CompletedProcess[str]"]

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
SHOT = plan_batch(BatchSpec(scenes=[Scene(prompt="A dog")]), "b", "s3://videos").shots[0]
SINGLE = single_shot(VideoRequest(prompt="A cat"), "s3://videos")
NAME = SHOT.folder.removeprefix("b/")

WAYS_OUT = [  # of the batch b, for a folder that ends as the shot's own does
    *("../", "/", "//evil/", "c/", "bb/", "b/../c/", "b/../../", "b//", "b/./", "./b/", "B/"),
    *("b/%2e%2e/c/", "b/..\\c\\", "s3://evil/b/", "https://evil.example/b/", "b\n/", "b/\x00/"),
    *("b/c/../../d/", "", " b/"),
]


def attempt_of(shot: Any, folder: str | None) -> bytes:
    attempt = Attempt(
        shot_id=shot.shot_id,
        attempt=1,
        business_id=shot.business_id(1),
        state="accepted",
        folder=folder,
        sent_at=NOW,
        task_id="video_1",
    )
    return attempt.model_dump_json().encode()


@pytest.mark.parametrize("way", WAYS_OUT)
def test_no_way_out_is_below(way: str) -> None:
    assert not is_below(f"{way}{NAME}", "b")
    assert is_below(f"b/{NAME}", "b")


@pytest.mark.parametrize("way", WAYS_OUT)
def test_an_attempt_sends_no_video_elsewhere(way: str) -> None:
    key = attempt_key(record_folder("b", SHOT.shot_id), 1)
    assert read_attempt(attempt_of(SHOT, SHOT.folder), key, "s3://videos").folder == SHOT.folder
    with pytest.raises(DocumentDamaged, match="its folder is outside the batch"):
        read_attempt(attempt_of(SHOT, f"{way}{NAME}"), key, "s3://videos")


def test_attempts_of_single_shots_and_of_earlier_layouts_are_read() -> None:
    single = attempt_key(record_folder("requests", SINGLE.shot_id), 1)
    assert read_attempt(attempt_of(SINGLE, SINGLE.folder), single, "s3://videos")
    beside = attempt_key(SHOT.folder, 1)
    assert read_attempt(attempt_of(SHOT, None), beside, "s3://videos")
    assert read_attempt(attempt_of(SHOT, SHOT.folder), beside, "s3://videos")


def test_an_attempt_names_no_other_shot_s_folder() -> None:
    key = attempt_key(record_folder("b", SHOT.shot_id), 1)
    with pytest.raises(DocumentDamaged, match="of another shot"):
        read_attempt(attempt_of(SHOT, "b/cat-aaaaaaaaaaaa"), key, "s3://videos")


@pytest.mark.parametrize("part", ["shots", "left"])
@pytest.mark.parametrize("change", [*({"folder": f"{way}{NAME}"} for way in WAYS_OUT)], ids=str)
def test_a_plan_has_no_folder_outside(part: str, change: dict[str, str]) -> None:
    plan = PlanFile(batch="b", destination="s3://videos", shots=[SHOT], left=[SHOT])
    good = json.loads(plan.to_json())
    assert read_plan(json.dumps(good).encode(), "b/plan.json", "s3://videos").shots == [SHOT]
    good[part][0] |= change
    with pytest.raises(DocumentDamaged, match="a folder outside the batch"):
        read_plan(json.dumps(good).encode(), "b/plan.json", "s3://videos")


@pytest.mark.parametrize("change", [{"record": "c/records/x"}, {"record": "../x"}, {"batch": "c"}])
def test_nor_has_it_a_record_or_a_batch_outside(change: dict[str, str]) -> None:
    plan = json.loads(PlanFile(batch="b", destination="s3://videos", shots=[SHOT]).to_json())
    plan["shots"][0] |= change
    with pytest.raises(DocumentDamaged, match=r"a folder outside the batch|belongs to batch c"):
        read_plan(json.dumps(plan).encode(), "b/plan.json", "s3://videos")


def stored_shot(**video: Any) -> dict[str, Any]:
    key = f"{SHOT.folder}/video-1.mp4"
    good: dict[str, Any] = {"output": 1, "key": key, "uri": f"s3://videos/p/{key}", "size": 7}
    good |= {"sha256": "ab" * 32, "content_type": "video/mp4"}
    shot = StoredShot(
        shot=SHOT,
        task_id="video_1",
        business_id=SHOT.business_id(1),
        attempt=1,
        stored_at=NOW,
        videos=[StoredVideo(**{**good, **video})],
    )
    found: dict[str, Any] = json.loads(shot.to_json())
    return found


def read(document: dict[str, Any]) -> StoredShot:
    key = f"{SHOT.folder}/shot.json"
    return read_stored(json.dumps(document).encode(), key, f"s3://videos/{key}")


@pytest.mark.parametrize("field", ["key", "thumbnail_key"])
@pytest.mark.parametrize("way", [*(f"{way}{NAME}/x" for way in WAYS_OUT), f"{SHOT.folder}/.."])
def test_a_stored_shot_names_files_of_its_own_folder(field: str, way: str) -> None:
    assert read(stored_shot())
    with pytest.raises(DocumentDamaged, match="outside its folder"):
        read(stored_shot(**{field: way}))


@pytest.mark.parametrize(
    "uri",
    [
        "s3://evil/x.mp4",
        f"https://evil.example/{SHOT.folder}/video-1.mp4",
        f"s3://a:b@evil/{SHOT.folder}/video-1.mp4",
        f"s3://evil?/{SHOT.folder}/video-1.mp4",
        "javascript:alert(1)",
    ],
)
def test_nor_does_its_address_lead_elsewhere(uri: str) -> None:
    with pytest.raises(DocumentDamaged, match="the URI of a video"):
        read(stored_shot(uri=uri))


@pytest.mark.parametrize("change", [{"folder": "c/x"}, {"folder": "b/../c"}, {"batch": "c"}])
def test_nor_is_its_shot_in_another_batch(change: dict[str, str]) -> None:
    document = stored_shot()
    document["shot"] |= change
    with pytest.raises(DocumentDamaged, match="a folder outside the batch"):
        read(document)


def row(**changed: Any) -> ManifestRow:
    good: dict[str, Any] = {
        "batch": "b",
        "shot_id": SHOT.shot_id,
        "scene": "tram",
        "variant": "wide",
        "status": "stored",
        "key": "b/tram/video-1.mp4",
        "uri": "s3://videos/b/tram/video-1.mp4",
        "model": "sora-2",
        "prompt": "A tram",
        "task_id": "video_1",
    }
    return ManifestRow(**{**good, **changed})


FOREIGN: list[dict[str, Any]] = [
    *({field: f"{way}x"} for way in WAYS_OUT for field in ("key", "thumbnail_key")),
    {"batch": "c"},
    {"uri": "s3://videos/c/tram/video-1.mp4"},
    {"uri": "https://evil.example/b/tram/video-1.mp4"},
    {"uri": "s3://videos/b/tram/video-1.mp4?sig=ab12"},
]


@pytest.mark.parametrize("change", FOREIGN, ids=str)
def test_a_row_of_something_else_is_noticed(change: dict[str, Any]) -> None:
    assert outside_of("b", Manifest(batch="b", uri="s3://videos/b", rows=[row()])) is None
    assert outside_of("b", Manifest(batch="b", uri="s3://videos/b", rows=[row(**change)]))


@pytest.mark.parametrize("change", FOREIGN, ids=str)
@pytest.mark.parametrize("file", ["manifest.jsonl", "manifest.parquet"])
def test_no_manifest_is_loaded_that_names_something_else(
    change: dict[str, Any], file: str, tmp_path: Path
) -> None:
    table = Manifest(batch="b", uri="s3://videos/b", rows=[row(), row(**change)])
    content = table.to_jsonl().encode() if file.endswith("jsonl") else table.to_parquet()
    (tmp_path / file).write_bytes(content)
    reads: list[Callable[[], Manifest]] = [
        lambda: Manifest.load(str(tmp_path / file)),
        lambda: Manifest.from_file(content, f"s3://videos/b/{file}"),
    ]
    for read in reads:
        with pytest.raises(ValueError, match=r"outside the batch|the URI of|a row belongs to"):
            read()


def test_a_bucket_loads_no_manifest_that_names_something_else(bucket: VideoBucket) -> None:
    write(bucket, {})
    assert len(bucket.load_manifest("b").rows) == 1
    write(bucket, {"key": "c/secret.mp4", "uri": bucket.uri("c/secret.mp4")})
    with pytest.raises(ValueError, match=r"'c/secret\.mp4', outside the batch"):
        bucket.load_manifest("b")


@pytest.mark.parametrize("batch", ["..", "../c", "b/../c", ""])
def test_a_local_copy_can_not_say_that_everything_is_its_batch(batch: str, tmp_path: Path) -> None:
    key = f"{batch}/tram/video-1.mp4"
    foreign = row(batch=batch, key=key, uri=f"s3://videos/{key}")
    table = Manifest(batch=batch, uri="s3://videos/b", rows=[foreign])
    (tmp_path / "manifest.jsonl").write_text(table.to_jsonl(), encoding="utf-8")
    with pytest.raises(ValueError, match="a row belongs to batch"):
        Manifest.load(str(tmp_path))


def write(bucket: VideoBucket, changed: dict[str, Any]) -> None:
    manifest = Manifest(batch="b", uri=bucket.uri("b"), rows=[row(**changed)])
    bucket.write("b/manifest.jsonl", manifest.to_jsonl().encode(), "application/x-ndjson")


@pytest.mark.parametrize("change", [{"key": "c/secret.mp4"}, {"batch": "c"}])
async def test_a_remix_is_not_of_a_row_of_something_else(
    bucket: VideoBucket, change: dict[str, Any]
) -> None:
    spec = BatchSpec(scenes=[Scene(prompt="At night", remix_of="b/tram / wide")])
    write(bucket, {})
    good = await read_sources(spec, bucket)
    assert (good.spec.scenes[0].remix_of, good.faults) == ("video_1", [])
    write(bucket, change)
    [fault] = (await read_sources(spec, bucket)).faults
    assert "can't be read" in fault
    assert BucketStore(bucket).uri("b/manifest.jsonl") in fault
