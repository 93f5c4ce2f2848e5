"""Reading the images and clips that are to be uploaded, from a disk or from S3."""

import asyncio
from dataclasses import dataclass, field
from hashlib import sha256

from prefect_toapis.batches.reading import LONGEST
from prefect_toapis.blocks.bucket_store import BucketStore
from prefect_toapis.blocks.s3_credentials import S3Credentials
from prefect_toapis.client.errors import InvalidRequest
from prefect_toapis.client.local_files import (
    file_size,
    read_file,
    why_unreadable,
)
from prefect_toapis.client.media import HEAD, Kind, media_fault, size_fault
from prefect_toapis.client.references import reference
from prefect_toapis.client.urls import without_query

_LARGEST = 50 * 1024 * 1024  # bytes, of a clip ([D])


@dataclass(frozen=True)
class MediaFile:
    """An image or a clip that the API takes.

    Args:
        name: Of the file, without its folder.
        content: All of it.
    """

    name: str
    content: bytes = field(repr=False)

    @property
    def reference(self) -> str:
        """To the content, whatever the file is called and wherever it lies."""
        return reference(sha256(self.content).hexdigest())


async def read_media(path: str, kind: Kind, credentials: S3Credentials | None = None) -> MediaFile:
    """Read an image or a clip, and check by its content that the API takes it.

    Args:
        path: A local path, or `s3://bucket/key`.
        kind: What it should be. The provider takes images of 10 MB and clips of 50 MB ([D]), so
            that one fits into memory.
        credentials: For S3; None: boto3's own chain.

    Raises:
        InvalidRequest: It isn't there, can't be read, or is nothing that the API takes.
        StoreError: The bucket refuses, or does not answer.

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
    # The name goes out with the upload, and is kept with it.
    return MediaFile(without_query(path).rpartition("/")[2], content)


def read_object(uri: str) -> bytes | None:
    """The content of an S3 object, with boto3's own credentials; None if there is none.

    Args:
        uri: `s3://bucket/key`.

    Raises:
        ValueError: It is no such URI, or the object is enormous.
        StoreError: The bucket refuses, or does not answer.
    """
    store, key = BucketStore.for_uri(uri, None)
    return store.bucket.read(key, LONGEST)


def _read_local(path: str, kind: Kind) -> bytes:
    try:
        size = file_size(path)
        content = read_file(path, _LARGEST) if size_fault(size, kind) is None else b""
    except FileNotFoundError:
        what = "there is no such file here; a URL starts with https://"
        raise InvalidRequest([f"{path}: {what}"]) from None
    except (OSError, ValueError) as error:
        what = f"it can't be read: {why_unreadable(error)}"
        raise InvalidRequest([f"{path}: {what}"]) from None
    if fault := size_fault(size, kind):
        raise InvalidRequest([f"{path}: {fault}"])
    return content


async def _read_s3(uri: str, kind: Kind, credentials: S3Credentials | None) -> bytes:
    try:
        store, key = BucketStore.for_uri(uri, credentials)
    except ValueError as error:
        raise InvalidRequest([str(error)]) from None
    found = await store.head(key)
    if found and (fault := size_fault(found.size, kind)):
        raise InvalidRequest([f"{uri}: {fault}"])
    content = await store.read(key) if found else None
    if content is None:
        raise InvalidRequest([f"{uri}: there is no such object"])
    return content
