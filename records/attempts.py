"""Attempts: what was sent for a shot or a character, how it ended, and what may be done next.

`next_step` decides by the latest attempt alone; the rest reads attempts from the bucket.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, field_validator
from typing_extensions import Self

from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.replies import Reply
from prefect_toapis.client.requests import Request
from prefect_toapis.client.response_decisions import Accepted
from prefect_toapis.errors import DocumentDamaged, DocumentTooNew, ObjectRefused, StoreError
from prefect_toapis.planning.identity import business_id
from prefect_toapis.planning.price_conditions import REMIX_OF
from prefect_toapis.records.documents import Moment, read_document
from prefect_toapis.records.layout import (
    RECORDS,
    attempt_key,
    belongs_to,
    is_attempt,
    is_below,
    missing_number,
    number_of,
    owner_of,
)
from prefect_toapis.records.store import Store

RECORD_VERSION = 1
LONGEST_ID = 500  # characters of a task id

_KINDS: dict[str, tuple[type, ...]] = {  # of the fields used by prices and tables
    "model": (str,),
    "prompt": (str,),
    "n": (int,),
    "duration": (int, float),
}

State = Literal["sending", "accepted", "rejected", "failed", "expired"]
FailureKind = Literal["transient", "refused"]

_READS_AT_ONCE = 16


class Attempt(BaseModel):
    """An attempt to buy a shot, as stored in `attempt-1.json`.

    Args:
        state: `sending` until the outcome is known; `rejected`: nothing was bought; `failed`:
            accepted, but ended without a video; `expired`: the video wasn't fetched in time.
        request: The fields that were sent, from `given()`; URLs without signatures.
        remix_of: The task id of the remixed video; None for other requests.
        extends: The task id of the extended video; None for other requests.
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
    extends: str | None = None
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

    @property
    def sent(self) -> dict[str, Any]:
        """The fields that were sent, with the video it is made from: what decides its price."""
        source = self.remix_of or self.extends
        return {**self.request, **({REMIX_OF: source} if source else {})}


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
    failed_shots: Literal["transient", "all", "none"],
    on_expired: Literal["stop", "rebuy"] = "stop",
) -> Step:
    """Decide the next step for a shot that isn't stored.

    Args:
        latest: Its latest attempt; None if nothing was ever sent.
        failed_shots: Which failures are retried. Attempts rejected for a transient reason are
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
    again = turned_away or failed_shots == "all" or (failed_shots == "transient" and may_help)
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


def may_be_paid(attempt: Attempt) -> bool:
    """Return whether an attempt was or may have been paid, so that it may still become a video.

    Rejected and failed generations aren't charged ([D]: refunded before the failure is reported).
    """
    return attempt.state in {"sending", "accepted", "expired"}


def resend_key(record: str, attempt: Attempt) -> str:
    """Return the key that a worker creates before a resend, so that only one worker resends."""
    return f"{record}/attempt-{attempt.attempt}-send-{attempt.sends}.json"


def lookup_is_conclusive(sent_at: datetime, now: datetime, window_seconds: float) -> bool:
    """Return whether "no such task" at `now` means that a submission was not accepted.

    Args:
        sent_at: When the submission was recorded, or first seen by this process: another
            machine's fast clock must not make a look-up endless.
        now: When the look-up was sent.
        window_seconds: How long a new task may be missing from look-ups, in seconds.
    """
    return (now - sent_at).total_seconds() >= window_seconds


class Submissions(Protocol):
    """The API as buying needs it; `client.account.Account` implements it."""

    @property
    def fingerprint(self) -> str:
        """Identifies the account: look-ups only find submissions with the same fingerprint."""
        ...

    async def ready(self) -> None:
        """Wait until the rate limit allows another submission."""
        ...

    async def submit(
        self,
        request: Request,
        business_id: str | None = None,
        *,
        uploads: Mapping[str, str] = MappingProxyType({}),
    ) -> Accepted:
        """Submit a request, with the URLs of the uploads that it refers to."""
        ...

    async def find(self, business_id: str) -> Reply | None:
        """Look up a generation by its business id; None if there is none."""
        ...


class Buyable(Protocol):
    """What can be bought once: a shot (a video or a remix), or a character."""

    @property
    def label(self) -> str:
        """The display label."""
        ...

    @property
    def id(self) -> str:
        """Its id, from which the business ids are derived."""
        ...

    @property
    def folder(self) -> str:
        """The folder of its files."""
        ...

    @property
    def record(self) -> str:
        """The folder of its attempts; empty: not looked up yet."""
        ...

    @property
    def labels(self) -> tuple[str, str, str]:
        """Scene, variant and cast; empty where not applicable."""
        ...

    @property
    def take(self) -> int:
        """1, 2, ..."""
        ...

    def placed(self, folder: str, record: str) -> Self:
        """Return a copy with the folder and record that the bucket has for it."""
        ...

    @property
    def request(self) -> Request:
        """The request to send."""
        ...

    @property
    def candidates(self) -> Sequence[Request]:
        """The request and its fallbacks, in their order."""
        ...

    def with_request(self, request: Any) -> Self:
        """Return a copy that is made by this request alone."""
        ...

    @property
    def supports_lookup(self) -> bool:
        """Whether the provider can look it up by its business id."""
        ...

    def business_id(self, attempt: int) -> str:
        """Return the business id that the provider gets for an attempt."""
        ...

    def name_in(self, error: ToAPIsError) -> None:
        """Add this item's label to an error."""
        ...


