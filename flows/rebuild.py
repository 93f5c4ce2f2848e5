"""A stored shot without a valid `shot.json`, made anew from its record and its videos."""

from collections.abc import Mapping
from datetime import datetime, timezone
from functools import partial

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from prefect_toapis.batches.manifest import StoredShot, StoredVideo, shot_key
from prefect_toapis.batches.plan import Shot
from prefect_toapis.batches.record import Attempt
from prefect_toapis.batches.store import JSON, Entry
from prefect_toapis.batches.stored_shots import stored_names
from prefect_toapis.batches.submission import Buyer
from prefect_toapis.blocks import BucketStore
from prefect_toapis.blocks.ranges import inspect_video
from prefect_toapis.blocks.thread_pools import in_transfer_thread
from prefect_toapis.flows.preflight import Ready
from prefect_toapis.tasks.steps import account_of


async def rebuild_shot(ready: Ready, shot: Shot, *, in_part: bool) -> StoredShot | None:
    """Write `shot.json` for videos that are in the bucket, where the provider can't give them.

    A video counts if it is whole, and if the store says that it came from the generation that the
    record names, or says nothing of where it came from.

    Args:
        ready: The batch.
        shot: One whose result could not be fetched.
        in_part: Whether fewer videos than were ordered will do: the rest can't be fetched later.

    Returns:
        What was written; None if the bucket has no record of a purchase, or no such video.

    Raises:
        StoreError: The bucket doesn't answer.
    """
    store = ready.store
    with account_of(ready.credentials, ready.spec.settings) as api:
        attempt = await Buyer(api, store, ready.spec.settings).latest(shot)
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
