"""What a batch tells whoever listens."""

import json

from prefect_toapis.client.webhooks import Ended, Webhook
from prefect_toapis.planning.plan import Shot, plan_batch
from prefect_toapis.planning.spec import BatchSpec, Scene
from prefect_toapis.records.stored_shots import StoredVideo, Unstored
from prefect_toapis.reports.events import (
    batch_completed,
    event_id,
    generation_ended,
    shot_failed,
    shot_remarked,
    shot_stored,
)
from prefect_toapis.reports.manifest import Manifest

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


def test_a_shot_with_remarks_is_an_event_of_its_own() -> None:
    shot = a_shot()
    good = StoredVideo(output=1, key="k", uri="s3://b/k", size=7, sha256="a", content_type="v")
    bad = good.model_copy(update={"output": 2, "remarks": ["black for 96 % of its length"]})
    assert shot_remarked(shot, URI, [good]) is None
    event = shot_remarked(shot, URI, [good, bad])
    assert event
    assert event.name == "toapis.shot.remarked"
    assert event.payload["videos"] == [
        {"output": 2, "uri": "s3://b/k", "remarks": ["black for 96 % of its length"]}
    ]


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
        "videos_with_remarks": 0,
    }


def test_the_end_of_a_generation_is_told_by_its_own_id_where_the_caller_gave_none() -> None:
    webhook = Webhook("evt_1", "generation.failed")
    event = generation_ended(webhook, Ended("video_1", "failed", reason="refused"))
    assert event.name == "toapis.generation.failed"
    assert event.resource == {
        "prefect.resource.id": "toapis.generation.video_1",
        "prefect.resource.name": "video_1",
    }
    assert event.payload["reason"] == "refused"
    assert event.payload["webhook_id"] == "evt_1"


def test_the_id_of_a_webhook_s_event_never_changes() -> None:
    assert str(event_id("evt_01abcdef")) == "f10d95fc-db52-5080-8eee-d913acd9a7a8"
