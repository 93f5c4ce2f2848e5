"""What a batch tells whoever listens."""

import json

from prefect_toapis.batches.events import batch_completed, shot_failed, shot_stored
from prefect_toapis.batches.manifest import Manifest, StoredVideo, Unstored
from prefect_toapis.batches.plan import Shot, plan_batch
from prefect_toapis.batches.spec import BatchSpec, Scene

PREFIX = "s3://studio/videos"
URI = f"{PREFIX}/lisbon"
SIGNED = "https://media.example/cat.png?X-Amz-Signature=secret"


def a_shot() -> Shot:
    scene = Scene(name="tram", prompt="A yellow tram", image_urls=[SIGNED])
    [shot] = plan_batch(BatchSpec(scenes=[scene]), "lisbon", PREFIX).shots
    return shot


def test_a_stored_shot_is_told_with_its_videos_and_its_batch() -> None:
    shot = a_shot()
    video = StoredVideo(
        output=1,
        key=f"{shot.folder}/video-1.mp4",
        uri=f"{PREFIX}/{shot.folder}/video-1.mp4",
        size=7,
        sha256="ab",
        content_type="video/mp4",
    )
    event = shot_stored(shot, URI, [video])
    assert event.name == "toapis.shot.stored"
    assert event.resource == {
        "prefect.resource.id": f"toapis.shot.{shot.shot_id}",
        "prefect.resource.name": "tram / sora-2",
    }
    assert event.related == [
        {
            "prefect.resource.id": "toapis.batch.studio/videos/lisbon",
            "prefect.resource.name": "lisbon",
            "prefect.resource.role": "batch",
        }
    ]
    assert event.payload["folder"] == f"{PREFIX}/{shot.folder}"
    [told] = event.payload["videos"]
    assert told == {"output": 1, "uri": video.uri, "size": 7, "sha256": "ab"}


def test_a_failed_shot_is_told_with_its_reason_and_ids() -> None:
    why = Unstored(status="failed", reason="refused", task_id="video_1", business_id="pt1-1")
    event = shot_failed(a_shot(), URI, why)
    assert event.name == "toapis.shot.failed"
    about = {name: event.payload[name] for name in ("scene", "error", "task_id", "business_id")}
    assert about == {
        "scene": "tram",
        "error": "refused",
        "task_id": "video_1",
        "business_id": "pt1-1",
    }


def test_events_hold_no_signed_url() -> None:
    event = shot_stored(a_shot(), URI, [])
    assert "secret" not in json.dumps([event.payload, event.resource, event.related])


def test_a_completed_batch_is_told_with_its_counts_and_places() -> None:
    event = batch_completed(Manifest(batch="lisbon", uri=URI))
    assert event.name == "toapis.batch.completed"
    assert event.payload == {
        "batch": "lisbon",
        "uri": URI,
        "manifest": f"{URI}/manifest.jsonl",
        "gallery": f"{URI}/index.html",
        "shots": 0,
        "stored": 0,
        "failed": 0,
        "open": 0,
        "planned": 0,
    }
