"""The layout of the bucket: the keys of all documents, and parsing of keys.

```
{batch}/plan.json
{batch}/records/{id}/attempt-1.json                     what was sent and bought
{batch}/{scene}-{variant}-{cast}-{id's first 12}/       video-1.mp4, thumbnail-1.jpg, shot.json
{batch}/manifest.jsonl, manifest.parquet, index.html
{batch}/picks.json                                      the videos that people picked, with notes
{batch}/share-{time}.html                               pages with links that can be shared
characters/{name}-{id's first 12}/character.json        the registry of characters
characters/records/{id}/attempt-1.json
uploads/{reference}.json                                what was uploaded in the last 24 hours
specs/...                                               specs of deployments, with their files
requests/...                                            single requests, outside of a batch
generations/...                                         results without a shot
render-times.json
```
"""

import re
from collections.abc import Collection
from datetime import datetime, timezone

from prefect_toapis.planning.plan import Shot

RECORDS = "records"  # the folder in a batch, and in the registry of characters

_ATTEMPT = re.compile(r"/attempt-([1-9][0-9]*)\.json$")
_ANY_ATTEMPT = re.compile(r"/attempt-([1-9][0-9]*)(?:-send-[0-9]+)?\.json$")

SHOT_FILE = "shot.json"
PLAN_FILE = "plan.json"
MANIFEST_FILE = "manifest.jsonl"
MANIFEST_PARQUET = "manifest.parquet"
GALLERY_FILE = "index.html"
PICKS_FILE = "picks.json"
SPECS_FOLDER = "specs"  # the folder, next to those of the batches
CHARACTERS = "characters"  # the registry's folder
CHARACTER_FILE = "character.json"
UPLOADS = "uploads"  # the folder, next to those of the batches
RENDER_TIMES_FILE = "render-times.json"
_WHOLE_ID = 26  # characters
_OWNER = re.compile(r"(?:^|[/-])([a-z2-7]{12}|[a-z2-7]{26})$")


def record_folder(batch: str, identity: str) -> str:
    """Return the folder of the attempts of a shot or character.

    Example:
        >>> record_folder("lisbon", "x2k4n7q3bd5fabcdefghijklmn")
        'lisbon/records/x2k4n7q3bd5fabcdefghijklmn'
    """
    return f"{batch}/{RECORDS}/{identity}"


def attempt_key(record: str, attempt: int) -> str:
    """Return the key of an attempt, from the folder of its record."""
    return f"{record}/attempt-{attempt}.json"


def is_attempt(key: str) -> bool:
    """Return whether a key is that of an attempt.

    Example:
        >>> is_attempt("b/dog/attempt-2.json"), is_attempt("b/dog/attempt-2-send-2.json")
        (True, False)
    """
    return _ATTEMPT.search(key) is not None


def number_of(key: str) -> int | None:
    """Return the attempt number in a key; None if it isn't the key of an attempt.

    Example:
        >>> number_of("b/dog/attempt-2-send-2.json")
        2
    """
    found = _ANY_ATTEMPT.search(key)
    return int(found[1]) if found else None


def missing_number(numbers: Collection[int]) -> int | None:
    """Return the number of the first missing attempt; None if none is missing.

    Args:
        numbers: Of the existing attempts of a shot that was sent; they are numbered from 1.

    Example:
        >>> missing_number({1, 2, 4}), missing_number({1}), missing_number(set())
        (3, None, 1)
    """
    expected = range(1, max(numbers, default=1) + 1)
    return next((number for number in expected if number not in numbers), None)


def plan_key(batch: str) -> str:
    """Return the key of a batch's plan."""
    return f"{batch}/{PLAN_FILE}"


def shot_key(shot: Shot) -> str:
    """Return the key of a shot's `shot.json`."""
    return f"{shot.folder}/{SHOT_FILE}"


def picks_key(batch: str) -> str:
    """Return the key of the picks of a batch."""
    return f"{batch}/{PICKS_FILE}"


def shared_page_key(batch: str, written: datetime) -> str:
    """Return the key of a page of a batch whose links can be shared.

    Args:
        batch: Name of the batch.
        written: When, with a time zone.

    Example:
        >>> shared_page_key("lisbon", datetime(2026, 11, 22, 12, 30, tzinfo=timezone.utc))
        'lisbon/share-20261122T123000Z.html'
    """
    return f"{batch}/share-{written.astimezone(timezone.utc):%Y%m%dT%H%M%SZ}.html"


def character_key(folder: str) -> str:
    """Return the key of a character's document in the registry, from its folder."""
    return f"{folder}/{CHARACTER_FILE}"


def upload_key(reference: str) -> str:
    """Return the key of an upload's document."""
    return f"{UPLOADS}/{reference.partition(':')[2]}.json"


def owner_of(folder: str) -> str | None:
    """Return the id, or its first 12 characters, in a folder's name; None if there is none.

    Example:
        >>> owner_of("lisbon/tram-wide-x2k4n7q3bd5f")
        'x2k4n7q3bd5f'
    """
    found = _OWNER.search(folder)
    return found[1] if found else None


def belongs_to(identity: str, folder: str) -> bool:
    """Return whether a folder's name is compatible with an id; a name without id always is."""
    owner = owner_of(folder)
    return owner is None or identity[: len(owner)] == owner


def is_below(key: str, folder: str) -> bool:
    """Return whether a key is inside a folder, without path traversal.

    Args:
        key: Of an object or folder.
        folder: Without a trailing slash.

    Example:
        >>> [is_below(key, "b") for key in ("b/dog/video-1.mp4", "b/../c", "/b/c", "bb/c", "b/")]
        [True, False, False, False, False]
    """
    if not key.startswith(f"{folder}/") or not key.isprintable() or "\\" in key or "%" in key:
        return False
    return not {"", ".", ".."} & set(key.removeprefix(f"{folder}/").split("/"))
