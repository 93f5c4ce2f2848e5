"""Random access to stored objects with Range requests, without loading them whole."""

import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefect_toapis.client.containers import container_check
from prefect_toapis.client.media import HEAD, media_type

if TYPE_CHECKING:
    from prefect_toapis.blocks.video_bucket import VideoBucket

_AT_ONCE = 256 * 1024  # bytes per request, and in memory
_HASHED_AT_ONCE = 4 * 1024 * 1024  # bytes


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
    return io.BufferedReader(_Ranges(bucket, key, size), _AT_ONCE)


@dataclass(frozen=True)
class Inspected:
    """The result of inspecting a stored video.

    Attributes:
        content_type: Detected from its first bytes; None: not a video.
        sha256: Of the content, in hex.
        fault: Why it is incomplete; None if no fault was found.
    """

    content_type: str | None
    sha256: str
    fault: str | None


def inspect_video(bucket: "VideoBucket", key: str, size: int) -> Inspected:
    """Read a stored object, and check that it is a complete video; see `sha256_of`."""
    found, check, content_type = hashlib.sha256(), None, None
    for start in range(0, size, _HASHED_AT_ONCE):
        piece = bucket.read_part(key, start, min(start + _HASHED_AT_ONCE, size))
        if start == 0:
            content_type = media_type(piece[:HEAD], "video")
            check = container_check(content_type or "")
        if check:
            check.feed(piece)
        found.update(piece)
    return Inspected(content_type, found.hexdigest(), check.finish() if check else None)


def sha256_of(bucket: "VideoBucket", key: str, size: int) -> str:
    """Return the hash of a stored object in hex, reading a few MB at a time.

    Args:
        bucket: Of the object.
        key: Of the object.
        size: Of the object, in bytes.
    """
    found = hashlib.sha256()
    for start in range(0, size, _HASHED_AT_ONCE):
        found.update(bucket.read_part(key, start, min(start + _HASHED_AT_ONCE, size)))
    return found.hexdigest()


class _Ranges(io.RawIOBase):
    def __init__(self, bucket: "VideoBucket", key: str, size: int) -> None:
        self._bucket = bucket
        self._key = key
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"{start + offset} is before the beginning")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: "memoryview", /) -> int:  # type: ignore[override]
        stop = min(self._at + len(buffer), self._size)
        if stop <= self._at:
            return 0
        piece = self._bucket.read_part(self._key, self._at, stop)
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
