"""What a batch's keys say without being read: which shots were sent, and which are stored."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from prefect_toapis.batches.identity import FOLDER_ID
from prefect_toapis.batches.plan import Shot
from prefect_toapis.batches.record import (
    RECORDS,
    is_attempt,
    missing_number,
    number_of,
    record_folder,
)

SHOT_FILE = "shot.json"

_FOLDER = re.compile(rf"(?:.*-)?([a-z2-7]{{{FOLDER_ID}}})")
_WHOLE_ID = re.compile(r"[a-z2-7]{26}")


@dataclass(frozen=True)
class Inventory:
    """The shots (or characters) that a bucket knows of, by the first 12 characters of their ids.

    Args:
        folders: Where the files of each are: the labels in the name may be those of an earlier
            run.
        records: Where the attempts of each are: below `records/`, or in its folder where an
            earlier release put them.
        attempts: The numbers of the attempts of each.
        stored: Those that are done.
    """

    folders: Mapping[str, str] = field(default_factory=dict)
    records: Mapping[str, str] = field(default_factory=dict)
    attempts: Mapping[str, frozenset[int]] = field(default_factory=dict)
    stored: frozenset[str] = frozenset()

    def with_existing_folder(self, shot: Shot) -> Shot:
        """The shot, with the folder and the record that the bucket has for it."""
        short = shot.shot_id[:FOLDER_ID]
        where = {
            "folder": self.folders.get(short, shot.folder),
            "record": self.records.get(short, record_folder(shot.batch, shot.shot_id)),
        }
        return shot.model_copy(update=where)

    def was_submitted(self, shot: Shot) -> bool:
        """Whether anything of the shot is there: it was sent before."""
        short = shot.shot_id[:FOLDER_ID]
        return short in self.folders or short in self.records

    def has_files(self, shot: Shot) -> bool:
        """Whether files of the shot are there, besides its record."""
        return shot.shot_id[:FOLDER_ID] in self.folders

    def is_stored(self, shot: Shot) -> bool:
        """Whether the shot's videos are stored."""
        return shot.shot_id[:FOLDER_ID] in self.stored

    def without(self, shots: Iterable[Shot]) -> "Inventory":
        """The same, with some shots that aren't stored after all."""
        wrong = {shot.shot_id[:FOLDER_ID] for shot in shots}
        return replace(self, stored=self.stored - wrong)

    def lost_attempt(self, shot: Shot) -> int | None:
        """The number of an attempt that must have been there; None if none is missing.

        Attempts are numbered from 1, and files of a shot are there only after its first one.
        """
        short = shot.shot_id[:FOLDER_ID]
        if not self.was_submitted(shot) or self.is_stored(shot):
            return None
        return missing_number(self.attempts.get(short, frozenset()))


def take_inventory(batch: str, keys: Iterable[str], done: str = SHOT_FILE) -> Inventory:
    """Find the shots in the keys of a batch.

    Args:
        batch: Its folder.
        keys: All below it.
        done: The file that is written last.

    Example:
        >>> keys = ["b/dog-abcdefghijkl/attempt-1.json", "b/dog-abcdefghijkl/shot.json"]
        >>> take_inventory("b", keys).stored
        frozenset({'abcdefghijkl'})
    """
    folders: dict[str, str] = {}
    records: dict[str, str] = {}
    attempts: defaultdict[str, set[int]] = defaultdict(set)
    stored: set[str] = set()
    emptied: dict[str, str] = {}  # of their attempts alone, perhaps
    for key in keys:
        where, _, file = key.removeprefix(f"{batch}/").rpartition("/")
        short = _short_id(where)
        if short is None:
            continue
        folder = f"{batch}/{where}"
        if is_attempt(key):
            # Of two places the one that no label decides: earlier releases know no other.
            if short not in records or where.startswith(f"{RECORDS}/"):
                if records.get(short) != folder:
                    attempts[short].clear()
                records[short] = folder
            if records[short] == folder:
                attempts[short].add(number_of(key) or 0)
        if where.startswith(f"{RECORDS}/"):
            emptied[short] = folder
            continue
        if file == done:
            stored.add(short)
            folders[short] = folder  # of two, the one that is done
        folders.setdefault(short, folder)
    numbers = {short: frozenset(some) for short, some in attempts.items()}
    return Inventory(folders, {**emptied, **records}, numbers, frozenset(stored))


def _short_id(where: str) -> str | None:
    """The first characters of the id in a folder's name, below a batch; None for another folder."""
    above, _, name = where.rpartition("/")
    if above == RECORDS:
        return name[:FOLDER_ID] if _WHOLE_ID.fullmatch(name) else None
    match = _FOLDER.fullmatch(name) if not above else None
    return match[1] if match else None
