"""Submitting each shot or character exactly once: record, submit, record the outcome.

A thin shell around `attempts.next_step`. A later run, after a crash or on another machine, starts
here again and resumes from the record.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import count
from typing import TypeVar

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import (
    ACCOUNT_REFUSED,
    APIError,
    GenerationFailed,
    InvalidRequest,
    PolicyRefused,
    ResultExpired,
    SubmissionUnknown,
    ToAPIsError,
    Transient,
)
from prefect_toapis.client.refusals import read_refusal
from prefect_toapis.client.request_rules import check
from prefect_toapis.client.requests import ExtendRequest, RemixRequest
from prefect_toapis.errors import (
    CreationUnresolved,
    DocumentDamaged,
    ObjectRefused,
    StoreError,
    StoreUnavailable,
    SubmissionAbsent,
    SubmissionUnresolved,
)
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.records.attempts import (
    Attempt,
    Buyable,
    GiveUp,
    LookUp,
    Resume,
    Submissions,
    Submit,
    lookup_is_conclusive,
    read_attempt,
    resend_key,
)
from prefect_toapis.records.fallbacks import next_purchase
from prefect_toapis.records.layout import attempt_key, number_of, record_folder
from prefect_toapis.records.lookup_proof import lookup_works
from prefect_toapis.records.store import JSON, Store
from prefect_toapis.records.uploads import urls_for

LOOK_UPS = 12  # in the look-up window of a submission
_LOOKED_UP = "run the batch again: it looks the submission up before anything is sent."
MOST_SENDS = {"auto": 3, "resend": 10}  # of an attempt, if each gets no answer
_SHOWN = 200  # characters of an inconclusive reply in a message
_CLAIMS = 5  # tries to create a record while the store contradicts itself about its existence

logger = logging.getLogger("prefect_toapis")

B = TypeVar("B", bound=Buyable)


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _is_public() -> bool:
    return False


@dataclass(frozen=True)
class Buyer:
    """Submits shots and characters, each exactly once.

    Args:
        api: The API to submit to.
        store: Where the record is stored.
        settings: `purchases` and `retries.failed_shots`.
        run: The flow run, stored in the record.
        now: The clock.
        private: Returns whether the API is at a private address, so that private reference URLs
            are allowed. It may do network I/O, so it is called in a thread and only if needed.
    """

    api: Submissions
    store: Store
    settings: RunSettings
    run: str | None = None
    now: Callable[[], datetime] = _now
    private: Callable[[], bool] = _is_public

    async def buy(self, item: Buyable) -> Attempt:
        """Return the accepted attempt of an item, submitted now or earlier.

        Raises:
            InvalidRequest: The request breaks a rule of its model, or a file that it refers to
                wasn't uploaded; nothing was recorded or sent.
            GenerationFailed: The latest attempt failed, and the settings forbid a retry.
            APIError: The API rejected the request; recorded.
            Transient: The request could not be sent, or the store is unavailable; recorded.
            SubmissionAbsent: Sent without an answer, and the provider has no such task.
            SubmissionUnresolved: Sent without an answer, and the look-up failed or isn't
                supported.
            DocumentDamaged: The record is damaged, and the look-up finds nothing.
            DocumentTooNew: The record was written by a later version of this package.
            ObjectRefused: The store refuses to return the record; nothing was sent.
        """
        try:
            item = await self.located(item)
            for _ in range(_CLAIMS):
                if attempt := await self._buy(item):
                    return attempt
        except ToAPIsError as error:
            item.name_in(error)
            raise
        where = self.store.uri(item.record)
        what = f"the store gives contradictory answers about whether {where} has a record"
        raise StoreUnavailable(what, money="maybe spent")

    async def located(self, item: B) -> B:
        """Return the item with the location of its record.

        Items of a listed batch have it already. Otherwise the record is in the item's folder
        (earlier releases) or below `records/`.
        """
        if not item.record:
            earlier = await self._content(attempt_key(item.folder, 1))
            batch = item.folder.rpartition("/")[0]
            record = item.folder if earlier else record_folder(batch, item.id)
            item = item.placed(item.folder, record)
        return item

    async def latest(self, item: Buyable) -> Attempt | None:
        """Return the latest recorded attempt; None if there is none.

        Raises:
            DocumentDamaged: The record is damaged.
            DocumentTooNew: The record was written by a later version of this package.
            StoreError: The bucket is unavailable.
        """
        item = await self.located(item)
        found: tuple[bytes, str] | None = None
        for number in count(1):
            key = attempt_key(item.record, number)
            content = await self._content(key)
            if content is None:
                break
            found = content, key
        return self._read(*found) if found else None

    async def _content(self, key: str) -> bytes | None:
        """Return the content of an attempt's record; if it exists, the attempt may be paid."""
        try:
            return await self.store.read(key)
        except ObjectRefused as error:
            raise error.add_context(money="maybe spent") from None

    async def fail(self, item: Buyable, error: GenerationFailed | ResultExpired) -> None:
        """Record that the accepted attempt has no result: it failed, or expired unfetched."""
        item = await self.located(item)
        attempt = await self.latest(item)
        if attempt and attempt.state == "accepted":
            state = "expired" if isinstance(error, ResultExpired) else "failed"
            await self._end(item, attempt, state, error)

    async def keep_reply(self, item: Buyable, error: ToAPIsError) -> None:
        """Record the reply stored in an error, so that the video can be fetched by hand."""
        item = await self.located(item)
        attempt = await self.latest(item)
        if attempt and error.reply and attempt.reply != error.reply:
            await self._write(item, attempt.model_copy(update={"reply": error.reply}))

    async def _buy(self, item: Buyable) -> Attempt | None:
        """Like `buy`, but return None if another worker recorded the attempt first."""
        try:
            latest = await self.latest(item)
        except DocumentDamaged as damage:
            return await self._recover(item, damage)
        step, candidate = next_purchase(latest, item.candidates, self.settings)
        item = item.with_request(item.candidates[candidate])
        if isinstance(step, Resume):
            return step.attempt
        if isinstance(step, GiveUp):
            raise _given_up(step.attempt)
        if isinstance(step, LookUp):
            resolve = self._resolve if item.supports_lookup else self._await_outcome
            return await resolve(item, step.attempt)
        return await self._submit_new(item, step)

    async def _recover(self, item: Buyable, damage: DocumentDamaged) -> Attempt:
        """Look up the attempt of a damaged record by the business id that follows from its key."""
        number = number_of(damage.uri) or 1
        business_id = item.business_id(number)
        damage.add_context(business_id=business_id)
        try:
            reply = await self.api.find(business_id) if item.supports_lookup else None
        except (APIError, Transient) as error:
            raise damage from error
        if reply is None or reply.task_id is None:
            raise damage
        logger.warning("%s: %s; the look-up found %s", item.label, damage.message, reply.task_id)
        return await self._accept(item, self._new_attempt(item, number), reply.task_id)

    async def _submit_new(self, item: Buyable, step: Submit) -> Attempt | None:
        faults = check(item.request, Catalogue.current())
        private = bool(faults) and await asyncio.to_thread(self.private)
        if private:
            faults = check(item.request, Catalogue.current(), private=True)
        if faults:
            raise InvalidRequest([str(fault) for fault in faults])
        uploads = await self._uploads(item)
        # Wait for the rate limit before writing the record, so that other workers don't mistake
        # a submission that is still waiting for a lost submission.
        await self.api.ready()
        attempt = self._new_attempt(item, step.attempt)
        key = attempt_key(item.record, step.attempt)
        if await self.store.create(key, _content(attempt), JSON):
            return await self._send(item, attempt, uploads)
        return None

    async def _uploads(self, item: Buyable) -> dict[str, str]:
        return await urls_for(item.request, self.store, self.now, self.private)

    def _new_attempt(self, item: Buyable, number: int) -> Attempt:
        return Attempt(
            shot_id=item.id,
            attempt=number,
            business_id=item.business_id(number),
            state="sending",
            request=item.request.shown().given(),
            remix_of=item.request.task_id if isinstance(item.request, RemixRequest) else None,
            extends=item.request.task_id if isinstance(item.request, ExtendRequest) else None,
            labels=item.labels,
            take=item.take,
            folder=item.folder,
            account=self.api.fingerprint,
            sent_at=self.now(),
            run=self.run,
        )

    async def _send(
        self, item: Buyable, attempt: Attempt, uploads: Mapping[str, str]
    ) -> Attempt | None:
        try:
            accepted = await self.api.submit(item.request, attempt.business_id, uploads=uploads)
        except (APIError, Transient) as error:
            await self._end(item, attempt, "rejected", error)
            raise
        except SubmissionUnknown as error:
            attempt = attempt.model_copy(update={"sent_at": self.now(), "reply": error.reply})
            if error.reply:
                await self._write(item, attempt)
            if not item.supports_lookup:
                raise _unfindable(self.store, item, attempt) from error
            logger.warning("%s: %s; looking it up", item.label, error.message)
            return await self._resolve(item, attempt)
        return await self._accept(item, attempt, accepted.task_id)

    async def _resolve(self, item: Buyable, attempt: Attempt) -> Attempt | None:
        """Look up the outcome of a submission; None if another worker recorded it meanwhile."""
        window = self.settings.purchases.lookup_window_seconds
        seen_at, look_ups = self.now(), 0
        while True:
            asked_at = self.now()
            if task_id := await self._look_up(attempt):
                return await self._accept(item, attempt, task_id)
            # Also limited by the number of look-ups: a wrong clock must not make this endless.
            last = look_ups >= LOOK_UPS or lookup_is_conclusive(seen_at, asked_at, window)
            absent = last or lookup_is_conclusive(min(attempt.sent_at, seen_at), asked_at, window)
            if absent and await self._may_send_again(item, attempt, last=last):
                return await self._send_again(item, attempt)
            look_ups += 1
            await asyncio.sleep(window / LOOK_UPS)
            recorded = await self._as_recorded(item, attempt)
            if recorded.state != "sending":  # the worker that sent it got the answer
                return None
            attempt = max(attempt, recorded, key=lambda seen: seen.sends)

    async def _look_up(self, attempt: Attempt) -> str | None:
        try:
            reply = await self.api.find(attempt.business_id)
        except (APIError, Transient) as error:
            what = f"it is unknown whether it was accepted, and its look-up failed: {error.message}"
            raise _unresolved(what, attempt, error) from error
        return reply.task_id if reply else None

    async def _await_outcome(self, item: Buyable, attempt: Attempt) -> Attempt | None:
        """Wait for the outcome of a submission that another worker may still be sending."""
        window = self.settings.purchases.lookup_window_seconds
        since = min(attempt.sent_at, self.now())
        for _ in range(LOOK_UPS):
            if lookup_is_conclusive(since, self.now(), window):
                break
            await asyncio.sleep(window / LOOK_UPS)
            if (await self._as_recorded(item, attempt)).state != "sending":
                return None
        raise _unfindable(self.store, item, attempt)

    async def _may_send_again(self, item: Buyable, attempt: Attempt, *, last: bool) -> bool:
        """Return whether to send an absent submission again; False if not known yet.

        Args:
            item: The shot or character.
            attempt: The recorded attempt.
            last: Whether this is the last look-up of this run.

        Raises:
            SubmissionAbsent: It must not be sent again.
        """
        policy = self.settings.purchases.on_absent
        if policy == "stop" or attempt.sends >= MOST_SENDS[policy]:
            raise _absent(attempt)
        if policy == "resend":
            return True
        works = await self._lookup_works(item, attempt)
        if works:
            return True
        if works is None and not last:  # others may be accepted meanwhile
            return False
        raise _absent(
            attempt,
            "; no other accepted submission of this account and batch proves that look-ups work"
            if works is None
            else "; but look-ups also fail to find another submission that was accepted",
        )

    async def _lookup_works(self, item: Buyable, attempt: Attempt) -> bool | None:
        if attempt.account != self.api.fingerprint:
            return None
        batch = item.folder.rpartition("/")[0]
        try:
            return await lookup_works(attempt, batch, self.store, self.api.find)
        except (APIError, Transient, StoreError) as error:
            what = f"it is unknown whether it was accepted, and look-ups failed: {error.message}"
            raise _unresolved(what, attempt, error) from error

    async def _send_again(self, item: Buyable, attempt: Attempt) -> Attempt | None:
        logger.warning(
            "%s: the provider has no generation %s; sending it again",
            item.label,
            attempt.business_id,
        )
        uploads = await self._uploads(item)
        await self.api.ready()
        if (await self._as_recorded(item, attempt)).state != "sending":
            return None
        if task_id := await self._look_up(attempt):  # it may have appeared while this waited
            return await self._accept(item, attempt, task_id)
        again = attempt.model_copy(
            update={"sends": attempt.sends + 1, "sent_at": self.now(), "run": self.run}
        )
        claim = resend_key(item.record, again)
        if await self.store.create(claim, _content(again), JSON):
            await self._write(item, again)
            return await self._send(item, again, uploads)
        claimed = await self.store.read(claim)  # another worker sends it: look up its submission
        return await self._resolve(item, self._read(claimed, claim) if claimed else again)

    async def _accept(self, item: Buyable, attempt: Attempt, task_id: str) -> Attempt:
        accepted = attempt.model_copy(update={"state": "accepted", "task_id": task_id})
        try:
            await self._write(item, accepted)
        except StoreError as error:  # the record stays `sending`: a later look-up finds the task
            error.add_context(money="spent", task_id=task_id, business_id=attempt.business_id)
            raise
        return accepted

    async def _end(self, item: Buyable, attempt: Attempt, state: str, error: ToAPIsError) -> None:
        ended = {
            "state": state,
            "ended_at": self.now(),
            "failure": error.message,
            "failure_kind": "refused" if is_refusal(error) else "transient",
        }
        await self._write(item, attempt.model_copy(update=ended))

    async def _as_recorded(self, item: Buyable, attempt: Attempt) -> Attempt:
        key = attempt_key(item.record, attempt.attempt)
        try:
            content = await self.store.read(key)
        except StoreError as error:
            error.add_context(money="maybe spent", business_id=attempt.business_id)
            raise
        return self._read(content, key) if content is not None else attempt

    def _read(self, content: bytes, key: str) -> Attempt:
        return read_attempt(content, key, self.store.uri(key))

    async def _write(self, item: Buyable, attempt: Attempt) -> None:
        await self.store.write(attempt_key(item.record, attempt.attempt), _content(attempt), JSON)


