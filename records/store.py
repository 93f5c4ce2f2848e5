"""The interface of a store, and reading files by URI."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, Protocol

from prefect_toapis.client.local_files import read_file, why_unreadable
from prefect_toapis.client.plain_text import shown_line

JSON = "application/json"  # the content type of records

LONGEST = 1_000_000_000  # bytes: the manifest of a hundred thousand videos is a fifth of it
Reader = Callable[[str], bytes | None]
_readers: dict[str, Reader] = {}


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


def register(scheme: str, reader: Reader) -> None:
    """Register a reader for a URI scheme.

    Args:
        scheme: Such as `s3`, for `s3://...`.
        reader: Returns the content at a location; None if it doesn't exist.
    """
    _readers[scheme] = reader


def read(location: str) -> bytes | None:
    """Return the content at a location; None if it doesn't exist.

    Args:
        location: A path, or a URI of a registered scheme.

    Raises:
        ValueError: The scheme isn't registered, or the path isn't a regular file or too large.
        OSError: The path can't be read.
        StoreError: The store refuses, or is unavailable.

    Example:
        >>> read("no/such.file") is None
        True
    """
    scheme, mark, _ = location.partition("://")
    if not mark:
        try:
            return read_file(location, LONGEST)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            why = f"{shown_line(location)}: {why_unreadable(error)}"
            raise (OSError if isinstance(error, OSError) else ValueError)(why) from None
    if scheme not in _readers:
        known = ", ".join(f"{name}://" for name in sorted(_readers))
        raise ValueError(f"{shown_line(location)}: unsupported scheme; use a path or {known}")
    return _readers[scheme](location)
