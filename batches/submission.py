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
from typing import TypeVar

from prefect_toapis.batches.buyable import Buyable, Submissions
from prefect_toapis.batches.errors import (
    CreationUnresolved,
    DocumentDamaged,
    ObjectRefused,
    StoreError,
    StoreUnavailable,
    SubmissionAbsent,
    SubmissionUnresolved,
)
from prefect_toapis.batches.lookup_proof import lookup_works
from prefect_toapis.batches.record import (
    Attempt,
    GiveUp,
    LookUp,
    Resume,
    Submit,
    attempt_key,
    lookup_is_conclusive,
    next_step,
    number_of,
    read_attempt,
    record_folder,
    resend_key,
)
from prefect_toapis.batches.spec import RunSettings
from prefect_toapis.batches.store import JSON, Store
from prefect_toapis.batches.uploads import urls_for
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
from prefect_toapis.client.requests import RemixRequest
from prefect_toapis.client.rules import check

LOOK_UPS = 12  # while a submission settles
_LOOKED_UP = "run the batch again: it looks the submission up before anything is sent."
MOST_SENDS = {"auto": 3, "resend": 10}  # of one attempt, where each is lost without an answer
_SHOWN = 200  # characters of a reply that leaves it open, in a message
_CLAIMS = 5  # tries to create a record that exists by one answer of the store and not by another

logger = logging.getLogger("prefect_toapis")

B = TypeVar("B", bound=Buyable)


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _is_public() -> bool:
    return False


