"""Download: stream the results of a generation into the bucket."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timezone

from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from prefect_toapis.batches.generation import Generation
from prefect_toapis.batches.manifest import StoredShot, StoredVideo, shot_key
from prefect_toapis.batches.naming import slug
from prefect_toapis.batches.spec import RunSettings
from prefect_toapis.batches.submission import JSON
from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.account import Account
from prefect_toapis.client.errors import (
    DownloadFailed,
    ResultMissing,
    ToAPIsError,
    Unavailable,
)
from prefect_toapis.client.media import Kind
from prefect_toapis.client.replies import Output
from prefect_toapis.client.results import ResultReader
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.tasks.calling import either_task
from prefect_toapis.tasks.steps import RETRY_DELAYS, account_of, is_transient, named


@either_task(
    task_run_name=named("store", "generation"),
    retries=len(RETRY_DELAYS),
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=is_transient,
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def download_video(
    generation: Generation,
    *,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings = RunSettings(),  # noqa: B008 - not changed
) -> list[StoredVideo]:
    """Stream every output of a completed generation into the bucket, with its thumbnail.

    Memory is bounded and there is no temporary file. An object appears under its key only when
    it is whole, its length is the one told, and it looks like a video. `shot.json` is written
    last: where it is, the shot is done.

    Args:
        generation: What `poll_video` returned; one without URLs is asked for first.
        credentials: Whose account it is; the key is not sent to the result's host.
        bucket: Where to.
        settings: How long to try again.

    Returns:
        A row for each output: fewer than `n` if fewer came back.

    Raises:
        DownloadFailed: The result is refused or no video.
        ResultMissing: The generation's reply gives no URL.
        Transient: The host or the store doesn't answer; Prefect tries this task again.

    Example:
        ```python
        videos = await download_video(generation, credentials=credentials, bucket=bucket)
        ```
    """
    download = _Download(
        generation,
        account_of(credentials, settings),
        BucketStore(bucket),
        RetryPolicy(budget=settings.retry_seconds),
    )
    try:
        videos = await download.all_outputs()
        await download.finish(videos)
    except ToAPIsError as error:
        error.about(shot=generation.label, task_id=generation.task_id, money="spent")
        raise
    megabytes = sum(video.size for video in videos) / 1e6
    count = f"{len(videos)} of {generation.n} videos" if generation.n > 1 else "stored"
    get_run_logger().info("%s: %s, %.1f MB", generation.label, count, megabytes)
    return videos


@dataclass(frozen=True)
class _Download:
    generation: Generation
    api: Account
    store: BucketStore
    retry: RetryPolicy

    @property
    def folder(self) -> str:
        shot = self.generation.shot
        return shot.folder if shot else f"generations/{slug(self.generation.task_id)}"

    async def all_outputs(self) -> list[StoredVideo]:
        if not self.generation.outputs:
            return await self._store_each(await self._fresh_outputs())
        try:
            return await self._store_each(self.generation.outputs)
        except DownloadFailed:  # a URL may have expired: a fresh one decides
            return await self._store_each(await self._fresh_outputs())

    async def finish(self, videos: list[StoredVideo]) -> None:
        shot = self.generation.shot
        if shot is None:
            return
        done = StoredShot(
            shot=shot,
            task_id=self.generation.task_id,
            business_id=self.generation.business_id,
            attempt=self.generation.attempt,
            run=flow_run.id,
            submitted_at=self.generation.submitted_at,
            stored_at=datetime.now(timezone.utc),
            videos=videos,
        )
        content = done.model_dump_json(indent=1, exclude_none=True).encode()
        await self.store.write(shot_key(shot), content, JSON)

    async def _fresh_outputs(self) -> Sequence[Output]:
        reply = await self.api.status(self.generation.task_id)
        if not reply.outputs:
            raise ResultMissing(f"its status is {reply.status}, and there is no URL of a result")
        return reply.outputs

    async def _store_each(self, outputs: Sequence[Output]) -> list[StoredVideo]:
        videos = []
        for number, output in enumerate(outputs, 1):
            video = await self.retry.caller()(self._store_video, output, number)
            thumbnail = await self._store_thumbnail(output, number)
            videos.append(video.model_copy(update={"thumbnail_key": thumbnail}))
        return videos

    async def _store_video(self, output: Output, number: int) -> StoredVideo:
        async with _opened(output.url, "video") as reader:
            key = f"{self.folder}/video-{number}.{reader.suffix}"
            about = {"task-id": self.generation.task_id}
            await self.store.upload(key, reader, reader.content_type, about)
        return StoredVideo(
            output=number,
            key=key,
            uri=self.store.bucket.uri(key),
            size=reader.size,
            sha256=reader.sha256,
            content_type=reader.content_type,
        )

    async def _store_thumbnail(self, output: Output, number: int) -> str | None:
        """A thumbnail is a convenience: without it the video is stored all the same."""
        if not output.thumbnail_url:
            return None
        try:
            async with _opened(output.thumbnail_url, "image") as reader:
                key = f"{self.folder}/thumbnail-{number}.{reader.suffix}"
                await self.store.upload(key, reader, reader.content_type)
        except (DownloadFailed, Unavailable) as error:
            get_run_logger().warning("%s: no thumbnail: %s", self.generation.label, error.what)
            return None
        return key


@asynccontextmanager
async def _opened(url: str, kind: Kind) -> AsyncIterator[ResultReader]:
    reader = await asyncio.to_thread(ResultReader, url, kind)
    try:
        yield reader
    finally:
        reader.close()