def is_refusal(error: ToAPIsError) -> bool:
    """Return whether the same request would be refused again, for its content or parameters."""
    if isinstance(error, GenerationFailed):
        reason = f"{error.code or ''} {error.message}".lower()
        by_meaning = read_refusal({"code": error.code, "message": error.message}, "").meaning
        return "policy" in reason or "moderation" in reason or by_meaning == "policy"
    if isinstance(error, ACCOUNT_REFUSED):  # caused by the account, not by the request
        return False
    return isinstance(error, PolicyRefused) or error.http_status in {400, 413, 414, 422}


def _absent(attempt: Attempt, why: str = "") -> SubmissionAbsent:
    times = "once" if attempt.sends == 1 else f"{attempt.sends} times"
    how, reply = "without an answer", attempt.reply
    if reply:
        how = f"with an inconclusive answer ({reply[:_SHOWN]})"
    what = f"it was sent {times}, {how}, and the provider has no such generation{why}"
    absent = SubmissionAbsent(what, business_id=attempt.business_id)
    return absent.add_context(reply=reply) if reply else absent


def _unresolved(what: str, attempt: Attempt, cause: ToAPIsError) -> SubmissionUnresolved:
    unresolved = SubmissionUnresolved(what, business_id=attempt.business_id)
    unresolved.reply = cause.reply
    if isinstance(cause, APIError):  # permanent, such as a refused key: waiting doesn't help
        unresolved.add_context(advice=f"{cause.advice} Then {_LOOKED_UP}")
    return unresolved


def _given_up(attempt: Attempt) -> GenerationFailed:
    return GenerationFailed(
        f"attempt {attempt.attempt} was {attempt.state}: {attempt.failure} "
        '(settings.retries.failed_shots="all" tries it again)',
        business_id=attempt.business_id,
    )


def _unfindable(store: Store, item: Buyable, attempt: Attempt) -> CreationUnresolved:
    record = store.uri(attempt_key(item.record, attempt.attempt))
    return CreationUnresolved(
        "it is unknown whether it was accepted, and looking it up by its business id is not "
        f"documented; its record is {record}",
        business_id=attempt.business_id,
    )


def _content(attempt: Attempt) -> bytes:
    return attempt.model_dump_json(indent=1, exclude_none=True).encode()
