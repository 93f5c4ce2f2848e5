"""A video bucket for async code."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache, partial
from threading import Event
from typing import TypeVar

from typing_extensions import Self

from prefect_toapis.blocks.ranges import sha256_of
from prefect_toapis.blocks.s3_credentials import S3Credentials
from prefect_toapis.blocks.store_facts import StoredObject, StoreTraits
from prefect_toapis.blocks.streaming import Reader
from prefect_toapis.blocks.video_bucket import VideoBucket

UPLOADS_AT_ONCE = 8  # each holds a few parts of 8 MB

_T = TypeVar("_T")


class BucketStore:
    """The `Store` of a batch over a `VideoBucket`, with streaming uploads.

    The work is done in threads that all stores of a process share, and never in the event loop's
    own. Uploads have threads to themselves, so that a slow one never holds up a record.

    Args:
        bucket: Where to.

    Example:
        ```python
        store = BucketStore(VideoBucket.from_uri("s3://studio/videos"))
        await store.probe()
        await store.write("hello.txt", b"hello", "text/plain")
        ```
    """

    def __init__(self, bucket: VideoBucket) -> None:
        self.bucket = bucket

    @classmethod
    def holding(cls, uri: str, credentials: S3Credentials | None) -> tuple[Self, str]:
        """The store that an object is in, and the object's key in it.

        Args:
            uri: `s3://bucket/key`.
            credentials: None: boto3's own chain.

        Raises:
            ValueError: It is no such URI.
        """
        folder, _, key = uri.rpartition("/")
        if not key:
            raise ValueError(f"{uri!r}: give an object as s3://bucket/key")
        return cls(VideoBucket.from_uri(folder, credentials)), key

    async def read(self, key: str) -> bytes | None:
        """The content under a key; None if there is none. Raises as `VideoBucket.read`."""
        return await _in(_threads(), partial(self.bucket.read, key))

    async def write(self, key: str, content: bytes, content_type: str) -> None:
        """Put content under a key, over whatever is there. Raises as `VideoBucket.write`."""
        await _in(_threads(), partial(self.bucket.write, key, content, content_type))

    async def create(self, key: str, content: bytes, content_type: str) -> bool:
        """Put content under a key unless there is some. Raises as `VideoBucket.create`."""
        return await _in(_threads(), partial(self.bucket.create, key, content, content_type))

    async def list_keys(self, prefix: str) -> list[str]:
        """Every key that starts with a prefix. Raises as `VideoBucket.keys`."""
        return await _in(_threads(), partial(self.bucket.list_keys, prefix))

    async def head(self, key: str) -> StoredObject | None:
        """What is under a key; None if nothing is. Raises as `VideoBucket.head`."""
        return await _in(_threads(), partial(self.bucket.head, key))

    async def abort_unfinished(self, prefix: str, before: datetime) -> list[str]:
        """Remove what is left of uploads. Raises as `VideoBucket.abort_unfinished`."""
        return await _in(_threads(), partial(self.bucket.abort_unfinished, prefix, before))

    async def sha256(self, key: str, size: int) -> str:
        """The hash of what is under a key, in hex, read as a stream.

        Args:
            key: Of the object.
            size: Of the object, in bytes.
        """
        return await _in(_threads(), partial(sha256_of, self.bucket, key, size))

    async def probe(self) -> StoreTraits:
        """A write probe. Raises as `VideoBucket.probe`."""
        return await _in(_threads(), self.bucket.probe)

    async def upload(
        self, key: str, reader: Reader, content_type: str, metadata: dict[str, str] | None = None
    ) -> None:
        """Stream a reader to a key; `reader.read` is called in another thread.

        When this is cancelled, the upload ends at the reader's next read and leaves nothing.
        Raises as `VideoBucket.upload`.
        """
        source = _Stoppable(reader)
        try:
            await _in(
                _upload_threads(),
                partial(self.bucket.upload, key, source, content_type, metadata),
            )
        except asyncio.CancelledError:
            source.stopped.set()
            raise


class _Stoppable:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.stopped = Event()

    def read(self, size: int, /) -> bytes:
        if self.stopped.is_set():
            raise InterruptedError("the upload was cancelled")
        return self._reader.read(size)


async def _in(threads: ThreadPoolExecutor, work: Callable[[], _T]) -> _T:
    return await asyncio.get_running_loop().run_in_executor(threads, work)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=16, thread_name_prefix="toapis-s3")


@cache
def _upload_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=UPLOADS_AT_ONCE, thread_name_prefix="toapis-s3-upload")
