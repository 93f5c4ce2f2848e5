"""What a batch needs of the place it is stored in."""

from typing import Protocol

JSON = "application/json"  # the content type of records


class Store(Protocol):
    """A flat space of keys. `VideoBucket` is one over S3; a test may be one over a dict.

    Every method may raise `StoreAccessRefused`, `StoreMissing` or `StoreUnavailable`.
    """

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
