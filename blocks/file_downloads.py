"""Downloads objects of a bucket to local files: resumed, checked, and never half there."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Literal

from prefect_toapis.blocks.streaming import in_transfer_thread
from prefect_toapis.blocks.video_bucket import VideoBucket
from prefect_toapis.errors import StoreError

Downloaded = Literal["fetched", "resumed", "there", "replaced"]

_PIECE = 4 * 1024 * 1024  # bytes of a request, and in memory
_SUFFIX = ".part"  # of a file that isn't complete


@dataclass(frozen=True)
class Wanted:
    """An object to download.

    Args:
        key: Relative to the bucket's prefix.
        size: In bytes.
        sha256: Of its content, in hex.
    """

    key: str
    size: int
    sha256: str


async def download_file(
    bucket: VideoBucket, wanted: Wanted, path: Path, advance: Callable[[int], object]
) -> Downloaded:
    """Download an object to a file, unless the file has its content already.

    The content is written to `{path}.part`, which a later call continues, and renamed when size and
    SHA-256 are right. Links are replaced, never followed.

    Args:
        bucket: Contains the object.
        wanted: The object.
        path: Of the file; its folder exists.
        advance: Called with the number of bytes that were fetched, or are there already.

    Returns:
        `there`: nothing was fetched; `replaced`: the file had another content.

    Raises:
        OSError: The file can't be written; the disk may be full.
        StoreError: The bucket refuses, is unavailable, or has another content than the manifest
            says.
    """
    existed = _is_file(path)
    if existed and await in_transfer_thread(partial(_has, path, wanted)):
        advance(wanted.size)
        return "there"
    part = path.with_name(path.name + _SUFFIX)
    resumed = await _fetch(bucket, wanted, part, advance)
    os.replace(part, path)  # noqa: PTH105 - raises with both names
    if existed:
        return "replaced"
    return "resumed" if resumed else "fetched"


async def _fetch(
    bucket: VideoBucket, wanted: Wanted, part: Path, advance: Callable[[int], object]
) -> bool:
    """Fetch what is missing of a file; return whether a part was there."""
    with _open(part) as file:
        seen = hashlib.sha256()
        start = await in_transfer_thread(partial(_reread, file, wanted.size, seen))
        resumed, done = start > 0, start
        advance(start)
        while True:
            while done < wanted.size:
                piece = await in_transfer_thread(partial(_piece, bucket, wanted, done))
                await in_transfer_thread(partial(_append, file, piece, seen))
                done += len(piece)
                advance(len(piece))
            if seen.hexdigest() == wanted.sha256:
                await in_transfer_thread(partial(_flush, file))
                return resumed
            if not start:  # fetched whole
                raise StoreError(
                    f"{bucket.uri(wanted.key)} has another content than the manifest says",
                    advice="Run the batch again: it checks its videos and rewrites the manifest.",
                )
            seen = hashlib.sha256()  # what was there is of another content, or damaged
            file.seek(0)
            file.truncate()
            advance(-done)
            start = done = 0
            resumed = False


def _is_file(path: Path) -> bool:
    """Return whether there is a regular file.

    Raises:
        OSError: There is something that can't be replaced, such as a folder.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return stat.S_ISREG(mode)


def _has(path: Path, wanted: Wanted) -> bool:
    if path.stat().st_size != wanted.size:
        return False
    with path.open("rb") as file:
        return _hash(file, hashlib.sha256()).hexdigest() == wanted.sha256


def _open(part: Path) -> IO[bytes]:
    """Open an incomplete file for reading and writing; one that is no regular file is replaced."""
    if not _is_file(part):
        part.unlink(missing_ok=True)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(part, flags, 0o666), "r+b")


def _reread(file: IO[bytes], size: int, seen: "hashlib._Hash") -> int:
    """Hash what an incomplete file has; return its length, 0 if it has too much."""
    if os.fstat(file.fileno()).st_size > size:
        file.truncate(0)
    _hash(file, seen)
    return file.tell()


def _hash(file: IO[bytes], seen: "hashlib._Hash") -> "hashlib._Hash":
    while piece := file.read(_PIECE):
        seen.update(piece)
    return seen


def _piece(bucket: VideoBucket, wanted: Wanted, start: int) -> bytes:
    stop = min(start + _PIECE, wanted.size)
    piece = bucket.read_part(wanted.key, start, stop)
    if len(piece) != stop - start:
        raise StoreError(
            f"{bucket.uri(wanted.key)} is shorter than the manifest says",
            advice="Run the batch again: it checks its videos and rewrites the manifest.",
        )
    return piece


def _append(file: IO[bytes], piece: bytes, seen: "hashlib._Hash") -> None:
    file.write(piece)
    file.flush()  # a full disk is noticed here, and what was fetched is resumed
    seen.update(piece)


def _flush(file: IO[bytes]) -> None:
    os.fsync(file.fileno())
