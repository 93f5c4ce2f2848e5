"""The events that a batch emits, for automations and other flows."""

from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID, uuid5

from prefect_toapis.client.webhooks import Ended, Ending, Webhook
from prefect_toapis.planning.plan import Shot
from prefect_toapis.records.layout import GALLERY_FILE, MANIFEST_FILE
from prefect_toapis.records.stored_shots import StoredVideo, Unstored
from prefect_toapis.reports.manifest import Manifest

SHOT_STORED = "toapis.shot.stored"
SHOT_REMARKED = "toapis.shot.remarked"
SHOT_FAILED = "toapis.shot.failed"
BATCH_COMPLETED = "toapis.batch.completed"
GENERATION_COMPLETED = "toapis.generation.completed"
GENERATION_FAILED = "toapis.generation.failed"

_GENERATION: dict[Ending, str] = {
    "completed": GENERATION_COMPLETED,
    "failed": GENERATION_FAILED,
}
_WEBHOOKS = UUID("5d8f4c0e-6f0b-5a43-9a55-2f7be0b1c7a4")  # namespace of the event ids


@dataclass(frozen=True)
class Event:
    """An event in Prefect's form.

    Args:
        name: Such as `toapis.shot.stored`.
        resource: Id and name of the resource, under Prefect's labels.
        payload: Details of the event.
        related: Labels of related resources.
    """

    name: str
    resource: dict[str, str]
    payload: dict[str, Any]
    related: list[dict[str, str]] = field(default_factory=list)


def shot_stored(shot: Shot, batch_uri: str, videos: list[StoredVideo]) -> Event:
    """Return the event that a shot's videos were stored.

    Args:
        shot: The shot.
        batch_uri: Of its batch: `s3://bucket/prefix/batch`.
        videos: Its outputs.
    """
    stored = [video.model_dump(include={"output", "uri", "size", "sha256"}) for video in videos]
    return _of_shot(SHOT_STORED, shot, batch_uri, {"videos": stored})


def shot_remarked(shot: Shot, batch_uri: str, videos: list[StoredVideo]) -> Event | None:
    """Return the event that stored videos of a shot have remarks; None if none has.

    Args:
        shot: The shot.
        batch_uri: Of its batch: `s3://bucket/prefix/batch`.
        videos: Its outputs.
    """
    remarked = [
        video.model_dump(include={"output", "uri", "remarks"}) for video in videos if video.remarks
    ]
    return _of_shot(SHOT_REMARKED, shot, batch_uri, {"videos": remarked}) if remarked else None


def shot_failed(shot: Shot, batch_uri: str, why: Unstored) -> Event:
    """Return the event that a shot failed; not for open shots, which may still succeed."""
    about = {"error": why.reason, "task_id": why.task_id, "business_id": why.business_id}
    return _of_shot(SHOT_FAILED, shot, batch_uri, about)


def batch_completed(manifest: Manifest) -> Event:
    """Return the event that a run of a batch ended, with the number of shots by status.

    Example:
        >>> event = batch_completed(Manifest(batch="lisbon", uri="s3://studio/videos/lisbon"))
        >>> event.resource["prefect.resource.id"], event.payload["manifest"]
        ('toapis.batch.studio/videos/lisbon', 's3://studio/videos/lisbon/manifest.jsonl')
    """
    counts = {status: manifest.shots(status) for status in ("stored", "failed", "open", "planned")}
    payload = {
        "batch": manifest.batch,
        "uri": manifest.uri,
        "manifest": f"{manifest.uri}/{MANIFEST_FILE}",
        "gallery": f"{manifest.uri}/{GALLERY_FILE}",
        "shots": manifest.shots(),
        **counts,
        "videos_with_remarks": len(manifest.remarked),
    }
    return Event(BATCH_COMPLETED, batch_resource(manifest.uri, manifest.batch), payload)


def generation_ended(webhook: Webhook, ended: Ended) -> Event:
    """Return the event that a generation ended according to a webhook.

    It is only a hint: the status query is authoritative.

    Args:
        webhook: The webhook.
        ended: Its content.

    Example:
        >>> ended = Ended("video_7497", "completed", business_id="pt1-1")
        >>> generation_ended(Webhook("evt_1", "generation.completed"), ended).resource
        {'prefect.resource.id': 'toapis.generation.video_7497', 'prefect.resource.name': 'pt1-1'}
    """
    resource = {
        "prefect.resource.id": f"toapis.generation.{ended.task_id}",
        "prefect.resource.name": ended.business_id or ended.task_id,
    }
    payload = {"webhook_id": webhook.id, **asdict(ended)}
    return Event(_GENERATION[ended.ending], resource, payload)


def batch_resource(uri: str, name: str) -> dict[str, str]:
    """Return the id and name of a batch, under Prefect's labels.

    Args:
        uri: Of the batch: `s3://bucket/prefix/batch`.
        name: Of the batch.
    """
    return {
        "prefect.resource.id": f"toapis.batch.{uri.removeprefix('s3://')}",
        "prefect.resource.name": name,
    }


def event_id(webhook_id: str) -> UUID:
    """Return the id of a webhook's event; the same for each delivery of the webhook.

    Example:
        >>> event_id("evt_01abcdef")
        UUID('f10d95fc-db52-5080-8eee-d913acd9a7a8')
    """
    return uuid5(_WEBHOOKS, webhook_id)


def _of_shot(name: str, shot: Shot, batch_uri: str, about: dict[str, Any]) -> Event:
    resource = {
        "prefect.resource.id": f"toapis.shot.{shot.shot_id}",
        "prefect.resource.name": shot.label,
    }
    labels = shot.model_dump(include={"batch", "shot_id", "scene", "variant", "cast", "take"})
    related = {**batch_resource(batch_uri, shot.batch), "prefect.resource.role": "batch"}
    return Event(
        name, resource, {**labels, "folder": f"{batch_uri}/{_own(shot)}", **about}, [related]
    )


def _own(shot: Shot) -> str:
    return shot.folder.removeprefix(f"{shot.batch}/")
