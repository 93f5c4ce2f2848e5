"""Repairs incomplete stored shots: rebuilds `shot.json`, fetches missing videos; buys nothing."""

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
from prefect_toapis.records.fallbacks import made_by
from prefect_toapis.records.generations import Generation
from prefect_toapis.records.layout import shot_key
from prefect_toapis.records.purchases import Buyer
from prefect_toapis.records.store import JSON, Entry
from prefect_toapis.records.stored_shots import StoredShot, StoredVideo, stored_names
from prefect_toapis.tasks.download import download_in_run
from prefect_toapis.tasks.video_checks import checked

_REQUESTS_AT_ONCE = 16


async def rebuild_shot(batch: Batch, shot: Shot, *, in_part: bool) -> StoredShot | None:
    """Write `shot.json` from videos in the bucket, if the provider no longer has the result.

    A video is used if it is complete and its metadata names the recorded generation, or none.

    Args:
        batch: The batch.
        shot: A shot whose result could not be fetched.
        in_part: Whether fewer videos than requested suffice, as the others can't be fetched later.

    Returns:
        The content of `shot.json`; None if there is no record of a purchase, or no such video.

    Raises:
        StoreError: The bucket is unavailable.
    """
    store = batch.store
    attempt = await Buyer(batch.account, store, batch.settings).latest(shot)
    if attempt is None or attempt.task_id is None:
        return None
    shot = made_by(shot, attempt)
    entries = await store.list_entries(f"{shot.folder}/")
    found = await _videos(shot, attempt, entries, store)
    videos = [
        await checked(video, shot.request, shot.label, batch.bucket, batch.settings)
        for video in found
    ]
    if not videos or (len(videos) < shot.request.outputs and not in_part):
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


@dataclass(frozen=True)
class ShortShot:
    """A stored shot with fewer videos than requested.

    Args:
        stored: The content of `shot.json`.
        generation: Its current state.
    """

    stored: StoredShot
    generation: Generation

    @property
    def more(self) -> bool:
        """Whether the provider returns more videos than are stored."""
        return len(self.generation.outputs) > len(self.stored.videos)

    @property
    def in_words(self) -> str:
        """Summary of stored, requested and currently available videos."""
        count, n = len(self.stored.videos), self.stored.shot.request.outputs
        available = len(self.generation.outputs)
        return f"{count} of {n} ordered videos are stored; the provider gives {available} now"


async def find_short_shots(batch: Batch) -> list[ShortShot]:
    """Find stored shots with missing videos, and query the state of their generations.

    Shots whose query fails are logged and left out.

    Args:
        batch: The batch.
    """
    api, at_once = batch.account, asyncio.Semaphore(_REQUESTS_AT_ONCE)

    async def query(stored: StoredShot) -> ShortShot | None:
        generation = _generation(stored, batch)
        async with at_once:
            try:
                reply = await api.status(generation.task_id, generation.business_id)
            except ToAPIsError as error:
                what = "%s: missing videos can't be asked for: %s"
                get_run_logger().warning(what, stored.shot.label, error)
                return None
        return ShortShot(stored, generation.after(reply))

    incomplete = [
        stored
        for stored in batch.stored.values()
        if len(stored.videos) < stored.shot.request.outputs
    ]
    return [short for short in await asyncio.gather(*map(query, incomplete)) if short]


async def store_missing_videos(batch: Batch, short: list[ShortShot], outcomes: Outcomes) -> None:
    """Store the missing videos that the provider returns; existing ones are kept.

    Args:
        batch: The batch.
        short: Its shots with missing videos.
        outcomes: Of the run; updated.
    """
    download, at_once = batch.bind(download_in_run), asyncio.Semaphore(_REQUESTS_AT_ONCE)

    async def store(shot: ShortShot) -> None:
        async with at_once:
            try:
                outcomes.stored[shot_key(shot.stored.shot)] = await download(shot.generation)
            except ToAPIsError as error:
                get_run_logger().warning("%s: the rest isn't stored: %s", _label(shot), error)

    await asyncio.gather(*[store(shot) for shot in short if shot.more])


def log_short_shots(short: list[ShortShot]) -> None:
    """Log the shots with missing videos."""
    for shot in short:
        get_run_logger().warning("%s: %s", _label(shot), shot.in_words)


async def _videos(
    shot: Shot, attempt: Attempt, entries: Mapping[str, Entry], store: BucketStore
) -> list[StoredVideo]:
    found: list[StoredVideo] = []
    for number in range(1, shot.request.outputs + 1):
        names = stored_names(shot.folder, f"video-{number}", attempt.attempt, entries)
        for key in names:
            if video := await _video(key, number, attempt, store):
                posters = stored_names(shot.folder, f"thumbnail-{number}", attempt.attempt, entries)
                poster = next(iter(posters), None)
                found.append(video.model_copy(update={"thumbnail_key": poster}))
                break
    return found


async def _video(key: str, number: int, attempt: Attempt, store: BucketStore) -> StoredVideo | None:
    existing = await store.head(key)
    if existing is None or existing.metadata.get("task-id", attempt.task_id) != attempt.task_id:
        return None
    inspect = partial(inspect_video, store.bucket, key, existing.size)
    found = await in_transfer_thread(inspect)
    if found.content_type is None or found.fault:
        return None
    return StoredVideo(
        output=number,
        key=key,
        uri=store.uri(key),
        size=existing.size,
        sha256=found.sha256,
        content_type=found.content_type,
    ).with_facts(found.facts)


def _label(shot: ShortShot) -> str:
    return shot.stored.shot.label


def _generation(stored: StoredShot, batch: Batch) -> Generation:
    return Generation(
        task_id=stored.task_id,
        business_id=stored.business_id,
        n=stored.shot.request.outputs,
        shot=batch.inventory.with_existing_folder(stored.shot),
        attempt=stored.attempt,
        submitted_at=stored.submitted_at,
    )
