"""Stored shots that aren't whole: `shot.json` made anew, missing videos asked for; never bought."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from prefect_toapis.blocks import BucketStore
from prefect_toapis.blocks.bucket_store import inspect_video
from prefect_toapis.blocks.streaming import in_transfer_thread
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.flows.batch import Batch
from prefect_toapis.flows.outcomes import Outcomes
from prefect_toapis.planning.plan import Shot
from prefect_toapis.records.attempts import Attempt
from prefect_toapis.records.generations import Generation
from prefect_toapis.records.layout import shot_key
from prefect_toapis.records.purchases import Buyer
from prefect_toapis.records.store import JSON, Entry
from prefect_toapis.records.stored_shots import StoredShot, StoredVideo, stored_names
from prefect_toapis.tasks.download import download_in_run

_REQUESTS_AT_ONCE = 16


async def rebuild_shot(batch: Batch, shot: Shot, *, in_part: bool) -> StoredShot | None:
    """Write `shot.json` for videos that are in the bucket, where the provider can't give them.

    A video counts if it is whole, and if the store says that it came from the generation that the
    record names, or says nothing of where it came from.

    Args:
        batch: The batch.
        shot: One whose result could not be fetched.
        in_part: Whether fewer videos than were ordered will do: the rest can't be fetched later.

    Returns:
        What was written; None if the bucket has no record of a purchase, or no such video.

    Raises:
        StoreError: The bucket doesn't answer.
    """
    store = batch.store
    attempt = await Buyer(batch.account, store, batch.settings).latest(shot)
    if attempt is None or attempt.task_id is None:
        return None
    entries = await store.list_entries(f"{shot.folder}/")
    videos = await _videos(shot, attempt, entries, store)
    if not videos or (len(videos) < shot.request.n and not in_part):
        return None
    done = StoredShot(
        shot=shot.shown(),
        task_id=attempt.task_id,
        business_id=attempt.business_id,
        attempt=attempt.attempt,
        run=flow_run.id,
        submitted_at=attempt.sent_at,
        stored_at=datetime.now(timezone.utc),
        videos=videos,
    )
    await store.write(shot_key(shot), done.to_json(), JSON)
    get_run_logger().warning(
        "%s: the provider can't give it any more; made anew from %d videos in the bucket",
        shot.label,
        len(videos),
    )
    return done


async def _videos(
    shot: Shot, attempt: Attempt, entries: Mapping[str, Entry], store: BucketStore
) -> list[StoredVideo]:
    found: list[StoredVideo] = []
    for number in range(1, shot.request.n + 1):
        names = stored_names(shot.folder, f"video-{number}", attempt.attempt, entries)
        for key in names:
            if video := await _video(key, number, attempt, store):
                posters = stored_names(shot.folder, f"thumbnail-{number}", attempt.attempt, entries)
                poster = next(iter(posters), None)
                found.append(video.model_copy(update={"thumbnail_key": poster}))
                break
    return found


async def _video(key: str, number: int, attempt: Attempt, store: BucketStore) -> StoredVideo | None:
    there = await store.head(key)
    if there is None or there.metadata.get("task-id", attempt.task_id) != attempt.task_id:
        return None
    inspect = partial(inspect_video, store.bucket, key, there.size)
    found = await in_transfer_thread(inspect)
    if found.content_type is None or found.fault:
        return None
    return StoredVideo(
        output=number,
        key=key,
        uri=store.uri(key),
        size=there.size,
        sha256=found.sha256,
        content_type=found.content_type,
    )


@dataclass(frozen=True)
class ShortShot:
    """A stored shot some of whose videos are missing.

    Args:
        stored: What `shot.json` has of it.
        generation: Its state now.
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


async def find_short_shots(batch: Batch) -> list[ShortShot]:
    """The stored shots of a batch that lack videos, with the state of their generations now.

    Those whose state can't be read are left out, and named in the log.

    Args:
        batch: The batch.
    """
    api, at_once = batch.account, asyncio.Semaphore(_REQUESTS_AT_ONCE)

    async def ask(stored: StoredShot) -> ShortShot | None:
        generation = _generation(stored, batch)
        async with at_once:
            try:
                reply = await api.status(generation.task_id, generation.business_id)
            except ToAPIsError as error:
                what = "%s: missing videos can't be asked for: %s"
                get_run_logger().warning(what, stored.shot.label, error)
                return None
        return ShortShot(stored, generation.after(reply))

    short = [one for one in batch.stored.values() if len(one.videos) < one.shot.request.n]
    return [one for one in await asyncio.gather(*map(ask, short)) if one]


async def store_missing_videos(batch: Batch, short: list[ShortShot], outcomes: Outcomes) -> None:
    """Store what the provider gives more of; what is there stays as it is.

    Args:
        batch: The batch.
        short: Its shots that lack videos.
        outcomes: Of the run.
    """
    download, at_once = batch.bind(download_in_run), asyncio.Semaphore(_REQUESTS_AT_ONCE)

    async def store(one: ShortShot) -> None:
        async with at_once:
            try:
                outcomes.stored[shot_key(one.stored.shot)] = await download(one.generation)
            except ToAPIsError as error:
                get_run_logger().warning("%s: the rest isn't stored: %s", _label(one), error)

    await asyncio.gather(*[store(one) for one in short if one.more])


def log_short_shots(short: list[ShortShot]) -> None:
    """Say which shots lack videos."""
    for one in short:
        get_run_logger().warning("%s: %s", _label(one), one.in_words)


def _label(one: ShortShot) -> str:
    return one.stored.shot.label


def _generation(stored: StoredShot, batch: Batch) -> Generation:
    return Generation(
        task_id=stored.task_id,
        business_id=stored.business_id,
        n=stored.shot.request.n,
        shot=batch.inventory.with_existing_folder(stored.shot),
        attempt=stored.attempt,
        submitted_at=stored.submitted_at,
    )
