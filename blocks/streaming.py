"""Uploads of unknown length with bounded memory, and the threads that wait for them."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial, wraps
from io import BytesIO
from threading import Event
from typing import IO, TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from s3transfer.manager import TransferManager

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
Awaited = Coroutine[Any, Any, T]
Metadata = dict[str, str] | None

PART = 5 * 1024 * 1024  # bytes: S3's minimum; with its limit of 10,000 parts, up to 50 GB
PARTS_AT_ONCE = 4  # being sent or queued, of all uploads together; more aren't faster
UPLOADS_AT_ONCE = 32  # each fills a part
REQUESTS_AT_ONCE = 16

_SMALL = 1024 * 1024  # bytes: smaller reads need no preallocated buffer
# The allocator has an arena per thread, so buffers allocated in the upload threads couldn't reuse
# each other's memory.
_ALLOCATOR = ThreadPoolExecutor(1, thread_name_prefix="toapis-parts")


class Reader(Protocol):
    """A source of bytes: a file, a response, anything with `read`."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; b"" only at the end."""
        ...


class WholeReads:
    """A reader without short reads, and without any other method of files.

    boto3 treats a short read as the end of the data, which leads to parts that are too small, or
    to reading the rest into memory at once. It would also seek if that were supported.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._start = b""
        self.error: BaseException | None = None
        """The exception raised by the reader, if any."""

    @property
    def as_file(self) -> "IO[bytes]":
        """This object with the type that boto3 expects, although it only reads."""
        return cast("IO[bytes]", self)

    def single_part(self) -> bytes | None:
        """Return all data if it is less than a part; otherwise None, and `read` returns it."""
        self._start = self.read(PART)
        return self._start if len(self._start) < PART else None

    def read(self, size: int, /) -> bytes:
        """Return exactly `size` bytes, or the rest if there are fewer."""
        if self._start:
            start, self._start = self._start, b""
            return start
        small = BytesIO()
        if self._fill(small, min(size, _SMALL)) or size <= _SMALL:
            return small.getvalue()
        buffer = _ALLOCATOR.submit(_preallocate, size).result()
        buffer.write(small.getbuffer())
        if self._fill(buffer, size - _SMALL):
            used = buffer.getbuffer()[: buffer.tell()]
            return used.tobytes()  # so that the buffer is freed whole
        return buffer.getvalue()  # without a copy

    def _fill(self, buffer: BytesIO, missing: int) -> int:
        """Read `missing` bytes; return how many are still missing at the end of the data."""
        while missing > 0 and (chunk := self._chunk(missing)):
            buffer.write(chunk)
            missing -= len(chunk)
        return missing

    def _chunk(self, size: int) -> bytes:
        try:
            return self._reader.read(size)
        except BaseException as error:
            self.error = error
            raise


def new_transfers(client: "S3Client") -> "TransferManager":
    """Create the transfer manager that sends the parts of all uploads of a client.

    Its threads and buffers are shared by all uploads, so that memory doesn't grow with the size of
    uploads, and only by one part for each upload.
    """
    from boto3.s3.transfer import TransferConfig, create_transfer_manager  # noqa: PLC0415 - 0.4 s, so only when needed

    config = TransferConfig(
        multipart_threshold=PART,
        multipart_chunksize=PART,
        max_concurrency=PARTS_AT_ONCE,
        preferred_transfer_client="classic",  # the CRT client ignores these limits
    )
    config.max_in_memory_upload_chunks = PARTS_AT_ONCE
    config.max_submission_concurrency = UPLOADS_AT_ONCE
    return create_transfer_manager(client, config)


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


def _preallocate(size: int) -> BytesIO:
    """Return a buffer of `size` bytes; a growing buffer would be copied repeatedly."""
    buffer = BytesIO()
    buffer.seek(size - 1)
    buffer.write(b"\0")
    buffer.seek(0)
    return buffer


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
