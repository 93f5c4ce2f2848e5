"""The async store over a bucket, and reading stored objects by ranges."""

import hashlib
import io
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from typing_extensions import Self

from prefect_toapis.blocks.bucket_rules import bucket_and_key
from prefect_toapis.blocks.object_requests import StoredObject
from prefect_toapis.blocks.s3_client import RETRY_SECONDS, StoreCapabilities
from prefect_toapis.blocks.s3_credentials import S3Credentials
from prefect_toapis.blocks.streaming import Reader, in_request_thread, in_transfer_thread
from prefect_toapis.blocks.video_bucket import VideoBucket
from prefect_toapis.client.local_files import length_fault
from prefect_toapis.client.media import HEAD, media_type
from prefect_toapis.client.media_containers import container_check
from prefect_toapis.client.media_facts import MediaFacts
from prefect_toapis.errors import DocumentDamaged
from prefect_toapis.records.store import Entry

LONGEST_DOCUMENT = 16 * 1024 * 1024  # bytes of a record or a poster
LONGEST_TABLE = 512 * 1024 * 1024  # bytes of a file with a row for each shot
_TABLES = ("/plan.json", "/manifest.jsonl", "/manifest.parquet")
_RANGE = 256 * 1024  # bytes per request, and in memory
_HASH_RANGE = 4 * 1024 * 1024  # bytes


class BucketStore:
    """The `Store` of a batch over a `VideoBucket`, with streaming uploads.

    The work is done in threads that all stores of a process share (see `streaming`).

    Args:
        bucket: Contains the objects.
        retry_seconds: How long `create` retries while the store can't decide if the key is taken.

    Example:
        ```python
        store = BucketStore(VideoBucket.from_uri("s3://studio/videos"))
        await store.probe()
        await store.write("hello.txt", b"hello", "text/plain")
        ```
    """

    def __init__(self, bucket: VideoBucket, retry_seconds: float = RETRY_SECONDS) -> None:
        self.bucket = bucket
        self._retry_seconds = retry_seconds

    @classmethod
    def for_uri(cls, uri: str, credentials: S3Credentials | None) -> tuple[Self, str]:
        """Return the store of an object, and the object's key in it.

        Args:
            uri: `s3://bucket/key`.
            credentials: None: boto3's default chain.

        Raises:
            ValueError: The URI is invalid; the message omits it.
        """
        name, key = bucket_and_key(uri)
        return cls(VideoBucket(bucket_name=name, credentials=credentials)), key

    def uri(self, key: str = "") -> str:
        """Return the URI of a key; see `VideoBucket.uri`."""
        return self.bucket.uri(key)

    async def read(self, key: str) -> bytes | None:
        """Read an object; None if it doesn't exist. Raises like `VideoBucket.read`.

        Raises:
            DocumentDamaged: It is longer than any file of this package; it was not read.
        """
        most = LONGEST_TABLE if key.endswith(_TABLES) else LONGEST_DOCUMENT
        try:
            return await in_request_thread(partial(self.bucket.read, key, most))
        except ValueError:
            raise DocumentDamaged(self.uri(key), f"it is longer than {most:,} bytes") from None

    async def read_given(self, key: str, most: int) -> bytes:
        """Read an object that a user named. Raises like `VideoBucket.read`.

        Args:
            key: Of the object.
            most: Maximum length in bytes.

        Raises:
            ValueError: It doesn't exist, or is longer; the message omits its URI.
        """
        found = await self.head(key)
        if found and (fault := length_fault(found.size, most)):
            raise ValueError(fault)
        content = await in_request_thread(partial(self.bucket.read, key, most))
        if content is None:
            raise ValueError("there is no such object")
        return content

    async def write(self, key: str, content: bytes, content_type: str) -> None:
        """Write an object, replacing an existing one. Raises like `VideoBucket.write`."""
        await in_request_thread(partial(self.bucket.write, key, content, content_type))

    async def create(self, key: str, content: bytes, content_type: str) -> bool:
        """Create an object; return False if it exists. Raises like `VideoBucket.create`."""
        return await in_request_thread(
            partial(self.bucket.create, key, content, content_type, self._retry_seconds)
        )

    async def list_keys(self, prefix: str) -> list[str]:
        """List the keys that start with a prefix. Raises like `VideoBucket.list_keys`."""
        return await in_request_thread(partial(self.bucket.list_keys, prefix))

    async def list_entries(self, prefix: str) -> dict[str, Entry]:
        """List size and time of objects under a prefix. Raises like `VideoBucket.list_entries`."""
        return await in_request_thread(partial(self.bucket.list_entries, prefix))

    async def list_folders(self, prefix: str) -> list[str]:
        """List the folders directly below a prefix. Raises like `VideoBucket.list_folders`."""
        return await in_request_thread(partial(self.bucket.list_folders, prefix))

    async def head(self, key: str) -> StoredObject | None:
        """Return an object's metadata; None if it doesn't exist. Raises like `VideoBucket.head`."""
        return await in_request_thread(partial(self.bucket.head, key))

    async def abort_unfinished(self, prefix: str, before: datetime) -> list[str]:
        """Abort incomplete uploads. Raises like `VideoBucket.abort_unfinished`."""
        return await in_request_thread(partial(self.bucket.abort_unfinished, prefix, before))

    async def sha256(self, key: str, size: int) -> str:
        """Return the hash of an object in hex, reading it as a stream.

        Args:
            key: Of the object.
            size: Of the object, in bytes.
        """
        return await in_transfer_thread(partial(sha256_of, self.bucket, key, size))

    async def probe(self) -> StoreCapabilities:
        """Probe the store by writing. Raises like `VideoBucket.probe`."""
        return await in_request_thread(self.bucket.probe)

    async def upload(
        self, key: str, reader: Reader, content_type: str, metadata: dict[str, str] | None = None
    ) -> None:
        """Stream a reader to a key; cancellation and errors are those of `VideoBucket.aupload`."""
        await self.bucket.aupload(key, reader, content_type, metadata)


