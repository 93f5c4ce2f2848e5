"""A generation, as passed between tasks, and the history of render times."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, PrivateAttr
from typing_extensions import Self

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.pacing import KEPT
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.polling import SHORTEST_RENDER, Expected
from prefect_toapis.client.replies import CharacterReply, Output, Reply, Status
from prefect_toapis.client.request_rules import longest_render
from prefect_toapis.client.requests import ExtendRequest
from prefect_toapis.planning.plan import Shot

_LIFETIME = timedelta(hours=24)  # of a result, from its completion ([D])
_RESULT_TTL_MAX = timedelta(hours=48)  # from its submission

_LONGEST_RENDER = 7 * 24 * 3600.0  # seconds; longer render times are ignored
_KINDS = 1000  # of requests, in the history of render times


class Generation(BaseModel):
    """A generation that was submitted and paid.

    The URLs of its results are signed, so they are in private attributes, which are neither
    serialised nor shown. `download_video` queries them if they are missing.

    Args:
        task_id: The provider's task id.
        business_id: This package's id of the attempt.
        status: From the latest query.
        n: The number of ordered videos.
        shot: The shot it is for; None if it was submitted without a bucket.
        attempt: The number of the attempt.
        submitted_at: When it was sent.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    task_id: str
    business_id: str
    status: Status = "queued"
    n: int = 1
    shot: Shot | None = None
    attempt: int = 1
    submitted_at: datetime | None = None

    _outputs: tuple[Output, ...] = PrivateAttr(default=())
    _characters: tuple[CharacterReply, ...] = PrivateAttr(default=())
    _expiry: float | None = PrivateAttr(default=None)

    @property
    def label(self) -> str:
        """The display label: its shot, or its task id."""
        return self.shot.label if self.shot else printable(self.task_id)

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Its results with their URLs; empty until known."""
        return self._outputs

    @property
    def characters(self) -> tuple[CharacterReply, ...]:
        """Characters made by `character_create` or `character_from_task`; empty until known."""
        return self._characters

    @property
    def kind(self) -> str:
        """Its model and duration: generations of the same kind take similar times to render."""
        if self.shot is None:
            return ""
        request = self.shot.request
        duration = "" if isinstance(request, ExtendRequest) else request.duration or ""
        slow = "slow" if self.longest_render else ""
        return " ".join(f"{request.model} {duration} {slow}".split())

    @property
    def longest_render(self) -> float:
        """How long it may take by the rules of its model, in seconds; 0: as usual."""
        if self.shot is None:
            return 0.0
        return longest_render(self.shot.request, Catalogue.current())

    def expected(self, now: datetime) -> Expected:
        """Return what the poll scheduler needs to know about it."""
        return Expected(self.kind, self.age(now), self.n, self.business_id)

    def age(self, now: datetime) -> float:
        """Return the seconds since its submission; 0 if unknown."""
        return max((now - self.submitted_at).total_seconds(), 0) if self.submitted_at else 0.0

    def has_expired(self, now: datetime) -> bool:
        """Return whether its results have certainly expired, 24 hours after its completion ([D]).

        The provider's expiry only counts if it is after the completion, and if the generation is
        that old by our own record as well. Without it, results expire two days after the
        submission, or later if its model takes long; if that is unknown, they never do.
        """
        if self.submitted_at is None:
            return False
        age = now - self.submitted_at
        if self._expiry is not None:
            return age >= _LIFETIME and now.timestamp() >= self._expiry
        return age > _RESULT_TTL_MAX + timedelta(seconds=self.longest_render)

    def after(self, reply: Reply) -> Self:
        """Return the generation updated from a status reply."""
        updated = self.model_copy(update={"status": reply.status})
        updated._outputs = reply.outputs  # noqa: SLF001 - same class
        updated._characters = reply.characters  # noqa: SLF001 - likewise
        updated._expiry = reply.expiry  # noqa: SLF001 - likewise
        return updated


def read_render_times(content: bytes | None) -> dict[str, list[float]]:
    """Parse render times in seconds by kind, the latest last; invalid values are ignored.

    The data is only an optimisation, so damage must not fail a run.

    Example:
        >>> read_render_times(b'{"sora-2 10": [84.0, "soon", Infinity, 91.5]}')
        {'sora-2 10': [84.0, 91.5]}
    """
    try:
        kinds = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(kinds, dict):
        return {}
    times = {kind: _plausible(seconds) for kind, seconds in list(kinds.items())[:_KINDS]}
    return {kind: seconds for kind, seconds in times.items() if seconds}


def render_times_json(times: Mapping[str, Sequence[float]]) -> bytes:
    """Return the JSON document, with times rounded to 0.1 s."""
    rounded = {kind: [round(time, 1) for time in seconds] for kind, seconds in times.items()}
    return json.dumps(rounded).encode()


def _plausible(seconds: Any) -> list[float]:
    if not isinstance(seconds, list):
        return []
    numbers = [number for number in seconds[-KEPT:] if type(number) in {int, float}]
    return [float(number) for number in numbers if SHORTEST_RENDER <= number <= _LONGEST_RENDER]
