"""The record of a shot's attempts: the single source of truth about what was sent.

An attempt is written before its submission (`sending`) and again with the outcome. Its key depends
on the shot's id alone, never on a label, so that two runs that name a scene differently claim the
same key:

    {batch}/records/{id}/attempt-1.json

Earlier releases stored it in the folder of the shot's videos; such records are used as well.
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

_KINDS: dict[str, tuple[type, ...]] = {  # of the fields used by prices and tables
    "model": (str,),
    "prompt": (str,),
    "n": (int,),
    "duration": (int, float),
}

State = Literal["sending", "accepted", "rejected", "failed", "expired"]
FailureKind = Literal["transient", "refused"]


class Attempt(BaseModel):
    """An attempt to buy a shot, as stored in `attempt-1.json`.

    Args:
        state: `sending` until the outcome is known; `rejected`: nothing was bought; `failed`:
            accepted, but ended without a video; `expired`: the video wasn't fetched in time.
        request: The fields that were sent, from `given()`; URLs without signatures.
        remix_of: The task id of the remixed video; None for other requests.
        labels: Scene, variant and cast when it was sent.
        folder: The folder of the shot's videos; None in records of earlier releases, which are
            in that folder themselves.
        account: The account whose look-ups can find it; see `Account.fingerprint`.
        sent_at: When it was recorded, just before its submission.
        sends: How often it was sent: more than once only where it was proven absent, or by
            `settings.purchases.on_absent="resend"`.
        run: The flow run that sent it.
        task_id: The provider's generation, once accepted.
        reply: The first characters of a reply that could not be parsed, for manual inspection.
        failure: The reason, if it was rejected, failed or expired.
        failure_kind: Whether a retry may help.
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
    """No attempt is pending: submit this attempt."""

    attempt: int


@dataclass(frozen=True)
class LookUp:
    """It is unknown whether this attempt was accepted: look it up, never submit it."""

    attempt: Attempt


@dataclass(frozen=True)
class Resume:
    """This attempt was accepted: wait for it and store it."""

    attempt: Attempt


@dataclass(frozen=True)
class GiveUp:
    """The latest attempt failed, and must not be retried."""

    attempt: Attempt


Step = Submit | LookUp | Resume | GiveUp


def next_step(
    latest: Attempt | None,
    retry_failed: Literal["transient", "all", "none"],
    on_expired: Literal["stop", "rebuy"] = "stop",
) -> Step:
    """Decide the next step for a shot that isn't stored.

    Args:
        latest: Its latest attempt; None if nothing was ever sent.
        retry_failed: Which failures are retried. Attempts rejected for a transient reason are
            always retried.
        on_expired: Whether a video that was paid but not fetched in time is bought again.
            Otherwise its status is queried again: the provider may still have it.
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
    """Parse and check a recorded attempt.

    Args:
        content: Of the object.
        key: Of the object; it determines the shot's id and the number of the attempt.
        uri: Of the object, for errors.

    Raises:
        DocumentDamaged: It is damaged, or doesn't match its key.
        DocumentTooNew: It was written by a later version of this package.
    """
    folder = key.rpartition("/")[0]

    def mismatch(found: Attempt) -> str | None:
        has_task = found.task_id is not None
        needs_task = found.state not in {"sending", "rejected"}
        faults = {
            f"it belongs to another shot, {found.shot_id}": not belongs_to(found.shot_id, folder),
            f"it belongs to attempt {found.attempt}": found.attempt != number_of(key),
            "its business id doesn't match the shot and attempt": found.business_id
            != business_id(found.shot_id, found.attempt),
            f"it is {found.state}, but has no task_id": needs_task and not has_task,
            f"it is {found.state}, but has a task_id": has_task and not needs_task,
            "its folder is outside the batch, or of another shot": not _folder_fits(found, folder),
        }
        return next((why for why, wrong in faults.items() if wrong), None)

    return read_document(Attempt, content, uri, RECORD_VERSION, mismatch)


def _folder_fits(attempt: Attempt, record: str) -> bool:
    """Return whether an attempt's folder, if given, is in the batch of its record and its own."""
    if attempt.folder is None:
        return True
    batch = record.rpartition("/")[0].removesuffix(f"/{RECORDS}")
    name = attempt.folder.rpartition("/")[2]
    owner = owner_of(name)
    inside = is_below(attempt.folder, batch) and attempt.folder == f"{batch}/{name}"
    return inside and owner is not None and attempt.shot_id.startswith(owner)


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


def may_be_paid(attempt: Attempt) -> bool:
    """Return whether an attempt was or may have been paid, so that it may still become a video.

    Rejected and failed generations aren't charged ([D]: refunded before the failure is reported).
    """
    return attempt.state in {"sending", "accepted", "expired"}


def resend_key(record: str, attempt: Attempt) -> str:
    """Return the key that a worker creates before a resend, so that only one worker resends."""
    return f"{record}/attempt-{attempt.attempt}-send-{attempt.sends}.json"


def lookup_is_conclusive(sent_at: datetime, now: datetime, settle_seconds: float) -> bool:
    """Return whether "no such task" at `now` means that a submission was not accepted.

    Args:
        sent_at: When the submission was recorded, or first seen by this process: another
            machine's fast clock must not make a look-up endless.
        now: When the look-up was sent.
        settle_seconds: How long a new task may be missing from look-ups, in seconds.
    """
    return (now - sent_at).total_seconds() >= settle_seconds
