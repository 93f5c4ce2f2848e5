"""Shots stored with fewer videos than were ordered: the rest is asked for, never bought."""

import asyncio
from dataclasses import dataclass

from prefect.logging import get_run_logger

from prefect_toapis.batches.generation import Generation
from prefect_toapis.batches.identity import FOLDER_ID
from prefect_toapis.batches.inventory import SHOT_FILE
from prefect_toapis.batches.manifest import StoredShot
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.flows.preflight import Ready
from prefect_toapis.flows.stored_shots import read_stored
from prefect_toapis.flows.surveying import Survey
from prefect_toapis.tasks.download import download_video
from prefect_toapis.tasks.steps import account_of

_AT_ONCE = 16


@dataclass(frozen=True)
class ShortShot:
    """A stored shot some of whose videos are missing.

    Args:
        stored: What `shot.json` has of it.
        generation: As the provider tells of it now.
    """

    stored: StoredShot
    generation: Generation

    @property
    def more(self) -> bool:
        """Whether the provider gives more than is stored."""
        return len(self.generation.outputs) > len(self.stored.videos)

    @property
    def in_words(self) -> str:
        """How many are stored, ordered, and given by the provider now."""
        count, n = len(self.stored.videos), self.stored.shot.request.n
        given = len(self.generation.outputs)
        return f"{count} of {n} ordered videos are stored; the provider gives {given} now"


async def ask_for_the_rest(found: Survey) -> list[ShortShot]:
    """The stored shots of a batch that lack videos, as the provider tells of them now.

    Those that it tells nothing of are left out, and named in the log.

    Args:
        found: The batch.
    """
    ready, at_once = found.ready, asyncio.Semaphore(_AT_ONCE)
    api = account_of(ready.credentials, ready.spec.settings)

    async def ask(key: str) -> ShortShot | None:
        async with at_once:
            try:
                stored = await read_stored(ready, key)
                if stored is None or len(stored.videos) >= stored.shot.request.n:
                    return None
                generation = _generation(stored, ready)
                reply = await api.status(generation.task_id, generation.business_id)
            except ToAPIsError as error:
                get_run_logger().warning("%s: missing videos can't be asked for: %s", key, error)
                return None
            return ShortShot(stored, generation.after(reply))

    return [one for one in await asyncio.gather(*map(ask, _to_read(found))) if one]


async def store_the_rest(ready: Ready, short: list[ShortShot]) -> None:
    """Store what the provider gives more of; what is there stays as it is.

    Args:
        ready: The batch.
        short: Its shots that lack videos.
    """
    download, at_once = ready.tasks.bind(download_video), asyncio.Semaphore(_AT_ONCE)

    async def store(one: ShortShot) -> None:
        async with at_once:
            try:
                await download(one.generation)
            except ToAPIsError as error:
                get_run_logger().warning("%s: the rest isn't stored: %s", _label(one), error)

    await asyncio.gather(*[store(one) for one in short if one.more])


def log_short(short: list[ShortShot]) -> None:
    """Say which shots lack videos."""
    for one in short:
        get_run_logger().warning("%s: %s", _label(one), one.in_words)


def _label(one: ShortShot) -> str:
    return one.stored.shot.label


def _to_read(found: Survey) -> list[str]:
    """Every `shot.json` of a batch, but for shots of the plan that have a single video."""
    inventory = found.ready.inventory
    planned = [*found.ready.shots, *found.left]
    single = {shot.shot_id[:FOLDER_ID] for shot in planned if shot.request.n == 1}
    return [
        f"{inventory.folders[short_id]}/{SHOT_FILE}"
        for short_id in sorted(inventory.stored)
        if short_id not in single
    ]


def _generation(stored: StoredShot, ready: Ready) -> Generation:
    return Generation(
        task_id=stored.task_id,
        business_id=stored.business_id,
        n=stored.shot.request.n,
        shot=ready.inventory.place(stored.shot),
        attempt=stored.attempt,
        submitted_at=stored.submitted_at,
    )
