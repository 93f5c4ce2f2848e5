"""Buying a shot once: the record first, then the submission, then the record again.

A thin shell around `record.next_step`. Whoever comes to a shot later, after a crash or on another
machine, enters here again and goes on from the record.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Protocol

from prefect_toapis.batches.errors import StoreError, SubmissionAbsent, SubmissionUnresolved
from prefect_toapis.batches.plan import Shot
from prefect_toapis.batches.record import (
    Attempt,
    GiveUp,
    GoOn,
    LookUp,
    Submit,
    attempt_key,
    next_step,
    resend_key,
    settled,
)
from prefect_toapis.batches.spec import RunSettings
from prefect_toapis.batches.store import Store
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.decisions import Accepted
from prefect_toapis.client.errors import (
    APIError,
    GenerationFailed,
    InvalidRequest,
    PolicyRefused,
    SubmissionUnknown,
    ToAPIsError,
    Transient,
)
from prefect_toapis.client.replies import Reply
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.client.rules import check

JSON = "application/json"
LOOK_UPS = 12  # while a submission settles

logger = logging.getLogger("prefect_toapis")


class Submissions(Protocol):
    """What buying needs of the API; `client.account.Account` is one."""

    async def ready(self) -> None:
        """Wait until the allowance has room for one submission."""
        ...

    async def submit(self, request: VideoRequest, business_id: str | None = None) -> Accepted:
        """Submit a request."""
        ...

    async def find(self, business_id: str) -> Reply | None:
        """Look a generation up."""
        ...


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Buyer:
    """Buys shots, each once.

    Args:
        api: Where they are bought.
        store: Where the record is kept.
        settings: `settle_seconds`, `on_absent` and `retry_failed`.
        run: The flow run, noted in the record.
        now: The clock.
    """

    api: Submissions
    store: Store
    settings: RunSettings
    run: str | None = None
    now: Callable[[], datetime] = _now

    async def buy(self, shot: Shot) -> Attempt:
        """The accepted attempt of a shot: bought now, or bought before.

        Raises:
            InvalidRequest: It breaks rules of its model; nothing was recorded or sent.
            GenerationFailed: Its latest attempt failed, and the settings say not to try again.
            APIError: The API refuses it; recorded.
            Transient: It could not be sent, or the store doesn't answer; recorded.
            SubmissionAbsent: Sent once without an answer, and the provider has no such task.
            SubmissionUnresolved: Sent once without an answer, and its look-up gives none.
        """
        try:
            return await self._buy(shot)
        except ToAPIsError as error:
            error.about(shot=shot.label)
            raise

    async def latest(self, shot: Shot) -> Attempt | None:
        """The latest attempt that the bucket knows."""
        found: Attempt | None = None
        number = 1
        while (content := await self.store.read(attempt_key(shot.folder, number))) is not None:
            found = Attempt.model_validate_json(content)
            number += 1
        return found

    async def fail(self, shot: Shot, error: ToAPIsError) -> None:
        """Record that the provider ended the shot's accepted attempt without a video."""
        attempt = await self.latest(shot)
        if attempt and attempt.state == "accepted":
            await self._end(shot, attempt, "failed", error)

    async def _buy(self, shot: Shot) -> Attempt:
        step = next_step(await self.latest(shot), self.settings.retry_failed)
        if isinstance(step, GoOn):
            return step.attempt
        if isinstance(step, GiveUp):
            raise _given_up(step.attempt)
        if isinstance(step, LookUp):
            return await self._resolve(shot, step.attempt)
        return await self._submit_new(shot, step)

    async def _submit_new(self, shot: Shot, step: Submit) -> Attempt:
        if faults := check(shot.request, Catalogue.shipped()):
            raise InvalidRequest([str(fault) for fault in faults])
        # First the allowance, then the record: between record and submission lies next to no
        # time, so that nobody takes a submission that waits its turn for one that was lost.
        await self.api.ready()
        attempt = Attempt(
            shot_id=shot.shot_id,
            attempt=step.attempt,
            business_id=shot.business_id(step.attempt),
            state="sending",
            sent_at=self.now(),
            run=self.run,
        )
        key = attempt_key(shot.folder, step.attempt)
        if await self.store.create(key, _content(attempt), JSON):
            return await self._send(shot, attempt)
        return await self._buy(shot)  # another worker was faster: go on from its record

    async def _send(self, shot: Shot, attempt: Attempt) -> Attempt:
        try:
            accepted = await self.api.submit(shot.request, attempt.business_id)
        except (APIError, Transient) as error:
            await self._end(shot, attempt, "rejected", error)
            raise
        except SubmissionUnknown as error:
            logger.warning("%s: %s; looking it up", shot.label, error.what)
            return await self._resolve(shot, attempt)
        return await self._accept(shot, attempt, accepted.task_id)

    async def _resolve(self, shot: Shot, attempt: Attempt) -> Attempt:
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
                return await self._accept(shot, attempt, reply.task_id)
            if settled(attempt.sent_at, asked_at, settle):
                return await self._absent(shot, attempt)
            await asyncio.sleep(settle / LOOK_UPS)
            recorded = await self._as_recorded(shot, attempt)
            if recorded.state != "sending":  # the worker that sent it has heard
                return await self._buy(shot)
            attempt = max(attempt, recorded, key=lambda one: one.sends)

    async def _absent(self, shot: Shot, attempt: Attempt) -> Attempt:
        if self.settings.on_absent == "stop":
            what = "it was sent once, without an answer, and the provider has no such generation"
            raise SubmissionAbsent(what, business_id=attempt.business_id)
        logger.warning(
            "%s: the provider has no generation %s; sending it once more",
            shot.label,
            attempt.business_id,
        )
        await self.api.ready()
        if (await self._as_recorded(shot, attempt)).state != "sending":
            return await self._buy(shot)
        again = attempt.model_copy(
            update={"sends": attempt.sends + 1, "sent_at": self.now(), "run": self.run}
        )
        claim = resend_key(shot.folder, again)
        if await self.store.create(claim, _content(again), JSON):
            await self._write(shot, again)
            return await self._send(shot, again)
        claimed = await self.store.read(claim)  # another worker sends it: look for that one
        return await self._resolve(shot, Attempt.model_validate_json(claimed) if claimed else again)

    async def _accept(self, shot: Shot, attempt: Attempt, task_id: str) -> Attempt:
        accepted = attempt.model_copy(update={"state": "accepted", "task_id": task_id})
        try:
            await self._write(shot, accepted)
        except StoreError as error:  # the record stays `sending`: its look-up will find it
            error.about(money="spent", task_id=task_id, business_id=attempt.business_id)
            raise
        return accepted

    async def _end(self, shot: Shot, attempt: Attempt, state: str, error: ToAPIsError) -> None:
        ended = {
            "state": state,
            "ended_at": self.now(),
            "failure": error.what,
            "failure_kind": "refused" if is_refusal(error) else "transient",
        }
        await self._write(shot, attempt.model_copy(update=ended))

    async def _as_recorded(self, shot: Shot, attempt: Attempt) -> Attempt:
        try:
            content = await self.store.read(attempt_key(shot.folder, attempt.attempt))
        except StoreError as error:
            error.about(money="maybe spent", business_id=attempt.business_id)
            raise
        return Attempt.model_validate_json(content) if content else attempt

    async def _write(self, shot: Shot, attempt: Attempt) -> None:
        await self.store.write(attempt_key(shot.folder, attempt.attempt), _content(attempt), JSON)


def is_refusal(error: ToAPIsError) -> bool:
    """Whether the same request would be refused again: its content or its parameters."""
    if isinstance(error, GenerationFailed):
        reason = f"{error.code or ''} {error.what}".lower()
        return "policy" in reason or "moderation" in reason
    return isinstance(error, PolicyRefused) or error.http_status == 400


def _given_up(attempt: Attempt) -> GenerationFailed:
    return GenerationFailed(
        f"attempt {attempt.attempt} was {attempt.state}: {attempt.failure} "
        '(settings.retry_failed="all" tries it again)',
        business_id=attempt.business_id,
    )


def _content(attempt: Attempt) -> bytes:
    return attempt.model_dump_json(indent=1, exclude_none=True).encode()
