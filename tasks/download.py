"""The task that streams the results of a generation into the bucket."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from itertools import count

from prefect.runtime import flow_run
from pydantic import SecretStr

from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.blocks.bucket_store import open_stored
from prefect_toapis.blocks.streaming import in_transfer_thread
from prefect_toapis.client.account import Account
from prefect_toapis.client.errors import (
    DownloadFailed,
    ResultExpired,
    ResultMissing,
    ToAPIsError,
    Unavailable,
)
from prefect_toapis.client.media import Kind
from prefect_toapis.client.polling import result_missing
from prefect_toapis.client.replies import CharacterReply, Output
from prefect_toapis.client.response_decisions import kept
from prefect_toapis.client.results import ResultReader, ResumePolicy
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.errors import DocumentDamaged, StoreError
from prefect_toapis.planning.labels import as_metadata, task_folder
from prefect_toapis.planning.plan import Shot
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.records.characters import character_from_reply
from prefect_toapis.records.generations import Generation
from prefect_toapis.records.layout import shot_key
from prefect_toapis.records.purchases import Buyer
from prefect_toapis.records.store import JSON
from prefect_toapis.records.stored_shots import StoredShot, StoredVideo, read_stored
from prefect_toapis.reports.thumbnails import POSTER_TYPE, first_frame, pyav_is_installed
from prefect_toapis.tasks.options import (
    account_of,
    keep_reply,
    named,
    retry_policy_of,
    run_logger,
    step,
)
from prefect_toapis.tasks.sync_async import sync_task
from prefect_toapis.tasks.video_checks import checked

_CHUNK = 1024 * 1024  # bytes


async def store_videos(
    generation: Generation,
    account: Account,
    store: BucketStore,
    credentials: ToAPIsCredentials,
    settings: RunSettings,
) -> list[StoredVideo]:
    """Store the outputs of a generation without a shot. Raises like `download_video`.

    Args:
        generation: A completed one.
        account: Queries URLs that are unknown or expired.
        store: Receives the videos.
        credentials: The key is only sent to the host of the API.
        settings: `retries.client_seconds`, `check_content`.
    """
    download = _Download(generation, account, store, credentials, settings)
    async with download.failures_recorded():
        _, videos = await download.run()
    _log_stored(generation, videos)
    return videos


async def store_shot(
    generation: Generation,
    account: Account,
    store: BucketStore,
    credentials: ToAPIsCredentials,
    settings: RunSettings,
    run: str | None = None,
) -> StoredShot:
    """Store the outputs of a shot's generation. Raises like `download_video`.

    Args:
        generation: A completed one with a shot.
        account: Queries URLs that are unknown or expired.
        store: Receives the videos.
        credentials: The key is only sent to the host of the API.
        settings: `retries.client_seconds`, `check_content`.
        run: Id of the flow run, for `shot.json`.

    Returns:
        The content of `shot.json`: the shot with its videos.
    """
    download = _Download(generation, account, store, credentials, settings)
    async with download.failures_recorded():
        current, videos = await download.run()
        done = await download.finish(current.characters, videos, run)
    _log_stored(generation, videos)
    return done


@step("download_video", named("store", "generation"))
async def adownload_video(
    generation: Generation,
    *,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings = RunSettings(),  # noqa: B008 - not changed
) -> list[StoredVideo]:
    """Stream every output of a completed generation into the bucket, with its poster.

    The poster is the provider's thumbnail; without one, the first frame of the video, if PyAV is
    installed (the extra `posters`). Each is compared with its order, and with PyAV also checked for
    black, frozen and silent content (the extra `checks`): see `StoredVideo.remarks`.

    Memory is bounded, and no temporary files are used. An interrupted transfer is resumed. Partial
    objects are never visible: an object is created after its length and container were checked. An
    existing object of a run that crashed before it wrote `shot.json` is compared with the result:
    identical bytes are kept, and different ones are never overwritten (the new name is then
    `video-1-attempt-2.mp4`). `shot.json` is written last and marks the shot as done; if it has
    fewer videos than requested, missing ones are added. Characters that are returned with the
    video are recorded in the registry before.

    Args:
        generation: From `poll_video`; if it has no URLs, they are queried first.
        credentials: Of the account that paid; the key is only sent to the host of the API.
        bucket: Receives the videos.
        settings: `retries.client_seconds`, `check_content`.

    Returns:
        A row for each output; fewer than `n` if the provider returned fewer.

    Raises:
        ResultExpired: The result is no longer available; with a shot, this is recorded.
        DownloadFailed: The result is refused, or isn't a video.
        ResultMissing: The provider's reply has no URL.
        Transient: The host or the store is unavailable; Prefect retries this task.

    Example:
        ```python
        videos = await adownload_video(generation, credentials=credentials, bucket=bucket)
        ```
    """
    if generation.shot:
        return (await _store_shot(generation, credentials, bucket, settings)).videos
    with account_of(credentials, settings) as account:
        return await store_videos(generation, account, BucketStore(bucket), credentials, settings)


download_video = sync_task(adownload_video)
"""`adownload_video` for sync code."""


@step("download_video", named("store", "generation"))
async def download_in_run(
    generation: Generation,
    *,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings,
) -> StoredShot:
    """`download_video` of a shot's generation, as the flows run it."""
    return await _store_shot(generation, credentials, bucket, settings)


