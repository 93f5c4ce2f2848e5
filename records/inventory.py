"""The state of a batch from its keys alone: which shots were submitted, and which are stored."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from prefect_toapis.planning.identity import FOLDER_ID
from prefect_toapis.planning.plan import Shot
from prefect_toapis.records.layout import (
    RECORDS,
    SHOT_FILE,
    is_attempt,
    missing_number,
    number_of,
    record_folder,
)

_FOLDER = re.compile(rf"(?:.*-)?([a-z2-7]{{{FOLDER_ID}}})")
_WHOLE_ID = re.compile(r"[a-z2-7]{26}")


@dataclass(frozen=True)
class Inventory:
    """The shots (or characters) in a bucket, by the first 12 characters of their ids.

    Args:
        folders: The folder of each; its name may contain labels of an earlier run.
        records: The folder of each one's attempts: below `records/`, or the shot's own folder in
            the layout of earlier releases.
        attempts: The attempt numbers of each.
        stored: The shots that are complete.
    """

    folders: Mapping[str, str] = field(default_factory=dict)
    records: Mapping[str, str] = field(default_factory=dict)
    attempts: Mapping[str, frozenset[int]] = field(default_factory=dict)
    stored: frozenset[str] = frozenset()

    def with_existing_folder(self, shot: Shot) -> Shot:
        """Return the shot with the folder and record that exist for it in the bucket."""
        short = shot.shot_id[:FOLDER_ID]
        where = {
            "folder": self.folders.get(short, shot.folder),
            "record": self.records.get(short, record_folder(shot.batch, shot.shot_id)),
        }
        return shot.model_copy(update=where)

    def was_submitted(self, shot: Shot) -> bool:
        """Return whether the bucket has any object of the shot, so that it was sent before."""
        short = shot.shot_id[:FOLDER_ID]
        return short in self.folders or short in self.records

    def has_files(self, shot: Shot) -> bool:
        """Return whether the bucket has files of the shot other than its record."""
        return shot.shot_id[:FOLDER_ID] in self.folders

    def is_stored(self, shot: Shot) -> bool:
        """Return whether the shot's videos are stored."""
        return shot.shot_id[:FOLDER_ID] in self.stored

    def without(self, shots: Iterable[Shot]) -> "Inventory":
        """Return a copy in which these shots aren't stored."""
        unstored = {shot.shot_id[:FOLDER_ID] for shot in shots}
        return replace(self, stored=self.stored - unstored)

    def lost_attempt(self, shot: Shot) -> int | None:
        """Return the number of a missing attempt; None if none is missing.

        Attempts are numbered from 1, and a shot's files are written after its first attempt.
        """
        short = shot.shot_id[:FOLDER_ID]
        if not self.was_submitted(shot) or self.is_stored(shot):
            return None
        return missing_number(self.attempts.get(short, frozenset()))


def take_inventory(batch: str, keys: Iterable[str], done: str = SHOT_FILE) -> Inventory:
    """Find the shots in the keys of a batch.

    Args:
        batch: The batch's folder.
        keys: All keys below it.
        done: Name of the file that is written last.

    Example:
        >>> keys = ["b/dog-abcdefghijkl/attempt-1.json", "b/dog-abcdefghijkl/shot.json"]
        >>> take_inventory("b", keys).stored
        frozenset({'abcdefghijkl'})
    """
    folders: dict[str, str] = {}
    records: dict[str, str] = {}
    attempts: defaultdict[str, set[int]] = defaultdict(set)
    stored: set[str] = set()
    without_attempts: dict[str, str] = {}  # record folders, even if all attempts are missing
    for key in keys:
        where, _, file = key.removeprefix(f"{batch}/").rpartition("/")
        short = _short_id(where)
        if short is None:
            continue
        folder = f"{batch}/{where}"
        if is_attempt(key):
            # Prefer the key that doesn't depend on labels over the layout of earlier releases.
            if short not in records or where.startswith(f"{RECORDS}/"):
                if records.get(short) != folder:
                    attempts[short].clear()
                records[short] = folder
            if records[short] == folder:
                attempts[short].add(number_of(key) or 0)
        if where.startswith(f"{RECORDS}/"):
            without_attempts[short] = folder
            continue
        if file == done:
            stored.add(short)
            folders[short] = folder  # prefer the complete folder
        folders.setdefault(short, folder)
    numbers = {short: frozenset(found) for short, found in attempts.items()}
    return Inventory(folders, {**without_attempts, **records}, numbers, frozenset(stored))


def _short_id(where: str) -> str | None:
    """Return the short id in the name of a shot's or record's folder; None for other folders."""
    above, _, name = where.rpartition("/")
    if above == RECORDS:
        return name[:FOLDER_ID] if _WHOLE_ID.fullmatch(name) else None
    match = _FOLDER.fullmatch(name) if not above else None
    return match[1] if match else None
