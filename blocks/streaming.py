"""Streaming to S3 from a reader that can't seek, in bounded memory."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from boto3.s3.transfer import TransferConfig

PART = 8 * 1024 * 1024  # bytes; S3 takes 10,000 parts, so up to 80 GB
PARTS_IN_MEMORY = 2
THREADS_PER_UPLOAD = 2


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
        self.error: BaseException | None = None
        """What the reader raised, if it did."""

    def read(self, size: int | None = None, /) -> bytes:
        """Exactly `size` bytes, or all that is left if there are fewer; None: all that is left."""
        pieces = []
        missing = PART if size is None else size
        while missing > 0:
            piece = self._piece(missing)
            if not piece:
                break
            pieces.append(piece)
            missing = PART if size is None else missing - len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _piece(self, size: int) -> bytes:
        try:
            return self._reader.read(size)
        except BaseException as error:
            self.error = error
            raise


def transfer_config() -> "TransferConfig":
    """Bounds for one upload: its parts in memory, and its threads."""
    from boto3.s3.transfer import TransferConfig  # noqa: PLC0415 - 0.4 s, so only when needed

    config = TransferConfig(
        multipart_threshold=PART,
        multipart_chunksize=PART,
        max_concurrency=THREADS_PER_UPLOAD,
        preferred_transfer_client="classic",  # the other one doesn't heed these bounds
    )
    config.max_in_memory_upload_chunks = PARTS_IN_MEMORY
    return config
