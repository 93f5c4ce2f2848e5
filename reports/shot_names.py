"""How people name the shots and videos of a batch: by label, folder or id."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from prefect_toapis.client.plain_text import printable
from prefect_toapis.planning.identity import FOLDER_ID
from prefect_toapis.reports.manifest import ManifestRow

SHORTEST_ID = 6  # characters of an id that name a shot
_OUTPUT = re.compile(r"(?P<shot>.*\S)\s*:(?P<output>[1-9][0-9]{0,3})", re.DOTALL)
_NAME_SHOWN = 100  # characters of a name in a message
_NEAREST = 3


def rows_named(name: str, rows: Sequence[ManifestRow]) -> list[ManifestRow]:
    """Return the rows of the shot that a name means, or of one output of it.

    Args:
        name: A label (`tram / wide / Turbo`), the name of a folder, a `shot_id` or the start of
            one; followed by `:2` for the second output alone.
        rows: Of a manifest.

    Raises:
        ValueError: No shot has this name, or several have; the message names the nearest.

    Example:
        >>> row = ManifestRow(batch="b", shot_id="x2k4n7q3bd5f", scene="tram", variant="wide",
        ...                   status="planned", model="sora-2", prompt="A tram")
        >>> [found.label for found in rows_named("x2k4n7", [row])]
        ['tram / wide']
    """
    if found := _of_shot(name, rows):
        return found
    if match := _OUTPUT.fullmatch(name.strip()):
        found = _of_shot(match["shot"], rows)
        number = int(match["output"])
        outputs = [row for row in found if row.output == number]
        if found and not outputs:
            raise ValueError(f"{found[0].label} has no output {number}")
        if outputs:
            return outputs
    raise ValueError(f"there is no shot {_shown(name)}{_nearest(name, rows)}")


def _of_shot(name: str, rows: Iterable[ManifestRow]) -> list[ManifestRow]:
    """Return the rows of the shot with a name; none if there is no such shot.

    A shot of the plan is preferred to those of earlier plans, which may have the same label.
    """
    found = [row for row in rows if _is_named(row, name.strip())]
    planned = [row for row in found if row.in_plan]
    shots = {row.shot_id: row for row in planned or found}
    if len(shots) > 1:
        ids = ", ".join(f"{row.shot_id[:FOLDER_ID]} ({row.label})" for row in shots.values())
        raise ValueError(f"{_shown(name)} is the name of several shots; use an id instead: {ids}")
    return [row for row in found if row.shot_id in shots]


def _is_named(row: ManifestRow, name: str) -> bool:
    if _parts(row.label) == _parts(name) or name.strip("/") in {row.shot_id, *_folders(row)}:
        return True
    return len(name) >= SHORTEST_ID and row.shot_id.startswith(name)


def _folders(row: ManifestRow) -> list[str]:
    """Return the names by which the folder of a row may be given."""
    if not row.key:
        return []
    folder = row.key.rpartition("/")[0]
    return [folder, folder.removeprefix(f"{row.batch}/")]


def _parts(label: str) -> list[str]:
    return [part.strip() for part in label.split("/")]


def _nearest(name: str, rows: Iterable[ManifestRow]) -> str:
    labels = {row.label.lower(): row.label for row in rows}
    near = get_close_matches(name.lower(), labels, n=_NEAREST, cutoff=0.4)
    near = near or list(labels)[:_NEAREST]
    return f"; the nearest: {', '.join(_shown(labels[label]) for label in near)}" if near else ""


def _shown(name: str) -> str:
    return f'"{printable(name, _NAME_SHOWN)}"'
