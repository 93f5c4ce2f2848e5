"""What a batch's keys tell without being read: which shots were sent, and which are stored."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from prefect_toapis.batches.identity import FOLDER_ID
from prefect_toapis.batches.plan import Shot

SHOT_FILE = "shot.json"

_FOLDER = re.compile(rf"(?:.*-)?([a-z2-7]{{{FOLDER_ID}}})")


@dataclass(frozen=True)
class Inventory:
    """The shots that a bucket knows of, by the part of their id that folders carry.

    Args:
        folders: Where each is kept: the labels in the name may be those of an earlier run.
        stored: Those that are done.
    """

    folders: dict[str, str]
    stored: frozenset[str]

    def place(self, shot: Shot) -> Shot:
        """The shot, in the folder that the bucket has for it."""
        folder = self.folders.get(shot.shot_id[:FOLDER_ID], shot.folder)
        return shot.model_copy(update={"folder": folder})

    def knows(self, shot: Shot) -> bool:
        """Whether anything of the shot is there: it was sent before."""
        return shot.shot_id[:FOLDER_ID] in self.folders

    def has(self, shot: Shot) -> bool:
        """Whether the shot's videos are stored."""
        return shot.shot_id[:FOLDER_ID] in self.stored


def take_inventory(batch: str, keys: Iterable[str], done: str = SHOT_FILE) -> Inventory:
    """Read an inventory off the keys below `{batch}/`, one LIST per 1,000.

    Args:
        batch: The folder.
        keys: All below it.
        done: The file that is written last.

    Example:
        >>> keys = ["b/dog-abcdefghijkl/attempt-1.json", "b/dog-abcdefghijkl/shot.json"]
        >>> take_inventory("b", keys).stored
        frozenset({'abcdefghijkl'})
    """
    folders: dict[str, str] = {}
    stored: set[str] = set()
    for key in keys:
        folder, _, file = key.removeprefix(f"{batch}/").partition("/")
        match = _FOLDER.fullmatch(folder)
        if not match:
            continue
        if file == done:
            stored.add(match[1])
            folders[match[1]] = f"{batch}/{folder}"  # of two, the one that is done
        folders.setdefault(match[1], f"{batch}/{folder}")
    return Inventory(folders, frozenset(stored))
