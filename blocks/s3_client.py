"""One boto3 client for each block, and what sends its uploads, made on first use."""

from threading import Lock
from typing import TYPE_CHECKING

from prefect_toapis.blocks.s3_credentials import S3Credentials
from prefect_toapis.blocks.s3_errors import NotS3
from prefect_toapis.blocks.streaming import new_transfers

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from s3transfer.manager import TransferManager


class ClientOnce:
    """Makes a client once and keeps it; thread-safe.

    Blocks are copied, compared and pickled by Prefect, and boto3's clients can be none of that:
    so a copy of this starts empty, and all are equal.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._made_with: S3Credentials | None = None
        self._client: S3Client | None = None
        self._transfers: TransferManager | None = None

    def get(self, credentials: S3Credentials | None) -> "S3Client":
        """The client for these credentials (None: boto3's own chain).

        Raises:
            StoreAccessRefused: The secret is masked.
            botocore.exceptions.BotoCoreError: The configuration is no good.
        """
        with self._lock:  # making clients is not thread-safe, using them is
            if self._client is None or self._made_with is not credentials:
                self._client = (credentials or S3Credentials()).get_client()
                self._made_with = credentials
                self._transfers = None
            return self._client

    def transfers(self, credentials: S3Credentials | None) -> "TransferManager":
        """What sends the uploads of this client. Raises as `get`."""
        client = self.get(credentials)
        with self._lock:
            if self._transfers is None:
                self._transfers = new_transfers(client)
            return self._transfers

    def __eq__(self, other: object) -> bool:
        """All are equal: two blocks are the same whether or not they were used."""
        return isinstance(other, ClientOnce)

    def __hash__(self) -> int:
        """As `__eq__` asks for."""
        return hash(ClientOnce)

    def __reduce__(self) -> tuple[type["ClientOnce"], tuple[()]]:
        """Copies and pickles start without a client."""
        return ClientOnce, ()


def boto_errors() -> tuple[type[Exception], ...]:
    """What boto3 (and our hook in it) raises: for `except` clauses, without importing it early."""
    from boto3.exceptions import Boto3Error  # noqa: PLC0415 - 0.4 s, so only when needed
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above
    from botocore.parsers import ResponseParserError  # noqa: PLC0415 - as above

    return BotoCoreError, ClientError, Boto3Error, ResponseParserError, NotS3
