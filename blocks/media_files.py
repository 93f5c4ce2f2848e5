"""Reads images and clips for upload, from disk or S3."""

import asyncio
from dataclasses import dataclass, field
from hashlib import sha256

from prefect_toapis.blocks.bucket_store import BucketStore
from prefect_toapis.blocks.s3_credentials import S3Credentials
from prefect_toapis.client.errors import InvalidRequest
from prefect_toapis.client.local_files import file_size, read_file, why_unreadable
from prefect_toapis.client.media import HEAD, Kind, media_fault, size_fault
from prefect_toapis.client.media_limits import MediaContent, media_content
from prefect_toapis.client.plain_text import shown_line
from prefect_toapis.client.references import reference
from prefect_toapis.records.store import LONGEST

_LARGEST = 50 * 1024 * 1024  # bytes, of a clip ([D])


@dataclass(frozen=True)
class MediaFile:
    """An image or a clip that the API accepts.

    Args:
        name: Of the file, without its folder.
        content: Of the file.
        kind: Image or clip.
    """

    name: str
    content: bytes = field(repr=False)
    kind: Kind

    @property
    def facts(self) -> MediaContent:
        """What is known of the content; models have limits of their own."""
        return media_content(self.content, self.kind)

    @property
    def reference(self) -> str:
        """The reference to the content, independent of the file's path."""
        return reference(sha256(self.content).hexdigest())


async def read_media(path: str, kind: Kind, credentials: S3Credentials | None = None) -> MediaFile:
    """Read an image or a clip, and check its content against the limits of the API.

    Args:
        path: A local path, or `s3://bucket/key`.
        kind: The expected kind. The limits of 10 MB for images and 50 MB for clips ([D]) ensure
            that the file fits into memory.
        credentials: For S3; None: boto3's default chain.

    Raises:
        InvalidRequest: The file doesn't exist, can't be read, or isn't accepted by the API.
        StoreError: The bucket refuses, or is unavailable.

    Example:
        ```python
        media = await read_media("clips/duke.mp4", "video")
        ```
    """
    content = await (
        _read_s3(path, kind, credentials)
        if path.startswith("s3://")
        else asyncio.to_thread(_read_local, path, kind)
    )
    if fault := media_fault(content[:HEAD], len(content), kind):
        raise InvalidRequest([f"{path}: {fault}"])
    # The name is sent with the upload, and stored with it.
    return MediaFile(path.rpartition("/")[2], content, kind)


def read_object(uri: str) -> bytes | None:
    """Read an S3 object with boto3's default credentials; None if it doesn't exist.

    Args:
        uri: `s3://bucket/key`.

    Raises:
        ValueError: The URI is invalid, or the object is too large.
        StoreError: The bucket refuses, or is unavailable.
    """
    try:
        store, key = BucketStore.for_uri(uri, None)
    except ValueError as error:
        raise ValueError(f"{shown_line(uri)}: {error}") from None
    return store.bucket.read(key, LONGEST)


def _read_local(path: str, kind: Kind) -> bytes:
    try:
        size = file_size(path)
        content = read_file(path, _LARGEST) if size_fault(size, kind) is None else b""
    except FileNotFoundError:
        what = "there is no such file here; a URL starts with https://"
        raise InvalidRequest([f"{path}: {what}"]) from None
    except (OSError, ValueError) as error:
        raise InvalidRequest([f"{path}: {why_unreadable(error)}"]) from None
    if fault := size_fault(size, kind):
        raise InvalidRequest([f"{path}: {fault}"])
    return content


async def _read_s3(uri: str, kind: Kind, credentials: S3Credentials | None) -> bytes:
    try:
        store, key = BucketStore.for_uri(uri, credentials)
        found = await store.head(key)
        if found and (fault := size_fault(found.size, kind)):
            raise ValueError(fault)  # noqa: TRY301 - as the others
        return await store.read_given(key, _LARGEST)
    except ValueError as error:
        raise InvalidRequest([f"{uri}: {error}"]) from None
