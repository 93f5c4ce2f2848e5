"""Which video a scene remixes: a task id, or a shot of an earlier batch, by its manifest."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from prefect_toapis.batches.identity import FOLDER_ID
from prefect_toapis.batches.manifest import ManifestRow
from prefect_toapis.batches.spec import BatchSpec

_LISTED = 5  # shots in a message


class EarlierShot(NamedTuple):
    """A shot of an earlier batch, as a scene names it: `batch/shot`."""

    batch: str
    shot: str


def earlier_shot(remix_of: str | None) -> EarlierShot | None:
    """The shot that a scene remixes; None if it is a task id, or nothing.

    Example:
        >>> earlier_shot("lisbon/tram / wide / Turbo")
        EarlierShot(batch='lisbon', shot='tram / wide / Turbo')
        >>> earlier_shot("video_7497") is None
        True
    """
    batch, slash, shot = (remix_of or "").partition("/")
    return EarlierShot(batch.strip(), shot.strip()) if slash else None


def task_of(named: EarlierShot, rows: Iterable[ManifestRow]) -> str:
    """The task id of a shot's video.

    Args:
        named: The shot: its label as the manifest shows it, or its id or the id's first 12
            characters.
        rows: The manifest of its batch.

    Raises:
        ValueError: There is no such shot, or none that can be remixed; says why.
    """
    shots = {row.shot_id: row for row in rows}
    found = [row for row in shots.values() if _is_named(row, named.shot)]
    if not found:
        labels = [row.label for row in shots.values()]
        shown = "; ".join(labels[:_LISTED]) + ("; ..." if labels[_LISTED:] else "")
        raise ValueError(f'batch "{named.batch}" has no shot "{named.shot}"; there are: {shown}')
    if len(found) > 1:
        ids = ", ".join(row.shot_id[:FOLDER_ID] for row in found)
        raise ValueError(f"several shots are called that; name one by its id: {ids}")
    (row,) = found
    if row.request.get("private"):
        raise ValueError("its video was made with private, and a private video can't be remixed")
    if row.status != "stored" or not row.task_id:
        raise ValueError(f"its shot is {row.status}; only a video that is there can be remixed")
    return row.task_id


def with_remixes(spec: BatchSpec, tasks: Mapping[str, str]) -> BatchSpec:
    """The batch with task ids in place of the shots that its scenes remix."""
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
