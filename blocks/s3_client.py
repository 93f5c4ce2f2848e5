"""A boto3 client and transfer manager for each block, created on first use."""

from threading import Lock
from typing import TYPE_CHECKING

from prefect_toapis.blocks.s3_credentials import S3Credentials
from prefect_toapis.blocks.s3_errors import NotS3
from prefect_toapis.blocks.streaming import new_transfers

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from s3transfer.manager import TransferManager


class ClientOnce:
    """Creates a client on first use and caches it; thread-safe.

    Prefect copies, compares and pickles blocks, which boto3's clients don't support. So copies
    start without a client, and all instances are equal.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._made_with: S3Credentials | None = None
        self._client: S3Client | None = None
        self._transfers: TransferManager | None = None

    def get(self, credentials: S3Credentials | None) -> "S3Client":
        """Return the client for these credentials (None: boto3's default chain).

        Raises:
            StoreAccessRefused: The secret is masked.
            botocore.exceptions.BotoCoreError: The configuration is invalid.
        """
        with self._lock:  # creating clients is not thread-safe, using them is
            if self._client is None or self._made_with is not credentials:
                self._client = (credentials or S3Credentials()).get_client()
                self._made_with = credentials
                self._transfers = None
            return self._client

    def transfers(self, credentials: S3Credentials | None) -> "TransferManager":
        """Return the transfer manager of this client. Raises like `get`."""
        client = self.get(credentials)
        with self._lock:
            if self._transfers is None:
                self._transfers = new_transfers(client)
            return self._transfers

    def __eq__(self, other: object) -> bool:
        """Return True for all instances: blocks are equal whether or not they were used."""
        return isinstance(other, ClientOnce)

    def __hash__(self) -> int:
        """Return the same hash for all instances."""
        return hash(ClientOnce)

    def __reduce__(self) -> tuple[type["ClientOnce"], tuple[()]]:
        """Copies and pickles start without a client."""
        return ClientOnce, ()


def boto_errors() -> tuple[type[Exception], ...]:
    """Return the errors raised by boto3 and our hook, for `except` clauses; imported lazily."""
    from boto3.exceptions import Boto3Error  # noqa: PLC0415 - 0.4 s, so only when needed
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above
    from botocore.parsers import ResponseParserError  # noqa: PLC0415 - as above

    return BotoCoreError, ClientError, Boto3Error, ResponseParserError, NotS3
