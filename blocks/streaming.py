"""Uploads of unknown length with bounded memory, and the threads that wait for them."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial, wraps
from threading import Event
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
Awaited = Coroutine[Any, Any, T]
Metadata = dict[str, str] | None

PART = 5 * 1024 * 1024  # bytes: S3's minimum; with its limit of 10,000 parts, up to 50 GB
UPLOADS_AT_ONCE = 32  # each has a part in memory, and one that is being sent
REQUESTS_AT_ONCE = 16

_PIECE = 1024 * 1024  # bytes of a read


class Reader(Protocol):
    """A source of bytes: a file, a response, anything with `read`."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; b"" only at the end."""
        ...


class Pieces:
    """The data of a reader, in pieces as they come.

    Args:
        reader: It may return fewer bytes than asked for.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._start: list[bytes] = []
        self.error: BaseException | None = None
        """The exception raised by the reader, if any."""

    def single_part(self) -> bytes | None:
        """Return all data if it is less than a part; otherwise None, and iterating gives it."""
        missing = PART
        while missing > 0 and (piece := self._read(min(missing, _PIECE))):
            self._start.append(piece)
            missing -= len(piece)
        return b"".join(self._start) if missing > 0 else None

    def __iter__(self) -> Iterator[bytes]:
        """Yield what was read before, and then the rest."""
        while self._start:
            yield self._start.pop(0)
        while piece := self._read(_PIECE):
            yield piece

    def _read(self, size: int) -> bytes:
        try:
            return self._reader.read(size)
        except BaseException as error:
            self.error = error
            raise


async def in_request_thread(work: Callable[[], T]) -> T:
    """Run a function that sends a short request, in a thread."""
    return await asyncio.get_running_loop().run_in_executor(_for_requests(), work)


async def in_transfer_thread(work: Callable[[], T]) -> T:
    """Run a function that transfers a file, in a thread of a separate pool."""
    return await asyncio.get_running_loop().run_in_executor(_for_transfers(), work)


def async_twin(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], Awaited[T]]:
    """Return an async method that runs a method in a thread.

    Example:
        ```python
        class Folder:
            def read(self, key: str) -> bytes: ...

            aread = async_twin(read)
        ```
    """

    @wraps(method)
    async def twin(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        work: Callable[P, T] = getattr(self, method.__name__)  # a subclass may have its own
        return await in_request_thread(partial(work, *args, **kwargs))

    return twin


async def upload_in_thread(
    upload: Callable[[Reader, str, Metadata], None],
    reader: Reader,
    content_type: str,
    metadata: Metadata,
) -> None:
    """Upload the data of a reader. When cancelled, the next read fails.

    Args:
        upload: Called in a thread with the other arguments.
        reader: Its `read` is called in that thread.
        content_type: Such as `video/mp4`.
        metadata: Of the object.
    """
    source = _Stoppable(reader)
    try:
        await in_transfer_thread(partial(upload, source, content_type, metadata))
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


@cache
def _for_requests() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(REQUESTS_AT_ONCE, thread_name_prefix="toapis-s3")


@cache
def _for_transfers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(UPLOADS_AT_ONCE, thread_name_prefix="toapis-transfer")
