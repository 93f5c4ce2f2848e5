"""The gallery of a running batch: page and artifact grow as videos arrive, a few times."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from prefect_toapis.flows.batch import Batch
from prefect_toapis.flows.outcomes import Outcomes
from prefect_toapis.flows.progress import best_effort, shown_progress
from prefect_toapis.flows.publish import show_gallery, write_gallery

_UPDATES = 10  # of a batch of any size, at most: a page has all rows, and may have megabytes
_MIN_SECONDS = 30  # between updates
_CHECK_SECONDS = 2


@asynccontextmanager
async def growing_gallery(batch: Batch, outcomes: Outcomes) -> AsyncIterator[None]:
    """Show the videos that are stored while a batch is made, in its page and gallery artifact.

    Errors are only logged. An update that is under way at the end is waited for, so that it
    doesn't overwrite the page of the finished batch.

    Args:
        batch: The batch.
        outcomes: Of the run; read for each update.
    """
    growth = _Growth(batch, outcomes, _Updates(len(batch.shots), len(outcomes.stored)))
    updates = asyncio.create_task(growth.run())
    try:
        yield
    finally:
        growth.ended.set()
        await asyncio.gather(updates, return_exceptions=True)


@dataclass
class _Updates:
    """When to show a batch again.

    Args:
        shots: Number of shots in the batch.
        stored: How many of them were stored at the last update.
        at: When that was, by a clock in seconds; None: there was none.
    """

    shots: int
    stored: int
    at: float | None = None

    def is_due(self, stored: int, now: float) -> bool:
        """Return whether enough videos and time have come since the last update."""
        enough = (stored - self.stored) * _UPDATES >= self.shots and stored > self.stored
        return enough and (self.at is None or now - self.at >= _MIN_SECONDS)


@dataclass
class _Growth:
    batch: Batch
    outcomes: Outcomes
    updates: _Updates
    posters: dict[str, bytes] = field(default_factory=dict)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while not self.ended.is_set():
            stored, now = len(self.outcomes.stored), self.batch.progress.clock()
            if self.updates.is_due(stored, now):
                self.updates = _Updates(self.updates.shots, stored, now)
                with best_effort("The gallery doesn't show the latest videos yet"):
                    await self._show()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.ended.wait(), _CHECK_SECONDS)

    async def _show(self) -> None:
        manifest = self.outcomes.so_far(self.batch)
        await write_gallery(self.batch.bucket, manifest)
        status = shown_progress(self.batch.progress, self.batch.settings)
        await show_gallery(self.batch, manifest, self.posters, status)