def open_stored(bucket: "VideoBucket", key: str, size: int) -> io.BufferedReader:
    """Open a stored object as a seekable file, for reading in a thread.

    Each read outside the buffer (256 KB) is a Range request. Raises like `VideoBucket.read`.

    Args:
        bucket: Of the object.
        key: Of the object.
        size: Of the object, in bytes.

    Example:
        ```python
        with open_stored(bucket, video.key, video.size) as file:
            poster = first_frame(file)
        ```
    """
    return io.BufferedReader(_Ranges(bucket, key, size), _RANGE)


@dataclass(frozen=True)
class Inspected:
    """The result of inspecting a stored video.

    Attributes:
        content_type: Detected from its first bytes; None: not a video.
        sha256: Of the content, in hex.
        fault: Why it is incomplete; None if no fault was found.
        facts: What its index says of it.
    """

    content_type: str | None
    sha256: str
    fault: str | None
    facts: MediaFacts


def inspect_video(bucket: "VideoBucket", key: str, size: int) -> Inspected:
    """Read a stored object, and check that it is a complete video; see `sha256_of`."""
    found, check, content_type = hashlib.sha256(), None, None
    for start in range(0, size, _HASH_RANGE):
        piece = bucket.read_part(key, start, min(start + _HASH_RANGE, size))
        if start == 0:
            content_type = media_type(piece[:HEAD], "video")
            check = container_check(content_type or "")
        if check:
            check.feed(piece)
        found.update(piece)
    fault, facts = (check.finish(), check.facts) if check else (None, MediaFacts())
    return Inspected(content_type, found.hexdigest(), fault, facts)


def sha256_of(bucket: "VideoBucket", key: str, size: int) -> str:
    """Return the hash of a stored object in hex, reading a few MB at a time.

    Args:
        bucket: Of the object.
        key: Of the object.
        size: Of the object, in bytes.
    """
    found = hashlib.sha256()
    for start in range(0, size, _HASH_RANGE):
        found.update(bucket.read_part(key, start, min(start + _HASH_RANGE, size)))
    return found.hexdigest()


class _Ranges(io.RawIOBase):
    def __init__(self, bucket: "VideoBucket", key: str, size: int) -> None:
        self._bucket = bucket
        self._key = key
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"{start + offset} is before the beginning")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: "memoryview", /) -> int:  # type: ignore[override]
        stop = min(self._position + len(buffer), self._size)
        if stop <= self._position:
            return 0
        piece = self._bucket.read_part(self._key, self._position, stop)
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)
