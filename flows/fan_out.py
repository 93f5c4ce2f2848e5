"""Every shot on its way at once, under a bound, none able to stop another."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from prefect.logging import get_run_logger

from prefect_toapis.batches.errors import StoreError
from prefect_toapis.batches.events import shot_failed, shot_stored
from prefect_toapis.batches.generation import Generation
from prefect_toapis.batches.manifest import StoredShot, StoredVideo, Unstored, shot_key
from prefect_toapis.batches.plan import Shot
from prefect_toapis.batches.progress import Progress, showing
from prefect_toapis.batches.reports import still_under_way
from prefect_toapis.client.errors import (
    InsufficientBalance,
    ResultExpired,
    ToAPIsError,
    Unauthorized,
    WebhookNotConfigured,
)
from prefect_toapis.flows.interpreter import made_for_many_shots
from prefect_toapis.flows.preflight import Ready
from prefect_toapis.flows.publishing import tell
from prefect_toapis.flows.run_tasks import Step
from prefect_toapis.flows.unkept_results import unkept_results
from prefect_toapis.tasks.download import download_video
from prefect_toapis.tasks.poll import poll_video
from prefect_toapis.tasks.submit import submit_video

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
        unstored: Filled with the reason for each shot that could not be stored, by its id.
        stored: Filled with what `shot.json` says of each shot that was stored, by its key.
    """

    ready: Ready
    progress: Progress
    lacking: Mapping[str, ToAPIsError] = field(default_factory=dict)
    unstored: dict[str, Unstored] = field(default_factory=dict)
    stored: dict[str, StoredShot] = field(default_factory=dict)

    _turns: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(SUBMITTED_AT_ONCE), init=False
    )
    _stopped: ToAPIsError | None = None

    async def run(self) -> None:
        """Make every shot that isn't stored; returns when each has ended."""
        settings = self.ready.spec.settings
        self.progress.batch = self.ready.batch
        in_flight = asyncio.Semaphore(settings.max_in_flight)
        downloads = asyncio.Semaphore(settings.downloads_at_once)
        tasks = self.ready.tasks
        steps = Steps(tasks.bind(submit_video), tasks.bind(poll_video), tasks.bind(download_video))

        async def make(shot: Shot) -> None:
            async with in_flight:
                await self._make(shot, steps, downloads)

        for shot in self.ready.shots:
            stored = self.ready.inventory.has(shot)
            self.progress.set(shot.label, "stored" if stored else "waiting")
        for shot in self.ready.to_buy:
            if error := self.lacking.get(shot.shot_id):
                self._note(shot, error)
        to_buy = [shot for shot in self.ready.to_buy if shot.shot_id not in self.lacking]
        try:
            with unkept_results(), showing(self.progress), made_for_many_shots():
                await asyncio.gather(*map(make, to_buy))
        except BaseException:  # cancelled, or told to end: no shot's own error comes to here
            self._tell_what_goes_on()
            raise

    def _tell_what_goes_on(self) -> None:
        """Cancelling stops waiting, not billing."""
        if under_way := self.progress.under_way:
            said = still_under_way(self.ready.batch, under_way)
            get_run_logger().warning("%s", said, extra={"under_way": len(under_way)})

    async def _make(self, shot: Shot, steps: Steps, downloads: asyncio.Semaphore) -> None:
        try:
            try:
                await self._bring(shot, steps, downloads)
            except ResultExpired:
                if self.ready.spec.settings.on_expired == "stop":
                    raise
                await self._bring(shot, steps, downloads)  # it is recorded: this buys it anew
        except _NothingMore as refused:
            reason = f"not submitted, because the account was refused: {refused}"
            self.unstored[shot.shot_id] = Unstored(status="planned", reason=reason)
        except ToAPIsError as error:
            self._note(shot, error)
        except Exception as error:  # noqa: BLE001 - Prefect's own faults must not stop the others
            get_run_logger().exception("%s: unexpected", shot.label)
            reason = f"{type(error).__name__}: run the batch again to go on with it"
            self.unstored[shot.shot_id] = Unstored(status="open", reason=reason)
            self.progress.set(shot.label, "open")

    async def _bring(self, shot: Shot, steps: Steps, downloads: asyncio.Semaphore) -> None:
        """Submit, wait and store."""
        generation = await self._submit(shot, steps)
        self.progress.under_way[shot.label] = generation.task_id
        self.progress.set(shot.label, "queued")
        generation = await steps.poll(generation)
        async with downloads:
            self.progress.set(shot.label, "storing")
            videos = await steps.download(generation)
        self.progress.set(shot.label, "stored")
        self.progress.under_way.pop(shot.label, None)
        if done := self.progress.done.pop(shot.shot_id, None):
            self.stored[shot_key(shot)] = done
        tell(shot_stored(shot, self.ready.uri, videos))

    async def _submit(self, shot: Shot, steps: Steps) -> Generation:
        """Submit when it is its turn: hundreds at once would only wait for each other."""
        async with self._turns:
            if self._stopped:
                raise _NothingMore(self._stopped.what)
            return await steps.submit(shot)

    def _note(self, shot: Shot, error: ToAPIsError) -> None:
        self.progress.under_way.pop(shot.label, None)
        stops = isinstance(error, (Unauthorized, InsufficientBalance, WebhookNotConfigured))
        if stops and not self._stopped:
            self._stopped = error
            get_run_logger().error("Nothing more is submitted: %s", error)
        status: Literal["failed", "open", "planned"] = "planned" if stops else "failed"
        if error.money != "not spent" or isinstance(error, StoreError):  # a record may exist
            status = "failed" if isinstance(error, ResultExpired) else "open"
        why = Unstored(
            status=status,
            reason=str(error),
            task_id=error.task_id,
            business_id=error.business_id,
        )
        self.unstored[shot.shot_id] = why
        self.progress.set(shot.label, "waiting" if status == "planned" else status)
        if status == "failed":
            tell(shot_failed(shot, self.ready.uri, why))
