"""The threads that wait for S3 and for results, so that no event loop does.

They are bounded, and apart from asyncio's own, which others use too. Transfers have threads to
themselves, so that a slow one never holds up a record.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial, wraps
from threading import Event
from typing import Any, Concatenate, ParamSpec, TypeVar

from prefect_toapis.blocks.streaming import UPLOADS_AT_ONCE, Reader

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
Awaited = Coroutine[Any, Any, T]
Metadata = dict[str, str] | None

REQUESTS_AT_ONCE = 16


async def in_request_thread(work: Callable[[], T]) -> T:
    """Do what takes one short request."""
    return await asyncio.get_running_loop().run_in_executor(_for_requests(), work)


async def in_transfer_thread(work: Callable[[], T]) -> T:
    """Do what takes as long as a file is large."""
    return await asyncio.get_running_loop().run_in_executor(_for_transfers(), work)


def async_twin(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], Awaited[T]]:
    """A method for async code: the same, in a thread.

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
    """Upload what a reader gives. When this is cancelled, the reader's next read fails.

    Args:
        upload: Called in a thread with the rest.
        reader: Whose `read` is called there.
        content_type: Such as `video/mp4`.
        metadata: Kept with the object.
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
