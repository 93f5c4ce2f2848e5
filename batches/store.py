"""What a batch needs of the place it is stored in."""

from datetime import datetime
from typing import NamedTuple, Protocol

JSON = "application/json"  # the content type of records


class Entry(NamedTuple):
    """What a listing says of an object.

    Attributes:
        size: In bytes.
        modified: When it was written last, by the store's clock.
    """

    size: int
    modified: datetime


class Store(Protocol):
    """A flat space of keys. `VideoBucket` is one over S3; a test may be one over a dict.

    Every method but `uri` may raise `StoreAccessRefused`, `StoreMissing` or `StoreUnavailable`.
    """

    def uri(self, key: str = "") -> str:
        """The whole address of a key, as `s3://bucket/prefix/key`."""
        ...

    async def read(self, key: str) -> bytes | None:
        """The content under a key; None if there is none."""
        ...

    async def write(self, key: str, content: bytes, content_type: str) -> None:
        """Put content under a key, over whatever is there."""
        ...

    async def create(self, key: str, content: bytes, content_type: str) -> bool:
        """Put content under a key unless there is some; False if there was."""
        ...

    async def list_keys(self, prefix: str) -> list[str]:
        """Every key that starts with a prefix."""
        ...

    async def list_entries(self, prefix: str) -> dict[str, Entry]:
        """What is under every key that starts with a prefix."""
        ...
