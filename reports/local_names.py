"""File names for downloaded videos, valid on every file system."""

import re
from collections import Counter
from collections.abc import Sequence

from prefect_toapis.planning.identity import FOLDER_ID
from prefect_toapis.planning.labels import slug
from prefect_toapis.reports.manifest import Manifest, ManifestRow

_EXTENSION = re.compile(r"\.[a-z0-9]{1,5}")
_RESERVED = frozenset(  # Windows opens devices by these names, whatever the extension
    {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)}
)


def local_names(manifest: Manifest) -> dict[str, str]:
    """Return a file name for each stored video, by its key.

    Names are lower-case ASCII and differ from each other in any case. They come from the labels,
    with `-take-2` for a second take and `-2` for a second output. Where labels give several shots
    the same name, the one of the plan has it if there is only one; the others add their id.

    Args:
        manifest: Of the batch. A name doesn't depend on which videos are downloaded.

    Example:
        >>> row = ManifestRow(batch="b", shot_id="x2k4", scene="Tram", variant="wide", take=2,
        ...                   status="stored", key="b/tram/video-1.mp4", model="m", prompt="")
        >>> local_names(Manifest(batch="b", uri="s3://studio/b", rows=[row]))
        {'b/tram/video-1.mp4': 'tram-wide-take-2.mp4'}
    """
    rows = [row for row in manifest.stored if row.key]
    shots = {row.shot_id: row for row in rows}
    all_stems = Counter(_stem(row) for row in shots.values())
    planned = Counter(_stem(row) for row in shots.values() if row.in_plan)

    def is_own(row: ManifestRow) -> bool:
        stem = _stem(row)
        return all_stems[stem] == 1 or (row.in_plan and planned[stem] == 1)

    return _distinct([(row, _file_name(row, with_id=not is_own(row))) for row in rows])


def _file_name(row: ManifestRow, *, with_id: bool) -> str:
    parts = [
        _stem(row),
        slug(row.shot_id[:FOLDER_ID]) if with_id else "",
        str(row.output) if (row.output or 1) > 1 else "",
    ]
    name = "-".join(filter(None, parts))
    found = _EXTENSION.search((row.key or "").lower()[-6:])
    return f"{name}{found[0] if found else '.mp4'}"


def _stem(row: ManifestRow) -> str:
    labels = [slug(label) for label in (row.scene, row.variant, row.cast)]
    stem = "-".join(filter(None, labels)) or "video"
    if row.take > 1:
        stem = f"{stem}-take-{row.take}"
    return f"video-{stem}" if stem in _RESERVED else stem


def _distinct(named: Sequence[tuple[ManifestRow, str]]) -> dict[str, str]:
    """Return the names by key; those that still occur twice get a number."""
    taken: set[str] = set()
    names: dict[str, str] = {}
    for row, name in named:
        stem, dot, extension = name.rpartition(".")
        free, number = name, 1
        while free in taken:
            number += 1
            free = f"{stem}-{number}{dot}{extension}"
        taken.add(free)
        names[row.key or ""] = free
    return names
