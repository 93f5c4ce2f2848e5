"""Idempotent setup of a resource: find it, decide, create or update it, report the outcome."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from prefect.client.orchestration import PrefectClient

from prefect_toapis.errors import StoreError

T = TypeVar("T")

Outcome = Literal["created", "updated", "unchanged", "kept", "skipped"]


@dataclass(frozen=True)
class Line:
    """The outcome of setting up a resource.

    Args:
        what: The resource: "work pool videos".
        outcome: `unchanged`: it was as wanted. `kept`: it differs, but changing it was not
            requested explicitly. `skipped`: it doesn't exist, and wasn't created.
        note: Explanation or instruction, in a sentence; empty if not needed.
    """

    what: str
    outcome: Outcome
    note: str = ""


class Resource(ABC, Generic[T]):
    """A resource that a Prefect server, or the bucket, should have.

    Args:
        what: Display name.
        wanted: Its desired state; None if not configured.
        notes: Explanation or instruction for each outcome, in a sentence.
        explicit: Whether the user requested this state, so that a different state is updated.
    """

    def __init__(
        self, what: str, wanted: T | None, notes: Mapping[Outcome, str], *, explicit: bool = False
    ) -> None:
        self.what = what
        self.wanted = wanted
        self.notes = notes
        self.explicit = explicit

    @abstractmethod
    async def find(self, client: PrefectClient) -> T | None:
        """Return its current state, comparable with the desired state; None if it is missing."""

    @abstractmethod
    async def put(self, client: PrefectClient, wanted: T) -> None:
        """Create or update it."""


def decide(found: object | None, wanted: object | None, *, explicit: bool) -> Outcome:
    """Decide what to do about a resource.

    An existing resource is only changed if that was requested explicitly.

    Args:
        found: Its current state; None if it is missing.
        wanted: Its desired state; None if not configured.
        explicit: Whether an option requests this state.

    Example:
        >>> decide(None, "50 at once", explicit=False)
        'created'
        >>> decide("10 at once", "50 at once", explicit=False)
        'kept'
    """
    if found is None:
        return "skipped" if wanted is None else "created"
    if wanted is None or found == wanted:
        return "unchanged"
    return "updated" if explicit else "kept"


async def set_up_resource(resource: Resource[Any], client: PrefectClient) -> Line:
    """Create or update a resource if necessary.

    If the bucket refuses, that is reported in the line, because the rest works without it.
    """
    try:
        outcome = decide(await resource.find(client), resource.wanted, explicit=resource.explicit)
        if outcome in {"created", "updated"}:
            await resource.put(client, resource.wanted)
    except StoreError as error:
        return Line(resource.what, "skipped", str(error))
    return Line(resource.what, outcome, resource.notes.get(outcome, ""))
