"""Resolves the video that a scene remixes: a task id, or a shot of an earlier batch."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from prefect_toapis.batches.identity import FOLDER_ID
from prefect_toapis.batches.manifest import ManifestRow
from prefect_toapis.batches.spec import BatchSpec

_LISTED = 5  # shots in a message


class EarlierShot(NamedTuple):
    """A shot of an earlier batch, named as `batch/shot` in a scene."""

    batch: str
    shot: str


def earlier_shot(remix_of: str | None) -> EarlierShot | None:
    """Return the shot that a scene remixes; None if it is a task id, or not a remix.

    Example:
        >>> earlier_shot("lisbon/tram / wide / Turbo")
        EarlierShot(batch='lisbon', shot='tram / wide / Turbo')
        >>> earlier_shot("video_7497") is None
        True
    """
    batch, slash, shot = (remix_of or "").partition("/")
    return EarlierShot(batch.strip(), shot.strip()) if slash else None


def task_of(named: EarlierShot, rows: Iterable[ManifestRow]) -> str:
    """Return the task id of a shot's video.

    Args:
        named: The shot, by its label in the manifest, its id, or the first 12 characters of it.
        rows: The manifest of its batch.

    Raises:
        ValueError: The shot doesn't exist, is ambiguous, or can't be remixed.
    """
    shots = {row.shot_id: row for row in rows}
    found = [row for row in shots.values() if _is_named(row, named.shot)]
    if not found:
        labels = [row.label for row in shots.values()]
        shown = "; ".join(labels[:_LISTED]) + ("; ..." if labels[_LISTED:] else "")
        raise ValueError(f'batch "{named.batch}" has no shot "{named.shot}"; its shots: {shown}')
    if len(found) > 1:
        ids = ", ".join(row.shot_id[:FOLDER_ID] for row in found)
        raise ValueError(f"several shots have this label; use an id instead: {ids}")
    (row,) = found
    if row.request.get("private"):
        raise ValueError("its video is private, and private videos can't be remixed")
    if row.status != "stored" or not row.task_id:
        raise ValueError(f"its shot is {row.status}; only stored videos can be remixed")
    return row.task_id


def with_remixes(spec: BatchSpec, tasks: Mapping[str, str]) -> BatchSpec:
    """Return the batch with the shots that its scenes remix replaced by task ids."""
    scenes = [
        scene.model_copy(update={"remix_of": tasks.get(scene.remix_of, scene.remix_of)})
        if scene.remix_of
        else scene
        for scene in spec.scenes
    ]
    return spec.model_copy(update={"scenes": scenes})


def _is_named(row: ManifestRow, name: str) -> bool:
    return _parts(row.label) == _parts(name) or name in {row.shot_id, row.shot_id[:FOLDER_ID]}


def _parts(label: str) -> list[str]:
    return [part.strip() for part in label.split("/")]
