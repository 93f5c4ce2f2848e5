"""The record: what the bucket knows of a shot, and the single source of truth about what was sent.

An attempt is written before its submission (`sending`) and again with the outcome. Where it is
follows from the shot's id alone, never from a label, so that two runs that name a scene
differently claim the same key:

    {batch}/records/{id}/attempt-1.json

Earlier releases kept it in the folder of the shot's videos; what they left is gone on with.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from prefect_toapis.batches.documents import (
    Moment,
    belongs_to,
    is_below,
    owner_of,
    read_document,
)
from prefect_toapis.batches.identity import business_id

RECORD_VERSION = 1
RECORDS = "records"  # the folder in a batch, and in the registry of characters

_ATTEMPT = re.compile(r"/attempt-([1-9][0-9]*)\.json$")
_ANY_ATTEMPT = re.compile(r"/attempt-([1-9][0-9]*)(?:-send-[0-9]+)?\.json$")
LONGEST_ID = 500  # characters of a task id

_KINDS: dict[str, tuple[type, ...]] = {  # of the fields that a price or a table looks at
    "model": (str,),
    "prompt": (str,),
    "n": (int,),
    "duration": (int, float),
}

State = Literal["sending", "accepted", "rejected", "failed", "expired"]
FailureKind = Literal["transient", "refused"]


class Attempt(BaseModel):
    """One try at buying a shot, as `attempt-1.json` holds it.

    Args:
        state: `sending` until the outcome is known; a `rejected` one bought nothing, a `failed`
            one was accepted and ended without a video, and of an `expired` one nobody fetched the
            video while it could be had.
        request: What was sent, as `given` by the request; URLs without signatures.
        remix_of: The task id of the video that is remixed; None for any other request.
        labels: Scene, variant and cast when it was sent.
        folder: Where the videos of the shot go; None in the records of earlier releases, which
            lie in that folder themselves.
        account: Whose look-ups can find it; see `Account.fingerprint`.
        sent_at: When it was recorded, just before its submission.
        sends: How often it was sent: more than once only where it was proven absent, or by
            `on_absent="resend"`.
        run: The flow run that sent it.
        task_id: The provider's generation, once accepted.
        reply: The first characters of a reply that could not be understood, for people.
        failure: Why, for one that was rejected, failed or expired.
        failure_kind: Whether trying again may help.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    version: int = RECORD_VERSION
    shot_id: str
    attempt: int = Field(ge=1)
    business_id: str
    state: State
    request: dict[str, Any] = {}
    remix_of: str | None = None
    labels: tuple[str, str, str] | None = None
    take: int | None = None
    folder: str | None = None
    account: str | None = None
    sent_at: Moment
    sends: int = Field(default=1, ge=1)
    run: str | None = None
    task_id: str | None = Field(default=None, min_length=1, max_length=LONGEST_ID)
    reply: str | None = None
    ended_at: Moment | None = None
    failure: str | None = None
    failure_kind: FailureKind | None = None

    @field_validator("request")
    @classmethod
    def _can_be_priced(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, kinds in _KINDS.items():
            if name in value and not isinstance(value[name], kinds):
                raise ValueError(f"{name} has the wrong type")
        return value


@dataclass(frozen=True)
class Submit:
    """Nothing is under way: submit this attempt."""

    attempt: int


@dataclass(frozen=True)
class LookUp:
    """It isn't known whether this attempt was accepted: look it up, never submit it."""

    attempt: Attempt


@dataclass(frozen=True)
class Resume:
    """This attempt was accepted: wait for it and store it."""

    attempt: Attempt


@dataclass(frozen=True)
class GiveUp:
    """The latest attempt failed, and it is not to be tried again."""

    attempt: Attempt


Step = Submit | LookUp | Resume | GiveUp


def next_step(
    latest: Attempt | None,
    retry_failed: Literal["transient", "all", "none"],
    on_expired: Literal["stop", "rebuy"] = "stop",
) -> Step:
    """What to do for a shot that isn't stored.

    Args:
        latest: Its latest attempt; None if nothing was ever sent.
        retry_failed: Which failures are tried again. One that was merely turned away, and so never
            had its chance, is tried again in any case.
        on_expired: Whether what was paid and not fetched in time is bought anew. Otherwise it is
            asked for again: the provider may still have it.
    """
    if latest is None:
        return Submit(1)
    if latest.state == "sending":
        return LookUp(latest)
    if latest.state == "expired" and on_expired == "rebuy":
        return Submit(latest.attempt + 1)
    if latest.state in {"accepted", "expired"}:
        return Resume(latest)
    may_help = latest.failure_kind == "transient"
    turned_away = latest.state == "rejected" and may_help
    again = turned_away or retry_failed == "all" or (retry_failed == "transient" and may_help)
    return Submit(latest.attempt + 1) if again else GiveUp(latest)


def read_attempt(content: bytes, key: str, uri: str) -> Attempt:
    """An attempt as the bucket has it.

    Args:
        content: What is under the key.
        key: Of the object: the shot's id and the number of the attempt follow from it.
        uri: The whole address, for errors.

    Raises:
        DocumentDamaged: It can't be relied on, or isn't about what its key says.
        DocumentTooNew: A later version of this package wrote it.
    """
    folder = key.rpartition("/")[0]

    def mismatch(found: Attempt) -> str | None:
        has_task = found.task_id is not None
        needs_task = found.state not in {"sending", "rejected"}
        faults = {
            f"it is about {found.shot_id}, another shot": not belongs_to(found.shot_id, folder),
            f"it is about attempt {found.attempt}": found.attempt != number_of(key),
            "its business id isn't that of the shot and attempt": found.business_id
            != business_id(found.shot_id, found.attempt),
            f"it is {found.state}, and has no task_id": needs_task and not has_task,
            f"it is {found.state}, and has a task_id": has_task and not needs_task,
            "its folder is outside of the batch, or another shot's": not _beside(found, folder),
        }
        return next((why for why, wrong in faults.items() if wrong), None)

    return read_document(Attempt, content, uri, RECORD_VERSION, mismatch)


def _beside(attempt: Attempt, record: str) -> bool:
    """Whether the videos of an attempt with such a record can be where it says, if it does."""
    if attempt.folder is None:
        return True
    batch = record.rpartition("/")[0].removesuffix(f"/{RECORDS}")
    name = attempt.folder.rpartition("/")[2]
    owner = owner_of(name)
    inside = is_below(attempt.folder, batch) and attempt.folder == f"{batch}/{name}"
    return inside and owner is not None and attempt.shot_id.startswith(owner)


def record_folder(batch: str, identity: str) -> str:
    """Where the attempts of a shot or character are kept.

    Example:
        >>> record_folder("lisbon", "x2k4n7q3bd5fabcdefghijklmn")
        'lisbon/records/x2k4n7q3bd5fabcdefghijklmn'
    """
    return f"{batch}/{RECORDS}/{identity}"


def attempt_key(record: str, attempt: int) -> str:
    """Where an attempt is kept, by the folder of its record."""
    return f"{record}/attempt-{attempt}.json"


def is_attempt(key: str) -> bool:
    """Whether a key is an attempt's.

    Example:
        >>> is_attempt("b/dog/attempt-2.json"), is_attempt("b/dog/attempt-2-send-2.json")
        (True, False)
    """
    return _ATTEMPT.search(key) is not None


def number_of(key: str) -> int | None:
    """The number of the attempt in a key; None if it is no attempt's.

    Example:
        >>> number_of("b/dog/attempt-2-send-2.json")
        2
    """
    found = _ANY_ATTEMPT.search(key)
    return int(found[1]) if found else None


def missing_number(numbers: Collection[int]) -> int | None:
    """The first attempt that must have been there; None if none is missing.

    Args:
        numbers: Of the attempts of something that was sent: they are numbered from 1.

    Example:
        >>> missing_number({1, 2, 4}), missing_number({1}), missing_number(set())
        (3, None, 1)
    """
    expected = range(1, max(numbers, default=1) + 1)
    return next((number for number in expected if number not in numbers), None)


def may_be_paid(attempt: Attempt) -> bool:
    """Whether money was spent on an attempt, or may have been: it may still become a video.

    What the provider turned away or failed it doesn't charge for ([D]: it refunds before it tells).
    """
    return attempt.state in {"sending", "accepted", "expired"}


def resend_key(record: str, attempt: Attempt) -> str:
    """What a worker creates before it sends an attempt once more, so that only one does."""
    return f"{record}/attempt-{attempt.attempt}-send-{attempt.sends}.json"


def lookup_is_conclusive(sent_at: datetime, now: datetime, settle_seconds: float) -> bool:
    """Whether a clear "no such task" at `now` means that a submission was not accepted.

    Args:
        sent_at: When the submission was recorded, or this process first saw it: a clock that is
            fast elsewhere must not make a look-up endless.
        now: When the look-up was asked.
        settle_seconds: How long the provider may take to show a new task.
    """
    return (now - sent_at).total_seconds() >= settle_seconds
