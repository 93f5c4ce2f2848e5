"""The record: what the bucket knows of a shot. It is the only truth about what was sent and bought.

An attempt is written before its submission (`sending`) and again with the outcome.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from prefect_toapis.batches.errors import StoreError

RECORD_VERSION = 1

_ATTEMPT = re.compile(r"/attempt-\d+\.json$")

State = Literal["sending", "accepted", "rejected", "failed", "expired"]
FailureKind = Literal["transient", "refused"]


class Attempt(BaseModel):
    """One try at buying a shot, as `attempt-1.json` holds it.

    Args:
        state: `sending` until the outcome is known; a `rejected` one bought nothing, a `failed`
            one was accepted and ended without a video, and of an `expired` one nobody fetched the
            video while it could be had.
        request: What was sent, as `given` by the request; URLs without signatures.
        sent_at: When it was recorded, just before its submission.
        sends: How often it was sent: more than once only by `on_absent="resend"`.
        run: The flow run that sent it.
        task_id: The provider's generation, once accepted.
        reply: The first characters of a reply that could not be understood, for people.
        failure: Why, for one that was rejected, failed or expired.
        failure_kind: Whether trying again may help.
    """

    version: int = RECORD_VERSION
    shot_id: str
    attempt: int
    business_id: str
    state: State
    request: dict[str, Any] = {}
    sent_at: datetime
    sends: int = 1
    run: str | None = None
    task_id: str | None = None
    reply: str | None = None
    ended_at: datetime | None = None
    failure: str | None = None
    failure_kind: FailureKind | None = None


@dataclass(frozen=True)
class Submit:
    """Nothing is under way: submit this attempt."""

    attempt: int


@dataclass(frozen=True)
class LookUp:
    """It isn't known whether this attempt was accepted: look it up, never submit it."""

    attempt: Attempt


@dataclass(frozen=True)
class GoOn:
    """This attempt was accepted: wait for it and store it."""

    attempt: Attempt


@dataclass(frozen=True)
class GiveUp:
    """The latest attempt failed, and it is not to be tried again."""

    attempt: Attempt


Step = Submit | LookUp | GoOn | GiveUp


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
        return GoOn(latest)
    may_help = latest.failure_kind == "transient"
    turned_away = latest.state == "rejected" and may_help
    again = turned_away or retry_failed == "all" or (retry_failed == "transient" and may_help)
    return Submit(latest.attempt + 1) if again else GiveUp(latest)


def read_attempt(content: bytes, key: str) -> Attempt:
    """An attempt as the bucket has it.

    Raises:
        StoreError: It can't be understood.
    """
    try:
        return Attempt.model_validate_json(content)
    except ValidationError as error:
        what = f"{key} is damaged, or of a later version"
        raise StoreError(what, money="maybe spent") from error


def attempt_key(folder: str, attempt: int) -> str:
    """Where an attempt is kept, by its shot's folder."""
    return f"{folder}/attempt-{attempt}.json"


def is_attempt(key: str) -> bool:
    """Whether a key is an attempt's.

    Example:
        >>> is_attempt("b/dog/attempt-2.json"), is_attempt("b/dog/attempt-2-send-2.json")
        (True, False)
    """
    return _ATTEMPT.search(key) is not None


def may_be_paid(attempt: Attempt) -> bool:
    """Whether money was spent on an attempt, or may have been: it may still become a video.

    What the provider turned away or failed it doesn't charge for ([D]: it refunds before it tells).
    """
    return attempt.state in {"sending", "accepted", "expired"}


def resend_key(folder: str, attempt: Attempt) -> str:
    """What a worker creates before it sends an attempt once more, so that only one does."""
    return f"{folder}/attempt-{attempt.attempt}-send-{attempt.sends}.json"


def settled(sent_at: datetime, now: datetime, settle_seconds: float) -> bool:
    """Whether a clear "no such task" at `now` means that a submission was not accepted.

    Args:
        sent_at: When the submission was recorded.
        now: When the look-up was asked.
        settle_seconds: How long the provider may take to show a new task.
    """
    return (now - sent_at).total_seconds() >= settle_seconds
