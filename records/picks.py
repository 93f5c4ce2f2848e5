"""`picks.json`: the videos of a batch that people picked, with their notes.

The page of a batch exports the same document, without a version.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from prefect_toapis.records.documents import read_document

PICKS_VERSION = 1
LONGEST_NOTE = 2_000  # characters
_MOST = 100_000  # picks of a batch
_LONGEST_ID = 100  # characters

Note = Annotated[str, StringConstraints(max_length=LONGEST_NOTE)]
ShotId = Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_ID)]


class Output(NamedTuple):
    """A video of a batch: an output of a shot."""

    shot: str
    number: int


class Pick(BaseModel):
    """A picked video.

    Args:
        shot: The `shot_id`.
        output: Which video of the shot, 1 to `n`.
        note: What somebody wrote about it; None: nothing.
    """

    model_config = ConfigDict(hide_input_in_errors=True, frozen=True)

    shot: ShotId
    output: Annotated[int, Field(ge=1, le=1_000)] = 1
    note: Note | None = None

    @property
    def of(self) -> Output:
        """The video."""
        return Output(self.shot, self.output)


class Picks(BaseModel):
    """The picked videos of a batch, each once.

    Args:
        batch: Name of the batch.
        picks: In any order; of several picks of a video, the last counts.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    version: int = PICKS_VERSION
    batch: str
    picks: Annotated[tuple[Pick, ...], Field(max_length=_MOST)] = ()

    @property
    def by_output(self) -> Mapping[Output, Pick]:
        """The picks, by what they pick."""
        return {pick.of: pick for pick in self.picks}

    def adding(self, picks: Iterable[Pick]) -> "Picks":
        """Return a copy with more picks; a pick without a note keeps the note of an earlier one.

        Example:
            >>> noted = Picks(batch="lisbon", picks=(Pick(shot="x2k4", note="calm"),))
            >>> noted.adding([Pick(shot="x2k4")]).picks[0].note
            'calm'
        """
        found = dict(self.by_output)
        for pick in picks:
            note = found[pick.of].note if pick.note is None and pick.of in found else pick.note
            found[pick.of] = pick.model_copy(update={"note": note})
        return self.model_copy(update={"picks": tuple(found.values())})

    def removing(self, outputs: Iterable[Output]) -> "Picks":
        """Return a copy without the picks of some videos."""
        gone = set(outputs)
        left = tuple(pick for pick in self.by_output.values() if pick.of not in gone)
        return self.model_copy(update={"picks": left})

    def to_json(self) -> bytes:
        """Return the JSON document."""
        return self.model_dump_json(indent=1, exclude_none=True).encode()


def read_picks(content: bytes, batch: str, uri: str) -> Picks:
    """Parse and check the picks of a batch: those in the bucket, or those that its page exports.

    Args:
        content: Of the document.
        batch: Name of the batch that they must be of.
        uri: Of the document, for errors.

    Raises:
        DocumentDamaged: It is damaged, or of another batch.
        DocumentTooNew: It was written by a later version of this package.
    """

    def mismatch(found: Picks) -> str | None:
        return None if found.batch == batch else f"it belongs to batch {found.batch}"

    return read_document(Picks, content, uri, PICKS_VERSION, mismatch)
