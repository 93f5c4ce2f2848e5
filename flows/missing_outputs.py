"""Shots stored with fewer videos than were ordered: the rest is asked for, never bought."""

import asyncio
from dataclasses import dataclass

from prefect.logging import get_run_logger

from prefect_toapis.batches.generation import Generation
from prefect_toapis.batches.manifest import StoredShot, shot_key
from prefect_toapis.client.account import Account
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.flows.outcomes import Outcomes
from prefect_toapis.flows.preflight import Ready
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

    async def ask(api: Account, stored: StoredShot) -> ShortShot | None:
        generation = _generation(stored, ready)
        async with at_once:
            try:
                reply = await api.status(generation.task_id, generation.business_id)
            except ToAPIsError as error:
                what = "%s: missing videos can't be asked for: %s"
                get_run_logger().warning(what, stored.shot.label, error)
                return None
        return ShortShot(stored, generation.after(reply))

    short = [one for one in ready.stored.values() if len(one.videos) < one.shot.request.n]
    with account_of(ready.credentials, ready.spec.settings) as api:
        return [one for one in await asyncio.gather(*[ask(api, one) for one in short]) if one]


async def store_the_rest(ready: Ready, short: list[ShortShot], outcomes: Outcomes) -> None:
    """Store what the provider gives more of; what is there stays as it is.

    Args:
        ready: The batch.
        short: Its shots that lack videos.
        outcomes: Of the run: what was stored before is read again.
    """
    download, at_once = ready.tasks.bind(download_video), asyncio.Semaphore(_AT_ONCE)

    async def store(one: ShortShot) -> None:
        async with at_once:
            try:
                await download(one.generation)
                outcomes.stored.pop(shot_key(one.stored.shot), None)
            except ToAPIsError as error:
                get_run_logger().warning("%s: the rest isn't stored: %s", _label(one), error)

    await asyncio.gather(*[store(one) for one in short if one.more])


def log_short(short: list[ShortShot]) -> None:
    """Say which shots lack videos."""
    for one in short:
        get_run_logger().warning("%s: %s", _label(one), one.in_words)


def _label(one: ShortShot) -> str:
    return one.stored.shot.label


def _generation(stored: StoredShot, ready: Ready) -> Generation:
    return Generation(
        task_id=stored.task_id,
        business_id=stored.business_id,
        n=stored.shot.request.n,
        shot=ready.inventory.with_existing_folder(stored.shot),
        attempt=stored.attempt,
        submitted_at=stored.submitted_at,
    )