async def read_record(folder: str, store: Store) -> defaultdict[str, list[Attempt]]:
    """Read all attempts below a folder, by the folder of their record.

    Raises:
        StoreError: The bucket is unavailable.
    """
    keys = await store.list_keys(f"{folder}/")
    return await read_attempts([key for key in keys if is_attempt(key)], store)


async def read_attempts(keys: Sequence[str], store: Store) -> defaultdict[str, list[Attempt]]:
    """Read the attempts with these keys, by the folder of their record.

    An unreadable attempt only affects its own shot: it is returned as a submission in state
    `sending` whose `failure` has the reason.

    Raises:
        StoreError: The bucket is unavailable, or refuses the credentials.
    """
    at_once = asyncio.Semaphore(_READS_AT_ONCE)

    async def read(key: str) -> Attempt | None:
        try:
            async with at_once:
                content = await store.read(key)
            return None if content is None else read_attempt(content, key, store.uri(key))
        except (DocumentDamaged, DocumentTooNew, ObjectRefused) as error:
            return _unreadable(key, error)

    record: defaultdict[str, list[Attempt]] = defaultdict(list)
    for key, attempt in zip(keys, await asyncio.gather(*map(read, keys)), strict=True):
        if attempt:
            record[key.rpartition("/")[0]].append(attempt)
    return record


def latest(attempts: Sequence[Attempt]) -> Attempt | None:
    """Return the latest of a shot's attempts; None if it was never sent."""
    return max(attempts, key=lambda attempt: attempt.attempt, default=None)


async def refuse_lost(item: Buyable, store: Store) -> None:
    """Check that no attempt is missing from the record of an item outside a listed batch.

    Args:
        item: With its existing folder and record.
        store: Where it is stored.

    Raises:
        StoreError: The item has objects, but an attempt is missing; or the bucket is unavailable.
    """
    recorded = await store.list_keys(f"{item.record}/")
    others = [] if item.folder == item.record else await store.list_keys(f"{item.folder}/")
    number = missing_number({number_of(key) or 0 for key in recorded if is_attempt(key)})
    if number and (recorded or others):
        raise lost(item, number, store)


def lost(item: Buyable, number: int, store: Store) -> StoreError:
    """Return the error for an item that was sent but whose attempt is missing.

    Args:
        item: With its existing folder and record.
        number: Of the missing attempt.
        store: Where it was stored.
    """
    where = " and ".join(
        f"{store.uri(folder)}/" for folder in dict.fromkeys([item.record, item.folder])
    )
    error = StoreError(
        f"{store.uri(attempt_key(item.record, number))} is missing, although other objects of it "
        f"exist; nothing was submitted now: restore it, or delete {where} to buy it again",
        money="maybe spent",
    )
    item.name_in(error)
    return error


def _folder_fits(attempt: Attempt, record: str) -> bool:
    """Return whether an attempt's folder, if given, is in the batch of its record and its own."""
    if attempt.folder is None:
        return True
    batch = record.rpartition("/")[0].removesuffix(f"/{RECORDS}")
    name = attempt.folder.rpartition("/")[2]
    owner = owner_of(name)
    inside = is_below(attempt.folder, batch) and attempt.folder == f"{batch}/{name}"
    return inside and owner is not None and attempt.shot_id.startswith(owner)


def _unreadable(key: str, error: DocumentDamaged | DocumentTooNew | ObjectRefused) -> Attempt:
    identity, number = owner_of(key.rpartition("/")[0]) or "", number_of(key) or 1
    return Attempt(
        shot_id=identity,
        attempt=number,
        business_id=business_id(identity, number),
        state="sending",
        sent_at=datetime.now(timezone.utc),
        failure=f"{error.message}. {error.advice}",
    )
