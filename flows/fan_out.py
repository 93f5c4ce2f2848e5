"""Every shot on its way at once, under a bound, none able to stop another."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from prefect.logging import get_run_logger

from prefect_toapis.batches.errors import StoreError, StoreMissing
from prefect_toapis.batches.events import shot_failed, shot_stored
from prefect_toapis.batches.generation import Generation
from prefect_toapis.batches.manifest import StoredVideo, Unstored, shot_key
from prefect_toapis.batches.plan import Shot
from prefect_toapis.batches.progress import Progress, showing
from prefect_toapis.batches.reports import still_under_way
from prefect_toapis.client.errors import (
    ACCOUNT_REFUSED,
    GenerationFailed,
    Money,
    NotFound,
    ResultExpired,
    ToAPIsError,
)
from prefect_toapis.flows.interpreter import made_for_many_shots
from prefect_toapis.flows.outcomes import BUCKET_LOST, Outcomes
from prefect_toapis.flows.preflight import Ready
from prefect_toapis.flows.publishing import tell
from prefect_toapis.flows.rebuild import rebuild_shot
from prefect_toapis.flows.run_tasks import Step
from prefect_toapis.flows.unkept_results import unkept_results
from prefect_toapis.tasks.download import download_video
from prefect_toapis.tasks.poll import poll_video
from prefect_toapis.tasks.submit import submit_video

_Status = Literal["failed", "open", "planned"]

_LOST = (ResultExpired, GenerationFailed, NotFound)  # the provider will not give more later

SUBMITTED_AT_ONCE = 64  # enough for the largest account's 33 a second, each with two writes to S3


class Steps(NamedTuple):
    """The tasks that a shot goes through."""

    submit: Step[Generation]
    poll: Step[Generation]
    download: Step[list[StoredVideo]]


class _NothingMore(Exception):
    """The account was refused, and a shot whose turn came later is not submitted."""


@dataclass
class FanOut:
    """The shots of one run.

    Args:
        ready: The batch.
        progress: Told where every shot is.
        lacking: Why some shots lack a character or a file, by the shots' ids.
        outcomes: Filled with what becomes of the shots.
    """

    ready: Ready
    progress: Progress
    lacking: Mapping[str, ToAPIsError] = field(default_factory=dict)
    outcomes: Outcomes = field(default_factory=Outcomes)

    _turns: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(SUBMITTED_AT_ONCE), init=False
    )
    _stopped: ToAPIsError | None = None
    _expired: dict[str, str] = field(default_factory=dict)  # task ids of what was bought anew

    async def run(self) -> None:
        """Make every shot that isn't stored; returns when each has ended."""
        settings = self.ready.spec.settings
        self.progress.batch, self.progress.under_way = self.ready.batch, self._under_way
        in_flight = asyncio.Semaphore(settings.max_in_flight)
        downloads = asyncio.Semaphore(settings.downloads_at_once)
        tasks = self.ready.tasks
        steps = Steps(tasks.bind(submit_video), tasks.bind(poll_video), tasks.bind(download_video))

        async def make(shot: Shot) -> None:
            async with in_flight:
                await self._make(shot, steps, downloads)

        for shot in self.ready.shots:
            stored = self.ready.inventory.is_stored(shot)
            self.progress.set(shot.label, "stored" if stored else "waiting")
        blocked = self.ready.blocked
        for shot in self.ready.to_buy:
            if error := blocked.get(shot.shot_id):
                self._note(shot, error)
            elif error := self.lacking.get(shot.shot_id):
                self._note_lacking(shot, error)
        kept_back = {*blocked, *self.lacking}
        to_buy = [shot for shot in self.ready.to_buy if shot.shot_id not in kept_back]
        try:
            with unkept_results(), showing(self.progress), made_for_many_shots():
                await asyncio.gather(*map(make, to_buy))
        except BaseException:  # cancelled, or told to end: no shot's own error comes to here
            self._tell_what_goes_on()
            raise

    @property
    def stopped(self) -> ToAPIsError | None:
        """Why nothing more was submitted; None if all was."""
        return self._stopped

    def _tell_what_goes_on(self) -> None:
        """Cancelling stops waiting, not billing."""
        if under_way := self._under_way():
            said = still_under_way(self.ready.batch, under_way)
            get_run_logger().warning("%s", said, extra={"under_way": len(under_way)})

    def _under_way(self) -> dict[str, str]:
        accepted = self.outcomes.accepted
        return {
            shot.label: generation.task_id
            for shot in self.ready.shots
            if (generation := accepted.get(shot.shot_id))
        }

    async def _make(self, shot: Shot, steps: Steps, downloads: asyncio.Semaphore) -> None:
        try:
            try:
                await self._bring_or_rebuild(shot, steps, downloads)
            except ResultExpired:
                if self.ready.spec.settings.on_expired == "stop":
                    raise
                self._expired[shot.shot_id] = self.outcomes.accepted.pop(shot.shot_id).task_id
                await self._bring(shot, steps, downloads)  # it is recorded: this buys it anew
        except _NothingMore as refused:
            reason = f"not submitted, because the account was refused: {refused}"
            self._keep(shot, Unstored(status="planned", reason=reason, money="not spent"))
        except ToAPIsError as error:
            self._note(shot, error)
        except Exception as error:  # noqa: BLE001 - Prefect's own faults must not stop the others
            get_run_logger().exception("%s: unexpected", shot.label)
            self._note_unexpected(shot, error)

    async def _bring_or_rebuild(
        self, shot: Shot, steps: Steps, downloads: asyncio.Semaphore
    ) -> None:
        """Submit, wait and store, or make do with what the bucket has of it."""
        try:
            await self._bring(shot, steps, downloads)
        except ToAPIsError as error:
            if isinstance(error, StoreError) or not self.ready.inventory.has_files(shot):
                raise
            done = await rebuild_shot(self.ready, shot, in_part=isinstance(error, _LOST))
            if done is None:
                raise
            self.outcomes.accepted.pop(shot.shot_id, None)
            self.outcomes.stored[shot_key(shot)] = done
            self.progress.set(shot.label, "stored")
            tell(shot_stored(shot, self.ready.uri, done.videos))

    async def _bring(self, shot: Shot, steps: Steps, downloads: asyncio.Semaphore) -> None:
        """Submit, wait and store."""
        generation = await self._submit(shot, steps)
        self.outcomes.accept(shot, generation)
        self.progress.set(shot.label, "queued")
        generation = await steps.poll(generation)
        async with downloads:
            self.progress.set(shot.label, "storing")
            videos = await steps.download(generation)
        self.progress.set(shot.label, "stored")
        self.outcomes.accepted.pop(shot.shot_id, None)
        if done := self.progress.done.pop(shot.shot_id, None):
            self.outcomes.stored[shot_key(shot)] = done
        tell(shot_stored(shot, self.ready.uri, videos))

    async def _submit(self, shot: Shot, steps: Steps) -> Generation:
        """Submit when it is its turn: hundreds at once would only wait for each other."""
        async with self._turns:
            if self._stopped:
                raise _NothingMore(f"{self._stopped.what}. {self._stopped.advice}")
            return await steps.submit(shot)

    def _note_lacking(self, shot: Shot, error: ToAPIsError) -> None:
        """A shot that was not submitted: what was spent on its character is the character's."""
        self._stop_for(error)
        money: Money = "maybe spent" if self.ready.inventory.was_submitted(shot) else "not spent"
        why = Unstored(
            status=status_of(error),
            reason=str(error),
            business_id=error.business_id,
            reply=error.reply,
            money=money,
        )
        self._keep(shot, why)

    def _note(self, shot: Shot, error: ToAPIsError) -> None:
        self._stop_for(error)
        generation = self.outcomes.accepted.pop(shot.shot_id, None)
        if generation:
            error.about(
                task_id=error.task_id or generation.task_id,
                business_id=error.business_id or generation.business_id,
            )
        error.about(
            money=money_of(error, generation, known=self.ready.inventory.was_submitted(shot))
        )
        if isinstance(error, StoreMissing):
            error.about(advice=BUCKET_LOST)
        why = Unstored(
            status=status_of(error),
            reason=str(error),
            task_id=error.task_id,
            business_id=error.business_id,
            reply=error.reply,
            money=error.money,
        )
        self._keep(shot, why)

    def _stop_for(self, error: ToAPIsError) -> None:
        """Where the account itself is refused, the shots whose turn comes later would be, too."""
        if isinstance(error, ACCOUNT_REFUSED) and not self._stopped:
            self._stopped = error
            get_run_logger().error("Nothing more is submitted: %s", error)

    def _note_unexpected(self, shot: Shot, error: Exception) -> None:
        generation = self.outcomes.accepted.pop(shot.shot_id, None)
        reason = f"{type(error).__name__}: run the batch again to go on with it"
        why = Unstored(status="open", reason=reason, money="maybe spent")
        if generation:
            ids = {"task_id": generation.task_id, "business_id": generation.business_id}
            why = why.model_copy(update={**ids, "money": "spent"})
        self._keep(shot, why)

    def _keep(self, shot: Shot, why: Unstored) -> None:
        if gone := self.ready.broken.get(shot_key(shot)):
            why = why.model_copy(update={"reason": f"{gone}. {why.reason}", "money": "spent"})
        if expired := self._expired.get(shot.shot_id):
            lost = f"{why.reason} Before it, generation {expired} was paid, and expired."
            why = why.model_copy(update={"reason": lost, "money": "spent"})
        self.outcomes.unstored[shot.shot_id] = why
        self.progress.set(shot.label, "waiting" if why.status == "planned" else why.status)
        if why.status == "failed":
            tell(shot_failed(shot, self.ready.uri, why))


def money_of(error: ToAPIsError, generation: Generation | None, *, known: bool) -> Money:
    """What a shot cost that an error ended, whatever the error itself knows of it.

    Args:
        error: What happened.
        generation: What the shot's submission was accepted as, in this run or before.
        known: Whether the bucket has anything of the shot, of an earlier run.
    """
    if isinstance(error, GenerationFailed):  # the provider doesn't charge for it ([D])
        return "not spent"
    if generation:
        return "spent"
    if isinstance(error, StoreError) and error.money == "not spent" and known:
        return "maybe spent"  # its record could not be read
    return error.money


def status_of(error: ToAPIsError) -> _Status:
    """How a shot stands that an error ended: surely without a video, open, or not submitted."""
    if error.money != "not spent" or isinstance(error, StoreError):  # a record may exist
        return "failed" if isinstance(error, ResultExpired) else "open"
    return "planned" if isinstance(error, ACCOUNT_REFUSED) else "failed"
