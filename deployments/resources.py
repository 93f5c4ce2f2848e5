"""One way to set anything up: look whether it is there, decide, make or change it, say so."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from prefect.client.orchestration import PrefectClient

from prefect_toapis.batches.errors import StoreError

T = TypeVar("T")

Outcome = Literal["made", "changed", "there", "kept", "left out"]


@dataclass(frozen=True)
class Line:
    """What became of a piece.

    Args:
        what: The piece: "work pool videos".
        outcome: `there`: just as wanted. `kept`: there, but otherwise, and nobody asked to change
            it. `left out`: not there, and not made.
        note: What to know or to do, in a sentence; empty if nothing.
    """

    what: str
    outcome: Outcome
    note: str = ""


class Resource(ABC, Generic[T]):
    """Something that a server, or the bucket, should have.

    Args:
        what: As people see it.
        wanted: As it should be; None where nobody has said how.
        asked: Whether it was asked for just so: then one that is otherwise is changed.
        notes: What to know or to do about an outcome, in a sentence.
    """

    def __init__(
        self, what: str, wanted: T | None, notes: Mapping[Outcome, str], *, asked: bool = False
    ) -> None:
        self.what = what
        self.wanted = wanted
        self.notes = notes
        self.asked = asked

    @abstractmethod
    async def find(self, client: PrefectClient) -> T | None:
        """As it is, to compare with what is wanted; None if it isn't there."""

    @abstractmethod
    async def put(self, client: PrefectClient, wanted: T) -> None:
        """Make it, or change it, as wanted."""


def decide(found: object | None, wanted: object | None, *, asked: bool) -> Outcome:
    """What to do about a piece.

    What exists is never changed, but where it was asked for.

    Args:
        found: As it is; None if it isn't there.
        wanted: As it should be; None where nobody has said how.
        asked: Whether an option asks for it just so.

    Example:
        >>> decide(None, "50 at once", asked=False)
        'made'
        >>> decide("10 at once", "50 at once", asked=False)
        'kept'
    """
    if found is None:
        return "left out" if wanted is None else "made"
    if wanted is None or found == wanted:
        return "there"
    return "changed" if asked else "kept"


async def set_up_resource(piece: Resource[Any], client: PrefectClient) -> Line:
    """Have a piece as it is wanted, if it isn't already.

    A bucket that refuses is told of in the line: the rest can do without.
    """
    try:
        outcome = decide(await piece.find(client), piece.wanted, asked=piece.asked)
        if outcome in {"made", "changed"}:
            await piece.put(client, piece.wanted)
    except StoreError as error:
        return Line(piece.what, "left out", str(error))
    return Line(piece.what, outcome, piece.notes.get(outcome, ""))
