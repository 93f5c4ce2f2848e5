"""While a batch runs: its progress as an artifact, and now and then a line in the log."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact
from prefect.logging import get_run_logger

from prefect_toapis.batches.forecast import seconds_left
from prefect_toapis.batches.naming import slug
from prefect_toapis.batches.progress import Progress
from prefect_toapis.batches.spec import RunSettings
from prefect_toapis.flows.best_effort import best_effort

_EVERY_SECONDS = 5
_LINES = 10  # in the log, for a batch of any size
_WORTH_A_LINE = 10  # shots: the lines of a smaller batch's shots say it already


@asynccontextmanager
async def watched(progress: Progress, batch: str, settings: RunSettings) -> AsyncIterator[None]:
    """Show a batch's progress in the Prefect UI while its shots are made.

    One artifact for the batch, changed every few seconds at most, and never one for a shot or a
    status query. The videos matter more: where Prefect can't be told, the batch goes on.

    Args:
        progress: Where the shots are.
        batch: The batch's name.
        settings: `max_in_flight`, and the `time_zone` of the expected end.
    """
    watch = _Watch(progress, settings, f"progress-{slug(batch)}")
    watching = asyncio.create_task(watch.run())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await watch.show()


@dataclass
class _Watch:
    progress: Progress
    settings: RunSettings
    key: str
    artifact: UUID | None = None
    shown: str = ""
    logged: int = 0

    async def run(self) -> None:
        while True:
            await self.show()
            self._log()
            await asyncio.sleep(_EVERY_SECONDS)

    async def show(self) -> None:
        with best_effort("Prefect can't show the progress"):
            words = self._in_words()
            if words == self.shown:
                return
            self.shown = words
            percent = 100 * self.progress.ended / max(len(self.progress.phases), 1)
            if self.artifact is None:
                self.artifact = await acreate_progress_artifact(percent, self.key, words)
            else:
                await aupdate_progress_artifact(self.artifact, percent, words)

    def _log(self) -> None:
        total = len(self.progress.phases)
        tenth = self.progress.ended * _LINES // max(total, 1)
        if total >= _WORTH_A_LINE and tenth > self.logged:
            self.logged = tenth
            get_run_logger().info("%s", self.shown)

    def _in_words(self) -> str:
        left = seconds_left(self.progress, self.progress.clock(), self.settings.max_in_flight)
        if left is None or self.progress.ended == len(self.progress.phases):
            return self.progress.in_words
        end = datetime.now(ZoneInfo(self.settings.time_zone)) + timedelta(seconds=left)
        return f"{self.progress.in_words}; expected end {end:%H:%M %Z}"
