"""A generation: the provider's task for an attempt, as the tasks hand it on."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, PrivateAttr
from typing_extensions import Self

from prefect_toapis.batches.plan import Shot
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.polling import Expected
from prefect_toapis.client.replies import CharacterReply, Output, Reply, Status

_LIFETIME = timedelta(hours=24)  # of a result, from its completion ([D])
_RESULT_TTL_MAX = timedelta(hours=48)


class Generation(BaseModel):
    """A generation that was submitted, and paid for.

    The URLs of its results are signed: they live in private attributes, which are neither
    serialised nor shown. `download_video` asks for them where it has none.

    Args:
        task_id: The provider's id of it.
        business_id: Ours.
        status: When it was last asked for.
        n: How many videos were ordered.
        shot: The shot it is for; None for one that was submitted without a bucket.
        attempt: Which try at buying the shot it is.
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
        """As people see it: its shot, or its id."""
        return self.shot.label if self.shot else printable(self.task_id)

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Where its results can be fetched; empty until it is known."""
        return self._outputs

    @property
    def characters(self) -> tuple[CharacterReply, ...]:
        """What `character_create` or `character_from_task` made of it; empty until it is known."""
        return self._characters

    @property
    def kind(self) -> str:
        """Those of one kind take about as long to render: its model and duration."""
        if self.shot is None:
            return ""
        request = self.shot.request
        return f"{request.model} {request.duration or ''}".rstrip()

    def expected(self, now: datetime) -> Expected:
        """What a wait for it is to know."""
        return Expected(self.kind, self.age(now), self.n, self.business_id)

    def age(self, now: datetime) -> float:
        """Seconds since it was submitted; 0 where that isn't known."""
        return max((now - self.submitted_at).total_seconds(), 0) if self.submitted_at else 0.0

    def has_expired(self, now: datetime) -> bool:
        """Whether its results are surely gone: 24 hours after its completion ([D]).

        What the provider says counts only if the expiry lies after the completion, and only once
        the generation is as old by our own record. Where it says nothing, two days after the
        submission are enough; where that isn't known, nothing has expired.
        """
        if self.submitted_at is None:
            return False
        age = now - self.submitted_at
        if self._expiry is not None:
            return age >= _LIFETIME and now.timestamp() >= self._expiry
        return age > _RESULT_TTL_MAX

    def after(self, reply: Reply) -> Self:
        """The generation as a reply tells of it."""
        updated = self.model_copy(update={"status": reply.status})
        updated._outputs = reply.outputs  # noqa: SLF001 - of its own class
        updated._characters = reply.characters  # noqa: SLF001 - likewise
        updated._expiry = reply.expiry  # noqa: SLF001 - likewise
        return updated
