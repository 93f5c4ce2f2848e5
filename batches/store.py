"""The protocol of the store that a batch is written to."""

from datetime import datetime
from typing import NamedTuple, Protocol

JSON = "application/json"  # the content type of records


class Entry(NamedTuple):
    """The metadata of a listed object.

    Attributes:
        size: In bytes.
        modified: Time of the last write, by the store's clock.
    """

    size: int
    modified: datetime


class Store(Protocol):
    """A flat key-value store. `BucketStore` implements it with S3; tests may use a dict.

    Every method but `uri` may raise `StoreAccessRefused`, `StoreMissing` or `StoreUnavailable`.
    """

    def uri(self, key: str = "") -> str:
        """Return the full URI of a key, as `s3://bucket/prefix/key`."""
        ...

    async def read(self, key: str) -> bytes | None:
        """Return the content of an object; None if it doesn't exist."""
        ...

    async def write(self, key: str, content: bytes, content_type: str) -> None:
        """Write an object, overwriting any existing object."""
        ...

    async def create(self, key: str, content: bytes, content_type: str) -> bool:
        """Write an object unless it exists; return False if it does."""
        ...

    async def list_keys(self, prefix: str) -> list[str]:
        """Return all keys with a prefix."""
        ...

    async def list_entries(self, prefix: str) -> dict[str, Entry]:
        """Return the metadata of all objects with a prefix, by key."""
        ...
