"""Every shot on its way at once, under a bound, none able to stop another."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from prefect.logging import get_run_logger

from prefect_toapis.batches.errors import StoreError
from prefect_toapis.batches.generation import Generation
from prefect_toapis.batches.manifest import StoredVideo, Unstored
from prefect_toapis.batches.plan import Shot
from prefect_toapis.batches.progress import Progress
from prefect_toapis.batches.spec import RunSettings
from prefect_toapis.client.errors import InsufficientBalance, ToAPIsError, Unauthorized
from prefect_toapis.flows.preflight import Ready
from prefect_toapis.tasks import download_video, poll_video, submit_video


@dataclass
class FanOut:
    """The shots of one run.

    Args:
        ready: The batch.
        settings: Bounds and delays.
        progress: Told where every shot is.
        uncast: Why the characters of some shots could not be made, by the shots' ids.
        unstored: Filled with the reason for each shot that could not be stored, by its id.
    """

    ready: Ready
    settings: RunSettings
    progress: Progress
    uncast: Mapping[str, ToAPIsError] = field(default_factory=dict)
    unstored: dict[str, Unstored] = field(default_factory=dict)

    _stopped: ToAPIsError | None = None

    async def run(self) -> None:
        """Make every shot that isn't stored; returns when each has ended."""
        in_flight = asyncio.Semaphore(self.settings.max_in_flight)
        downloads = asyncio.Semaphore(self.settings.downloads_at_once)
        steps = _Steps(self.ready, self.settings)

        async def make(shot: Shot) -> None:
            async with in_flight:
                await self._make(shot, steps, downloads)

        for shot in self.ready.shots:
            stored = self.ready.inventory.has(shot)
            self.progress.set(shot.label, "stored" if stored else "waiting")
        for shot in self.ready.to_buy:
            if error := self.uncast.get(shot.shot_id):
                self._note(shot, error)
        to_buy = [shot for shot in self.ready.to_buy if shot.shot_id not in self.uncast]
        await asyncio.gather(*map(make, to_buy))

    async def _make(self, shot: Shot, steps: "_Steps", downloads: asyncio.Semaphore) -> None:
        if self._stopped:
            reason = f"not submitted, because the account was refused: {self._stopped.what}"
            self.unstored[shot.shot_id] = Unstored(status="planned", reason=reason)
            return
        try:
            generation = await steps.submit(shot)
            self.progress.set(shot.label, "queued")
            generation = await steps.poll(generation)
            async with downloads:
                self.progress.set(shot.label, "storing")
                await steps.download(generation)
            self.progress.set(shot.label, "stored")
        except ToAPIsError as error:
            self._note(shot, error)
        except Exception as error:  # noqa: BLE001 - Prefect's own faults must not stop the others
            get_run_logger().exception("%s: unexpected", shot.label)
            reason = f"{type(error).__name__}: run the batch again to go on with it"
            self.unstored[shot.shot_id] = Unstored(status="open", reason=reason)
            self.progress.set(shot.label, "open")

    def _note(self, shot: Shot, error: ToAPIsError) -> None:
        stops = isinstance(error, (Unauthorized, InsufficientBalance))
        if stops and not self._stopped:
            self._stopped = error
            get_run_logger().error("Nothing more is submitted: %s", error)
        status: Literal["failed", "open", "planned"] = "planned" if stops else "failed"
        if error.money != "not spent" or isinstance(error, StoreError):  # a record may exist
            status = "open"
        self.unstored[shot.shot_id] = Unstored(
            status=status,
            reason=str(error),
            task_id=error.task_id,
            business_id=error.business_id,
        )
        self.progress.set(shot.label, "waiting" if status == "planned" else status)


class _Steps:
    """The tasks, with this run's blocks and retries."""

    def __init__(self, ready: Ready, settings: RunSettings) -> None:
        delays = settings.task_retry_delays_seconds
        retries: dict[str, Any] = {"retries": len(delays), "retry_delay_seconds": delays}
        blocks: dict[str, Any] = {
            "credentials": ready.credentials,
            "bucket": ready.bucket,
            "settings": settings,
        }
        submit = submit_video.with_options(**retries)
        poll = poll_video.with_options(**retries)
        download = download_video.with_options(**retries)
        self.submit: Callable[[Shot], Awaitable[Generation]] = lambda s: submit(s, **blocks)
        self.poll: Callable[[Generation], Awaitable[Generation]] = lambda g: poll(g, **blocks)
        self.download: Callable[[Generation], Awaitable[list[StoredVideo]]] = lambda g: download(
            g, **blocks
        )
