"""Reads a file by its location: a path or a URI.

Other packages register readers for URI schemes (the blocks do for `s3`).
"""

from collections.abc import Callable

from prefect_toapis.client.local_files import read_file
from prefect_toapis.client.plain_text import shown_line

LONGEST = 1_000_000_000  # bytes: the manifest of a hundred thousand videos is a fifth of it

Reader = Callable[[str], bytes | None]

_readers: dict[str, Reader] = {}


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
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ValueError(f"{shown_line(location)}: {error}") from None
    if scheme not in _readers:
        known = ", ".join(f"{name}://" for name in sorted(_readers))
        raise ValueError(f"{shown_line(location)}: unsupported scheme; use a path or {known}")
    return _readers[scheme](location)
