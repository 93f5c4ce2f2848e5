"""Buying something once: the record first, then the submission, then the record again.

A thin shell around `record.next_step`. Whoever comes to a shot or character later, after a crash
or on another machine, enters here again and goes on from the record.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import count
from types import MappingProxyType
from typing import Protocol

from prefect_toapis.batches.errors import (
    CreationUnresolved,
    StoreError,
    SubmissionAbsent,
    SubmissionUnresolved,
)
from prefect_toapis.batches.record import (
    Attempt,
    GiveUp,
    GoOn,
    LookUp,
    Submit,
    attempt_key,
    next_step,
    read_attempt,
    resend_key,
    settled,
)
from prefect_toapis.batches.spec import RunSettings
from prefect_toapis.batches.store import JSON, Store
from prefect_toapis.batches.uploads import urls_for
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.decisions import Accepted
from prefect_toapis.client.errors import (
    APIError,
    GenerationFailed,
    InvalidRequest,
    PolicyRefused,
    ResultExpired,
    SubmissionUnknown,
    ToAPIsError,
    Transient,
    WebhookNotConfigured,
)
from prefect_toapis.client.replies import Reply
from prefect_toapis.client.requests import Request
from prefect_toapis.client.rules import check

LOOK_UPS = 12  # while a submission settles

logger = logging.getLogger("prefect_toapis")


class Submissions(Protocol):
    """What buying needs of the API; `client.account.Account` is one."""

    async def ready(self) -> None:
        """Wait until the allowance has room for one submission."""
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
        """Look a generation up."""
        ...


class Buyable(Protocol):
    """What can be bought once: a shot (a video or a remix), or a character that is made."""

    @property
    def label(self) -> str:
        """As people see it."""
        ...

    @property
    def id(self) -> str:
        """Its identity, from which the business ids are made."""
        ...

    @property
    def folder(self) -> str:
        """Where its record is kept."""
        ...

    @property
    def request(self) -> Request:
        """What is sent."""
        ...

    @property
    def findable(self) -> bool:
        """Whether the provider tells of it by its business id."""
        ...

    def business_id(self, attempt: int) -> str:
        """The id of an attempt as the provider sees it."""
        ...

    def name_in(self, error: ToAPIsError) -> None:
        """Have an error say what it is about."""
        ...


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Buyer:
    """Buys shots and characters, each once.

    Args:
        api: Where they are bought.
        store: Where the record is kept.
        settings: `settle_seconds`, `on_absent`, `retry_failed` and `on_expired`.
        run: The flow run, noted in the record.
        now: The clock.
    """

    api: Submissions
    store: Store
    settings: RunSettings
    run: str | None = None
    now: Callable[[], datetime] = _now

    async def buy(self, item: Buyable) -> Attempt:
        """The accepted attempt of an item: bought now, or bought before.

        Raises:
            InvalidRequest: It breaks rules of its model, or a file that it refers to wasn't
                uploaded; nothing was recorded or sent.
            GenerationFailed: Its latest attempt failed, and the settings say not to try again.
            APIError: The API refuses it; recorded.
            Transient: It could not be sent, or the store doesn't answer; recorded.
            SubmissionAbsent: Sent once without an answer, and the provider has no such task.
            SubmissionUnresolved: Sent once without an answer, and its look-up gives none, or it
                can't be looked up.
        """
        try:
            return await self._buy(item)
        except ToAPIsError as error:
            item.name_in(error)
            raise

    async def latest(self, item: Buyable) -> Attempt | None:
        """The latest attempt that the bucket knows."""
        found: Attempt | None = None
        for number in count(1):
            key = attempt_key(item.folder, number)
            content = await self.store.read(key)
            if content is None:
                break
            found = read_attempt(content, key)
        return found

    async def fail(self, item: Buyable, error: GenerationFailed | ResultExpired) -> None:
        """Record that the accepted attempt brought no result: it failed, or expired unfetched."""
        attempt = await self.latest(item)
        if attempt and attempt.state == "accepted":
            state = "expired" if isinstance(error, ResultExpired) else "failed"
            await self._end(item, attempt, state, error)

    async def keep_reply(self, item: Buyable, error: ToAPIsError) -> None:
        """Record the reply that an error keeps, so that a person can fetch the video by hand."""
        attempt = await self.latest(item)
        if attempt and error.reply and attempt.reply != error.reply:
            await self._write(item, attempt.model_copy(update={"reply": error.reply}))

    async def _buy(self, item: Buyable) -> Attempt:
        settings = self.settings
        step = next_step(await self.latest(item), settings.retry_failed, settings.on_expired)
        if isinstance(step, GoOn):
            return step.attempt
        if isinstance(step, GiveUp):
            raise _given_up(step.attempt)
        if isinstance(step, LookUp):
            resolve = self._resolve if item.findable else self._await_outcome
            return await resolve(item, step.attempt)
        return await self._submit_new(item, step)

    async def _submit_new(self, item: Buyable, step: Submit) -> Attempt:
        if faults := check(item.request, Catalogue.current()):
            raise InvalidRequest([str(fault) for fault in faults])
        uploads = await urls_for(item.request, self.store, self.now)
        # First the allowance, then the record: between record and submission lies next to no
        # time, so that nobody takes a submission that waits its turn for one that was lost.
        await self.api.ready()
        attempt = Attempt(
            shot_id=item.id,
            attempt=step.attempt,
            business_id=item.business_id(step.attempt),
            state="sending",
            request=item.request.unsigned().given(),
            sent_at=self.now(),
            run=self.run,
        )
        key = attempt_key(item.folder, step.attempt)
        if await self.store.create(key, _content(attempt), JSON):
            return await self._send(item, attempt, uploads)
        return await self._buy(item)  # another worker was faster: go on from its record

    async def _send(self, item: Buyable, attempt: Attempt, uploads: Mapping[str, str]) -> Attempt:
        try:
            accepted = await self.api.submit(item.request, attempt.business_id, uploads=uploads)
        except (APIError, Transient) as error:
            await self._end(item, attempt, "rejected", error)
            raise
        except SubmissionUnknown as error:
            if not item.findable:
                raise _unfindable(item, attempt) from error
            logger.warning("%s: %s; looking it up", item.label, error.what)
            lost = attempt.model_copy(update={"sent_at": self.now()})  # settling begins now
            return await self._resolve(item, lost)
        return await self._accept(item, attempt, accepted.task_id)

    async def _resolve(self, item: Buyable, attempt: Attempt) -> Attempt:
        """Find out by look-up what became of a submission; never send it again but when told."""
        settle = self.settings.settle_seconds
        while True:
            asked_at = self.now()
            try:
                reply = await self.api.find(attempt.business_id)
            except (APIError, Transient) as error:
                what = f"nobody knows whether it was accepted, and its look-up fails: {error.what}"
                raise SubmissionUnresolved(what, business_id=attempt.business_id) from error
            if reply and reply.task_id:
                return await self._accept(item, attempt, reply.task_id)
            if settled(attempt.sent_at, asked_at, settle):
                return await self._absent(item, attempt)
            await asyncio.sleep(settle / LOOK_UPS)
            recorded = await self._as_recorded(item, attempt)
            if recorded.state != "sending":  # the worker that sent it has heard
                return await self._buy(item)
            attempt = max(attempt, recorded, key=lambda one: one.sends)

    async def _await_outcome(self, item: Buyable, attempt: Attempt) -> Attempt:
        """What can't be looked up may be under way now, in another worker: its record will tell."""
        settle = self.settings.settle_seconds
        while not settled(attempt.sent_at, self.now(), settle):
            await asyncio.sleep(settle / LOOK_UPS)
            if (await self._as_recorded(item, attempt)).state != "sending":
                return await self._buy(item)
        raise _unfindable(item, attempt)

    async def _absent(self, item: Buyable, attempt: Attempt) -> Attempt:
        if self.settings.on_absent == "stop":
            what = "it was sent once, without an answer, and the provider has no such generation"
            raise SubmissionAbsent(what, business_id=attempt.business_id)
        logger.warning(
            "%s: the provider has no generation %s; sending it once more",
            item.label,
            attempt.business_id,
        )
        uploads = await urls_for(item.request, self.store, self.now)
        await self.api.ready()
        if (await self._as_recorded(item, attempt)).state != "sending":
            return await self._buy(item)
        again = attempt.model_copy(
            update={"sends": attempt.sends + 1, "sent_at": self.now(), "run": self.run}
        )
        claim = resend_key(item.folder, again)
        if await self.store.create(claim, _content(again), JSON):
            await self._write(item, again)
            return await self._send(item, again, uploads)
        claimed = await self.store.read(claim)  # another worker sends it: look for that one
        return await self._resolve(item, read_attempt(claimed, claim) if claimed else again)

    async def _accept(self, item: Buyable, attempt: Attempt, task_id: str) -> Attempt:
        accepted = attempt.model_copy(update={"state": "accepted", "task_id": task_id})
        try:
            await self._write(item, accepted)
        except StoreError as error:  # the record stays `sending`: a look-up will find it
            error.about(money="spent", task_id=task_id, business_id=attempt.business_id)
            raise
        return accepted

    async def _end(self, item: Buyable, attempt: Attempt, state: str, error: ToAPIsError) -> None:
        ended = {
            "state": state,
            "ended_at": self.now(),
            "failure": error.what,
            "failure_kind": "refused" if is_refusal(error) else "transient",
        }
        await self._write(item, attempt.model_copy(update=ended))

    async def _as_recorded(self, item: Buyable, attempt: Attempt) -> Attempt:
        key = attempt_key(item.folder, attempt.attempt)
        try:
            content = await self.store.read(key)
        except StoreError as error:
            error.about(money="maybe spent", business_id=attempt.business_id)
            raise
        return read_attempt(content, key) if content else attempt

    async def _write(self, item: Buyable, attempt: Attempt) -> None:
        await self.store.write(attempt_key(item.folder, attempt.attempt), _content(attempt), JSON)


def is_refusal(error: ToAPIsError) -> bool:
    """Whether the same request would be refused again: its content or its parameters."""
    if isinstance(error, GenerationFailed):
        reason = f"{error.code or ''} {error.what}".lower()
        return "policy" in reason or "moderation" in reason
    if isinstance(error, WebhookNotConfigured):  # the account's set-up, not the request
        return False
    return isinstance(error, PolicyRefused) or error.http_status == 400


def _given_up(attempt: Attempt) -> GenerationFailed:
    return GenerationFailed(
        f"attempt {attempt.attempt} was {attempt.state}: {attempt.failure} "
        '(settings.retry_failed="all" tries it again)',
        business_id=attempt.business_id,
    )


def _unfindable(item: Buyable, attempt: Attempt) -> CreationUnresolved:
    return CreationUnresolved(
        "nobody knows whether it was accepted, and no source says that it can be looked up "
        f"by its business id; its record is {attempt_key(item.folder, attempt.attempt)}",
        business_id=attempt.business_id,
    )


def _content(attempt: Attempt) -> bytes:
    return attempt.model_dump_json(indent=1, exclude_none=True).encode()