async def _store_shot(
    generation: Generation,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings,
) -> StoredShot:
    store, run = BucketStore(bucket), flow_run.id
    with account_of(credentials, settings) as account:
        return await store_shot(generation, account, store, credentials, settings, run)


def _log_stored(generation: Generation, videos: Sequence[StoredVideo]) -> None:
    megabytes = sum(video.size for video in videos) / 1e6
    stored = f"{len(videos)} of {generation.n} videos" if generation.n > 1 else "stored"
    run_logger().info("%s: %s, %.1f MB", generation.label, stored, megabytes)


@dataclass(frozen=True)
class _Download:
    generation: Generation
    api: Account
    store: BucketStore
    credentials: ToAPIsCredentials
    settings: RunSettings

    @property
    def retry(self) -> RetryPolicy:
        return retry_policy_of(self.settings)

    @property
    def folder(self) -> str:
        shot = self.generation.shot
        return shot.folder if shot else f"generations/{task_folder(self.generation.task_id)}"

    @asynccontextmanager
    async def failures_recorded(self) -> AsyncIterator[None]:
        """Add the shot and ids to errors; record an expired result."""
        try:
            yield
        except ToAPIsError as error:
            generation, shot = self.generation, self.generation.shot
            error.add_context(shot=generation.label, task_id=generation.task_id, money="spent")
            if shot:
                buyer = Buyer(self.api, self.store, self.settings)
                await keep_reply(buyer, shot, error)
                if isinstance(error, ResultExpired) and not await self._stored_before():
                    await buyer.fail(shot, error)
            raise

    async def run(self) -> tuple[Generation, list[StoredVideo]]:
        """Return the generation, queried again if necessary, and its stored videos."""
        videos = await self._store_given()
        return (self.generation, videos) if videos is not None else await self._store_fresh()

    async def _stored_before(self) -> list[StoredVideo]:
        """Return the existing videos of this generation, if it was stored incompletely."""
        found = await self._earlier() if self.generation.n > 1 else None
        videos = found.videos if found and found.task_id == self.generation.task_id else []
        objects = [(video, await self.store.head(video.key)) for video in videos]
        return [video for video, found in objects if found and found.size == video.size]

    async def _earlier(self) -> StoredShot | None:
        shot = self.generation.shot
        key = shot_key(shot) if shot else ""
        content = await self.store.read(key) if shot else None
        try:
            return None if content is None else read_stored(content, key, self.store.uri(key))
        except DocumentDamaged:  # it is overwritten
            return None

    async def _store_given(self) -> list[StoredVideo] | None:
        """Store from the given URLs; None if there are none, or they don't work any more."""
        try:
            outputs = self.generation.outputs
            return await self._store_each(outputs) if outputs else None
        except DownloadFailed:
            return None

    async def _store_fresh(self) -> tuple[Generation, list[StoredVideo]]:
        current = await self._refreshed()
        try:
            return current, await self._store_each(current.outputs)
        except DownloadFailed:
            self._refuse_expired(current)
            raise

    async def finish(
        self, characters: Sequence[CharacterReply], videos: list[StoredVideo], run: str | None
    ) -> StoredShot:
        """Record the characters that were returned with the videos, and write `shot.json`."""
        shot = self._shot
        now = datetime.now(timezone.utc)
        before = await self._earlier() if self.generation.n > 1 else None
        earlier = before.characters if before else []
        found = [
            character_from_reply(self.generation, shot, character, now) for character in characters
        ]
        for key, made in found:
            await self.store.write(key, made.to_json(), JSON)
        done = StoredShot(
            shot=shot,
            task_id=self.generation.task_id,
            business_id=self.generation.business_id,
            attempt=self.generation.attempt,
            run=run,
            submitted_at=self.generation.submitted_at,
            stored_at=now,
            videos=videos,
            characters=[made.username for _, made in found] or earlier,
        )
        await self.store.write(shot_key(shot), done.to_json(), JSON)
        return done

    @property
    def _shot(self) -> Shot:
        if self.generation.shot is None:
            raise ValueError("a generation without a shot has no shot.json")
        return self.generation.shot

    async def _refreshed(self) -> Generation:
        generation = self.generation
        reply = await self.api.status(generation.task_id, generation.business_id)
        current = generation.after(reply)
        if reply.status == "completed" and reply.outputs:
            return current
        self._refuse_expired(current)
        if reply.status == "completed":
            raise result_missing(reply, "URL")
        what = f"its status is {reply.word or reply.status}, and there is no URL of a result"
        raise ResultMissing(what, **kept(reply))

    def _refuse_expired(self, current: Generation) -> None:
        if current.status == "completed" and current.has_expired(datetime.now(timezone.utc)):
            raise ResultExpired("the result was not fetched within 24 hours of its completion")

    async def _store_each(self, outputs: Sequence[Output]) -> list[StoredVideo]:
        videos = await self._stored_before()
        others, taken = list(videos), {video.output for video in videos}
        free = (number for number in count(1) if number not in taken)
        for output in outputs:
            if others and (same := await self.retry.caller()(self._identical, output, others)):
                others.remove(same)
                continue
            video = await self.retry.caller()(self._store_video, output, next(free))
            poster = await self._store_poster(output, video)
            videos.append(await self._checked(video.model_copy(update={"thumbnail_key": poster})))
        return sorted(videos, key=lambda video: video.output)

    async def _checked(self, video: StoredVideo) -> StoredVideo:
        shot = self.generation.shot
        request = shot.request if shot else None
        bucket, label = self.store.bucket, self.generation.label
        return await checked(video, request, label, bucket, self.settings)

    async def _identical(self, output: Output, videos: Sequence[StoredVideo]) -> StoredVideo | None:
        """Return the stored video that is identical to a result; None if there is none."""
        async with self._opened(SecretStr(output.url), "video") as reader:
            if reader.length is not None and reader.length not in {video.size for video in videos}:
                return None
            await in_transfer_thread(partial(_read_through, reader))
            found = reader.size, reader.sha256
            return next((video for video in videos if (video.size, video.sha256) == found), None)

    async def _store_video(self, output: Output, number: int) -> StoredVideo:
        key, reader = await self._stored(SecretStr(output.url), "video", f"video-{number}")
        return StoredVideo(
            output=number,
            key=key,
            uri=self.store.bucket.uri(key),
            size=reader.size,
            sha256=reader.sha256,
            content_type=reader.content_type,
        ).with_facts(reader.facts)

    def _names(self, stem: str) -> tuple[str, str]:
        """Return the name of a file, and the alternative if it is taken by other content."""
        return stem, f"{stem}-attempt-{self.generation.attempt}"

    async def _stored(self, url: SecretStr, kind: Kind, stem: str) -> tuple[str, ResultReader]:
        for name in self._names(stem):
            async with self._opened(url, kind) as reader:
                key = f"{self.folder}/{name}.{reader.suffix}"
                if await self._stored_under(key, reader):
                    return key, reader
        raise self._taken(stem)

    def _taken(self, stem: str) -> StoreError:
        where = self.store.bucket.uri(f"{self.folder}/{stem}")
        return StoreError(f"{where}.* has other content: move it away")

    async def _stored_under(self, key: str, reader: ResultReader) -> bool:
        """Store a result under a key; return False if the key has other content."""
        existing = await self.store.head(key)
        if existing is None:
            metadata = {"task-id": as_metadata(self.generation.task_id)}
            await self.store.upload(key, reader, reader.content_type, metadata)
            return True
        if reader.length not in {None, existing.size}:
            return False
        await in_transfer_thread(partial(_read_through, reader))
        found = (existing.size, await self.store.sha256(key, existing.size))
        return found == (reader.size, reader.sha256)

    async def _store_poster(self, output: Output, video: StoredVideo) -> str | None:
        """Store the poster; errors are only logged."""
        try:
            if output.thumbnail_url:
                return await self._store_thumbnail(SecretStr(output.thumbnail_url), video.output)
            if pyav_is_installed():
                return await self._store_first_frame(video)
        except (DownloadFailed, Unavailable, StoreError) as error:
            run_logger().warning("%s: no thumbnail: %s", self.generation.label, error.message)
        except ValueError as error:
            run_logger().warning("%s: no first frame: %s", self.generation.label, error)
        except Exception as error:  # noqa: BLE001 - decoders raise any error; the video is stored
            what = type(error).__name__
            run_logger().warning("%s: no poster: %s", self.generation.label, what)
        return None

    async def _store_thumbnail(self, url: SecretStr, number: int) -> str:
        key, _ = await self._stored(url, "image", f"thumbnail-{number}")
        return key

    @asynccontextmanager
    async def _opened(self, url: SecretStr, kind: Kind) -> AsyncIterator[ResultReader]:
        policy = ResumePolicy.within(self.retry.budget)
        open_it = partial(
            ResultReader,
            url,
            kind,
            base_url=self.credentials.base_url,
            api_key=self.credentials.api_key,
            resume_policy=policy,
        )
        reader = await in_transfer_thread(open_it)
        try:
            yield reader
        finally:
            reader.close()

    async def _store_first_frame(self, video: StoredVideo) -> str:
        frame = await in_transfer_thread(partial(_first_frame, self.store.bucket, video))
        stem = f"thumbnail-{video.output}"
        for name in self._names(stem):
            key = f"{self.folder}/{name}.jpg"
            existing = await self.store.read(key)
            if existing is None:
                await self.store.write(key, frame, POSTER_TYPE)
            if existing in {None, frame}:
                return key
        raise self._taken(stem)


def _first_frame(bucket: VideoBucket, video: StoredVideo) -> bytes:
    with open_stored(bucket, video.key, video.size) as file:
        return first_frame(file)


def _read_through(reader: ResultReader) -> None:
    while reader.read(_CHUNK):
        pass
