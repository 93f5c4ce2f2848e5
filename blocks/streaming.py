"""Streaming to S3 from readers that can't seek, in bounded memory."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import IO, TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from s3transfer.manager import TransferManager

PART = 5 * 1024 * 1024  # bytes: the least that S3 takes, and 10,000 of them, so up to 50 GB
PARTS_AT_ONCE = 4  # being sent or ready for it, of all uploads together; more bring no speed
UPLOADS_AT_ONCE = 32  # each fills one part

_SMALL = 1024 * 1024  # bytes: a read of no more gets no room
# The allocator keeps apart what each thread took: with a thread for each upload, memory that is
# free again for one would be no use to the others.
_ROOMS = ThreadPoolExecutor(1, thread_name_prefix="toapis-parts")


class Reader(Protocol):
    """Something to read bytes from: a file, a response, anything with `read`."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; b"" at the end only."""
        ...


class WholeReads:
    """A reader that gives as much as it is asked for, and claims nothing else.

    boto3 takes a short read for the end of the data: the rest would be read into memory at once,
    or the parts come out smaller than S3 allows. It would also seek, if it could.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._start = b""
        self.error: BaseException | None = None
        """What the reader raised, if it did."""

    @property
    def as_file(self) -> "IO[bytes]":
        """For boto3, which says that it wants more than it uses."""
        return cast("IO[bytes]", self)

    def single_part(self) -> bytes | None:
        """All of it, where that is less than a part. If not, `read` a part of it first."""
        self._start = self.read(PART)
        return self._start if len(self._start) < PART else None

    def read(self, size: int, /) -> bytes:
        """Exactly `size` bytes, or all that is left if there are fewer."""
        if self._start:
            start, self._start = self._start, b""
            return start
        small = BytesIO()
        if self._fill(small, min(size, _SMALL)) or size <= _SMALL:
            return small.getvalue()
        room = _ROOMS.submit(_preallocate, size).result()
        room.write(small.getbuffer())
        if self._fill(room, size - _SMALL):
            return room.getbuffer()[: room.tell()].tobytes()  # the room goes back in one piece
        return room.getvalue()  # the room itself, not a copy

    def _fill(self, whole: BytesIO, missing: int) -> int:
        """Read so many bytes, and say how many of them there weren't."""
        while missing > 0 and (piece := self._piece(missing)):
            whole.write(piece)
            missing -= len(piece)
        return missing

    def _piece(self, size: int) -> bytes:
        try:
            return self._reader.read(size)
        except BaseException as error:
            self.error = error
            raise


def _preallocate(size: int) -> BytesIO:
    """Memory for `size` bytes, taken at once: what grows is copied again and again."""
    room = BytesIO()
    room.seek(size - 1)
    room.write(b"\0")
    room.seek(0)
    return room


def new_transfers(client: "S3Client") -> "TransferManager":
    """What sends the parts of all uploads of a client, in threads that it keeps.

    An upload alone has all of them; many share them, so that memory doesn't grow with their size
    or number, but for the part that each is filling.
    """
    from boto3.s3.transfer import (  # noqa: PLC0415 - 0.4 s, so only when needed
        TransferConfig,
        create_transfer_manager,
    )

    config = TransferConfig(
        multipart_threshold=PART,
        multipart_chunksize=PART,
        max_concurrency=PARTS_AT_ONCE,
        preferred_transfer_client="classic",  # the other one doesn't heed these bounds
    )
    config.max_in_memory_upload_chunks = PARTS_AT_ONCE
    config.max_submission_concurrency = UPLOADS_AT_ONCE
    return create_transfer_manager(client, config)