@dataclass(frozen=True)
class Buyer:
    """Buys shots and characters, each once.

    Args:
        api: Where they are bought.
        store: Where the record is kept.
        settings: `settle_seconds`, `on_absent`, `retry_failed` and `on_expired`.
        run: The flow run, noted in the record.
        now: The clock.
        private: Says whether the API is at a private address, so that references may be, too. It
            may ask the network: it is called in a thread, and only where it matters.
    """

    api: Submissions
    store: Store
    settings: RunSettings
    run: str | None = None
    now: Callable[[], datetime] = _now
    private: Callable[[], bool] = _is_public

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
            DocumentDamaged: Its record can't be relied on, and its look-up finds nothing.
            DocumentTooNew: A later version of this package wrote its record.
            ObjectRefused: The store refuses to give its record; nothing was sent.
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
        what = f"{where} has a record by one answer of the store, and none by another"
        raise StoreUnavailable(what, money="maybe spent")

    async def located(self, item: B) -> B:
        """The item, where the bucket has it.

        An item of a batch that was listed is there already. Else its record is where an earlier
        release put it, or where its id says.
        """
        if not item.record:
            earlier = await self._content(attempt_key(item.folder, 1))
            batch = item.folder.rpartition("/")[0]
            record = item.folder if earlier else record_folder(batch, item.id)
            item = item.placed(item.folder, record)
        return item

    async def latest(self, item: Buyable) -> Attempt | None:
        """The latest attempt that the bucket knows.

        Raises:
            DocumentDamaged: It can't be relied on.
            DocumentTooNew: A later version of this package wrote it.
            StoreError: The bucket doesn't answer.
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
        """What is under the key of an attempt: if it is there, it was sent."""
        try:
            return await self.store.read(key)
        except ObjectRefused as error:
            raise error.about(money="maybe spent") from None

    async def fail(self, item: Buyable, error: GenerationFailed | ResultExpired) -> None:
        """Record that the accepted attempt brought no result: it failed, or expired unfetched."""
        item = await self.located(item)
        attempt = await self.latest(item)
        if attempt and attempt.state == "accepted":
            state = "expired" if isinstance(error, ResultExpired) else "failed"
            await self._end(item, attempt, state, error)

    async def keep_reply(self, item: Buyable, error: ToAPIsError) -> None:
        """Record the reply that an error keeps, so that a person can fetch the video by hand."""
        item = await self.located(item)
        attempt = await self.latest(item)
        if attempt and error.reply and attempt.reply != error.reply:
            await self._write(item, attempt.model_copy(update={"reply": error.reply}))

    async def _buy(self, item: Buyable) -> Attempt | None:
        """As `buy`; None if another worker was faster: its record decides."""
        settings = self.settings
        try:
            step = next_step(await self.latest(item), settings.retry_failed, settings.on_expired)
        except DocumentDamaged as damage:
            return await self._recover(item, damage)
        if isinstance(step, Resume):
            return step.attempt
        if isinstance(step, GiveUp):
            raise _given_up(step.attempt)
        if isinstance(step, LookUp):
            resolve = self._resolve if item.supports_lookup else self._await_outcome
            return await resolve(item, step.attempt)
        return await self._submit_new(item, step)

    async def _recover(self, item: Buyable, damage: DocumentDamaged) -> Attempt:
        """The attempt of a damaged record, by its business id, which its key says."""
        number = number_of(damage.uri) or 1
        business_id = item.business_id(number)
        damage.about(business_id=business_id)
        try:
            reply = await self.api.find(business_id) if item.supports_lookup else None
        except (APIError, Transient) as error:
            raise damage from error
        if reply is None or reply.task_id is None:
            raise damage
        logger.warning("%s: %s; the look-up found %s", item.label, damage.what, reply.task_id)
        return await self._accept(item, self._new_attempt(item, number), reply.task_id)

    async def _submit_new(self, item: Buyable, step: Submit) -> Attempt | None:
        faults = check(item.request, Catalogue.current())
        private = bool(faults) and await asyncio.to_thread(self.private)
        if private:
            faults = check(item.request, Catalogue.current(), private=True)
        if faults:
            raise InvalidRequest([str(fault) for fault in faults])
        uploads = await self._uploads(item)
        # First the allowance, then the record: between record and submission lies next to no
        # time, so that nobody takes a submission that waits its turn for one that was lost.
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
            logger.warning("%s: %s; looking it up", item.label, error.what)
            return await self._resolve(item, attempt)
        return await self._accept(item, attempt, accepted.task_id)

    async def _resolve(self, item: Buyable, attempt: Attempt) -> Attempt | None:
        """Find out by look-up what became of a submission; None if another worker knows by now."""
        settle = self.settings.settle_seconds
        seen_at, look_ups = self.now(), 0
        while True:
            asked_at = self.now()
            if task_id := await self._look_up(attempt):
                return await self._accept(item, attempt, task_id)
            # By the number of look-ups, too: a clock that goes wrong must not make it endless.
            last = look_ups >= LOOK_UPS or lookup_is_conclusive(seen_at, asked_at, settle)
            absent = last or lookup_is_conclusive(min(attempt.sent_at, seen_at), asked_at, settle)
            if absent and await self._may_send_again(item, attempt, last=last):
                return await self._send_again(item, attempt)
            look_ups += 1
            await asyncio.sleep(settle / LOOK_UPS)
            recorded = await self._as_recorded(item, attempt)
            if recorded.state != "sending":  # the worker that sent it has heard
                return None
            attempt = max(attempt, recorded, key=lambda seen: seen.sends)

    async def _look_up(self, attempt: Attempt) -> str | None:
        try:
            reply = await self.api.find(attempt.business_id)
        except (APIError, Transient) as error:
            what = f"it isn't known whether it was accepted, and its look-up fails: {error.what}"
            raise _unresolved(what, attempt, error) from error
        return reply.task_id if reply else None

    async def _await_outcome(self, item: Buyable, attempt: Attempt) -> Attempt | None:
        """What can't be looked up may be under way now, in another worker: its record will tell."""
        settle, since = self.settings.settle_seconds, min(attempt.sent_at, self.now())
        for _ in range(LOOK_UPS):
            if lookup_is_conclusive(since, self.now(), settle):
                break
            await asyncio.sleep(settle / LOOK_UPS)
            if (await self._as_recorded(item, attempt)).state != "sending":
                return None
        raise _unfindable(self.store, item, attempt)

    async def _may_send_again(self, item: Buyable, attempt: Attempt, *, last: bool) -> bool:
        """Whether an absent submission goes out again; False: not known yet.

        Args:
            item: What is bought.
            attempt: As its record has it.
            last: Whether what isn't known by now never will be, in this run.

        Raises:
            SubmissionAbsent: It must not.
        """
        policy = self.settings.on_absent
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
            "; no other accepted submission of this account and batch shows that its look-up works"
            if works is None
            else "; but neither does its look-up find another submission, which was accepted",
        )

    async def _lookup_works(self, item: Buyable, attempt: Attempt) -> bool | None:
        if attempt.account != self.api.fingerprint:
            return None
        batch = item.folder.rpartition("/")[0]
        try:
            return await lookup_works(attempt, batch, self.store, self.api.find)
        except (APIError, Transient, StoreError) as error:
            what = f"it isn't known whether it was accepted, and look-ups fail: {error.what}"
            raise _unresolved(what, attempt, error) from error

    async def _send_again(self, item: Buyable, attempt: Attempt) -> Attempt | None:
        logger.warning(
            "%s: the provider has no generation %s; sending it once more",
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
        claimed = await self.store.read(claim)  # another worker sends it: look for that one
        return await self._resolve(item, self._read(claimed, claim) if claimed else again)

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
        key = attempt_key(item.record, attempt.attempt)
        try:
            content = await self.store.read(key)
        except StoreError as error:
            error.about(money="maybe spent", business_id=attempt.business_id)
            raise
        return self._read(content, key) if content is not None else attempt

    def _read(self, content: bytes, key: str) -> Attempt:
        return read_attempt(content, key, self.store.uri(key))

    async def _write(self, item: Buyable, attempt: Attempt) -> None:
        await self.store.write(attempt_key(item.record, attempt.attempt), _content(attempt), JSON)


def _absent(attempt: Attempt, why: str = "") -> SubmissionAbsent:
    times = "once" if attempt.sends == 1 else f"{attempt.sends} times"
    how, said = "without an answer", attempt.reply
    if said:
        how = f"with an answer that leaves it open ({said[:_SHOWN]})"
    what = f"it was sent {times}, {how}, and the provider has no such generation{why}"
    absent = SubmissionAbsent(what, business_id=attempt.business_id)
    return absent.about(reply=said) if said else absent


def _unresolved(what: str, attempt: Attempt, cause: ToAPIsError) -> SubmissionUnresolved:
    unresolved = SubmissionUnresolved(what, business_id=attempt.business_id)
    unresolved.reply = cause.reply
    if isinstance(cause, APIError):  # a key that is refused now is refused later, too
        unresolved.about(advice=f"{cause.advice} Then {_LOOKED_UP}")
    return unresolved


def is_refusal(error: ToAPIsError) -> bool:
    """Whether the same request would be refused again: its content or its parameters."""
    if isinstance(error, GenerationFailed):
        reason = f"{error.code or ''} {error.what}".lower()
        by_meaning = read_refusal({"code": error.code, "message": error.what}, "").meaning
        return "policy" in reason or "moderation" in reason or by_meaning == "policy"
    if isinstance(error, ACCOUNT_REFUSED):  # the account's set-up, not the request
        return False
    return isinstance(error, PolicyRefused) or error.http_status in {400, 413, 414, 422}


def _given_up(attempt: Attempt) -> GenerationFailed:
    return GenerationFailed(
        f"attempt {attempt.attempt} was {attempt.state}: {attempt.failure} "
        '(settings.retry_failed="all" tries it again)',
        business_id=attempt.business_id,
    )


def _unfindable(store: Store, item: Buyable, attempt: Attempt) -> CreationUnresolved:
    record = store.uri(attempt_key(item.record, attempt.attempt))
    return CreationUnresolved(
        "it isn't known whether it was accepted, and no source says that it can be looked up "
        f"by its business id; its record is {record}",
        business_id=attempt.business_id,
    )


def _content(attempt: Attempt) -> bytes:
    return attempt.model_dump_json(indent=1, exclude_none=True).encode()
