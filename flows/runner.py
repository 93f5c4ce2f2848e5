"""Runs the shots of a batch concurrently: each is submitted, polled and downloaded."""

import asyncio
from collections.abc import Callable
from typing import Literal

from prefect.logging import get_run_logger
from prefect.utilities.annotations import opaque, quote

from prefect_toapis.blocks.prefect_internals import without_result_storage
from prefect_toapis.client.errors import (
    ACCOUNT_REFUSED,
    APIError,
    GenerationFailed,
    InvalidRequest,
    Money,
    NotFound,
    ResultExpired,
    ToAPIsError,
)
from prefect_toapis.client.replies import Reply
from prefect_toapis.errors import StoreError, StoreMissing
from prefect_toapis.flows.batch import Batch
from prefect_toapis.flows.interpreter_tuning import tuned_interpreter
from prefect_toapis.flows.outcomes import BUCKET_LOST, Outcomes
from prefect_toapis.flows.publish import emit
from prefect_toapis.flows.repairs import rebuild_shot
from prefect_toapis.flows.telemetry import (
    count_failed,
    count_stored,
    count_submitted,
    end_span,
    priced_in,
    shot_span,
    step_span,
    waiting,
)
from prefect_toapis.planning.plan import Shot
from prefect_toapis.records.generations import Generation
from prefect_toapis.records.layout import shot_key
from prefect_toapis.records.stored_shots import StoredShot, Unstored
from prefect_toapis.reports.artifacts import still_under_way
from prefect_toapis.reports.events import shot_failed, shot_remarked, shot_stored
from prefect_toapis.tasks.download import download_in_run
from prefect_toapis.tasks.poll import poll_in_run
from prefect_toapis.tasks.submit import submit_in_run

_Status = Literal["failed", "open", "planned"]

_LOST = (ResultExpired, GenerationFailed, NotFound)  # the provider has no further results

SUBMITTED_AT_ONCE = 64  # enough for 33 submissions per second, each with two writes to S3


async def run_shots(
    batch: Batch, outcomes: Outcomes, until: Literal["submit", "download"] = "download"
) -> None:
    """Make every shot of a batch that isn't stored; a failed shot doesn't affect the others.

    Args:
        batch: Its progress is updated.
        outcomes: Updated with the outcome of each shot.
        until: The last step of each shot: "submit" doesn't wait for the generation.
    """
    await _Runner(batch, outcomes, until).run()


def money_of(error: ToAPIsError, generation: Generation | None, *, submitted: bool) -> Money:
    """Return whether money was spent on a failed shot.

    Args:
        error: Why it failed.
        generation: Its accepted submission, in this run or an earlier one.
        submitted: Whether an earlier run may have submitted it.
    """
    if isinstance(error, GenerationFailed):  # the provider doesn't charge for it ([D])
        return "not spent"
    if generation:
        return "spent"
    if isinstance(error, StoreError) and error.money == "not spent" and submitted:
        return "maybe spent"  # its record could not be read
    return error.money


def status_of(error: ToAPIsError) -> _Status:
    """Return the status of a failed shot: no video, open, or not submitted."""
    if error.money != "not spent" or isinstance(error, StoreError):  # a record may exist
        return "failed" if isinstance(error, ResultExpired) else "open"
    return "planned" if isinstance(error, ACCOUNT_REFUSED) else "failed"


class _SubmissionsHalted(Exception):
    """The account was refused, so further shots are not submitted."""


class _Runner:
    def __init__(
        self, batch: Batch, outcomes: Outcomes, until: Literal["submit", "download"]
    ) -> None:
        settings = batch.settings
        self._batch, self._outcomes, self._until = batch, outcomes, until
        self._progress = batch.progress
        self._submit = batch.bind(submit_in_run)
        self._poll = batch.bind(poll_in_run)
        self._download = batch.bind(download_in_run)
        self._in_flight = asyncio.Semaphore(settings.limits.max_in_flight)
        self._submissions = asyncio.Semaphore(SUBMITTED_AT_ONCE)
        self._downloads = asyncio.Semaphore(settings.limits.concurrent_downloads)
        self._prices = priced_in(settings)
        self._expired: dict[str, str] = {}  # task ids of results that expired, by shot id

    async def run(self) -> None:
        batch = self._batch
        self._progress.batch, self._progress.under_way = batch.name, self._under_way
        batch.start_progress()
        for shot in batch.to_buy:
            if error := batch.blocked.get(shot.shot_id):
                self._record_failure(shot, error)
            elif error := batch.unprepared.get(shot.shot_id):
                self._record_unprepared(shot, error)
        excluded = {*batch.blocked, *batch.unprepared}
        to_buy = [shot for shot in batch.to_buy if shot.shot_id not in excluded]
        try:
            with without_result_storage(), tuned_interpreter():
                await asyncio.gather(*map(self._make, to_buy))
        except BaseException:  # cancelled or terminated; errors of shots are recorded
            self._log_under_way()
            raise

    def _log_under_way(self) -> None:
        """Warn that cancelling doesn't stop generations that are already paid."""
        if under_way := self._under_way():
            message = still_under_way(self._batch.name, under_way)
            get_run_logger().warning("%s", message, extra={"under_way": len(under_way)})

    def _under_way(self) -> dict[str, str]:
        accepted = self._outcomes.accepted
        return {
            shot.label: generation.task_id
            for shot in self._batch.shots
            if (generation := accepted.get(shot.shot_id))
        }

    async def _make(self, shot: Shot) -> None:
        async with self._in_flight:
            with shot_span(shot) as span:
                await self._run_to_outcome(shot)
                end_span(span, self._outcomes.unstored.get(shot.shot_id))

    async def _run_to_outcome(self, shot: Shot) -> None:
        try:
            await self._run_or_buy_again(shot)
        except _SubmissionsHalted as refused:
            reason = f"not submitted, because the account was refused: {refused}"
            self._record_unstored(
                shot, Unstored(status="planned", reason=reason, money="not spent")
            )
        except ToAPIsError as error:
            self._record_failure(shot, error)
        except Exception as error:  # noqa: BLE001 - an unexpected error must not stop the others
            get_run_logger().exception("%s: unexpected", shot.label)
            self._record_unexpected(shot, error)

    async def _run_or_buy_again(self, shot: Shot) -> None:
        try:
            await self._run_or_rebuild(shot)
        except ResultExpired:
            if self._batch.settings.purchases.on_expired == "stop":
                raise
            self._expired[shot.shot_id] = self._outcomes.accepted.pop(shot.shot_id).task_id
            await self._run_shot(shot)  # buys it again, as its expiry is recorded

    async def _run_or_rebuild(self, shot: Shot) -> None:
        """Run a shot; if that fails, rebuild it from videos in the bucket."""
        try:
            await self._run_candidates(shot)
        except ToAPIsError as error:
            if isinstance(error, StoreError) or not self._batch.inventory.has_files(shot):
                raise
            done = await rebuild_shot(self._batch, shot, in_part=isinstance(error, _LOST))
            if done is None:
                raise
            self._record_stored(shot, done)

    async def _run_candidates(self, shot: Shot) -> None:
        """Run a shot; while a model refuses or fails to make it, with the next of its fallbacks.

        The record determines which one is sent, so that an earlier run's failures count.
        """
        for _ in shot.fallbacks:
            if await self._is_made(shot):
                return
        await self._run_shot(shot)

    async def _is_made(self, shot: Shot) -> bool:
        """Run a shot that has fallbacks; return False if it certainly bought nothing."""
        try:
            await self._run_shot(shot)
        except GenerationFailed as error:
            self._outcomes.accepted.pop(shot.shot_id, None)
            get_run_logger().warning("%s Its next fallback is tried.", error)
        except (APIError, InvalidRequest) as error:
            accepted = shot.shot_id in self._outcomes.accepted
            if accepted or isinstance(error, ACCOUNT_REFUSED) or error.money != "not spent":
                raise
            get_run_logger().warning("%s Its next fallback is tried.", error)
        else:
            return True
        return False

    async def _run_shot(self, shot: Shot) -> None:
        """Submit a shot; then wait for its generation and store it, unless only submitting."""
        generation = await self._submitted(shot)
        self._outcomes.accept(shot, generation)
        if self._until == "submit":
            self._record_rendering(shot, generation)
            return
        self._progress.set(shot.label, "queued")
        # Prefect searches parameters for results of other tasks: not in what is quoted, and in
        # what is opaque only the object itself, by which it links the steps of a shot.
        on_reply = quote(self._update_on_reply(generation.label))
        with step_span("wait"), waiting(shot.request.model):
            generation = await self._poll(opaque(generation), on_reply=on_reply)
        async with self._downloads:
            self._progress.set(shot.label, "storing")
            with step_span("store"):
                done = await self._download(opaque(generation))
        self._record_stored(shot, done)

    async def _submitted(self, shot: Shot) -> Generation:
        """Submit a shot, with a limited number of concurrent submissions."""
        async with self._submissions:
            if stopped := self._outcomes.stopped:
                raise _SubmissionsHalted(f"{stopped.message}. {stopped.advice}")
            with step_span("submit"):
                submission = await self._submit(quote(shot))
        generation = submission.generation
        if submission.bought_now:
            self._progress.bought.add(shot.label)
            count_submitted((generation.shot or shot).request, self._prices)
        return generation

    def _update_on_reply(self, label: str) -> Callable[[Reply], None]:
        """Return a callback that updates the progress of a shot."""

        def update(reply: Reply) -> None:
            rendering = reply.status == "in_progress"
            self._progress.set(label, "rendering" if rendering else "queued", reply.progress or 0)

        return update

    def _record_stored(self, shot: Shot, done: StoredShot) -> None:
        self._outcomes.accepted.pop(shot.shot_id, None)
        self._outcomes.stored[shot_key(shot)] = done
        self._progress.set(shot.label, "stored")
        count_stored(shot.request.model)
        emit(shot_stored(shot, self._batch.uri, done.videos))
        if remarked := shot_remarked(shot, self._batch.uri, done.videos):
            emit(remarked)

    def _record_rendering(self, shot: Shot, generation: Generation) -> None:
        self._outcomes.rendering.add(shot.shot_id)
        self._outcomes.unstored[shot.shot_id] = Unstored(
            status="open",
            reason=f"it renders as {generation.task_id}; collect-batch stores it then",
            task_id=generation.task_id,
            business_id=generation.business_id,
            money="spent",
        )
        self._progress.set(shot.label, "open")

    def _record_unprepared(self, shot: Shot, error: ToAPIsError) -> None:
        """Record a shot that was not submitted; spending on its character is not counted here."""
        self._stop_for(error)
        self._outcomes.causes[shot.shot_id] = error.message
        money: Money = "maybe spent" if self._batch.inventory.was_submitted(shot) else "not spent"
        why = Unstored(
            status=status_of(error),
            reason=str(error),
            business_id=error.business_id,
            reply=error.reply,
            money=money,
        )
        self._record_unstored(shot, why)

    def _record_failure(self, shot: Shot, error: ToAPIsError) -> None:
        self._stop_for(error)
        self._outcomes.causes[shot.shot_id] = error.message
        generation = self._outcomes.accepted.pop(shot.shot_id, None)
        if generation:
            error.add_context(
                task_id=error.task_id or generation.task_id,
                business_id=error.business_id or generation.business_id,
            )
        submitted = self._batch.inventory.was_submitted(shot)
        error.add_context(money=money_of(error, generation, submitted=submitted))
        if isinstance(error, StoreMissing):
            error.add_context(advice=BUCKET_LOST)
        why = Unstored(
            status=status_of(error),
            reason=str(error),
            task_id=error.task_id,
            business_id=error.business_id,
            reply=error.reply,
            money=error.money,
        )
        self._record_unstored(shot, why)

    def _stop_for(self, error: ToAPIsError) -> None:
        """Stop further submissions if the account itself was refused."""
        if isinstance(error, ACCOUNT_REFUSED) and not self._outcomes.stopped:
            self._outcomes.stopped = error
            get_run_logger().error("Nothing more is submitted: %s", error)

    def _record_unexpected(self, shot: Shot, error: Exception) -> None:
        generation = self._outcomes.accepted.pop(shot.shot_id, None)
        reason = f"{type(error).__name__}: run the batch again to go on with it"
        why = Unstored(status="open", reason=reason, money="maybe spent")
        if generation:
            ids = {"task_id": generation.task_id, "business_id": generation.business_id}
            why = why.model_copy(update={**ids, "money": "spent"})
        self._record_unstored(shot, why)

    def _record_unstored(self, shot: Shot, why: Unstored) -> None:
        if gone := self._batch.broken.get(shot_key(shot)):
            why = why.model_copy(update={"reason": f"{gone}. {why.reason}", "money": "spent"})
        if expired := self._expired.get(shot.shot_id):
            lost = f"{why.reason} Before it, generation {expired} was paid, and expired."
            why = why.model_copy(update={"reason": lost, "money": "spent"})
        self._outcomes.unstored[shot.shot_id] = why
        self._progress.set(shot.label, "waiting" if why.status == "planned" else why.status)
        if why.status == "failed":
            count_failed(shot.request.model)
            emit(shot_failed(shot, self._batch.uri, why))
