"""Reading a file by its location, wherever that is.

This folder knows disks only; who knows a store registers a reader for its scheme (the blocks do
for `s3`).
"""

from collections.abc import Callable

from prefect_toapis.client.local_files import read_file
from prefect_toapis.client.plain_text import shown_line

LONGEST = 1_000_000_000  # bytes: the manifest of a hundred thousand videos is a fifth of it

Reader = Callable[[str], bytes | None]

_readers: dict[str, Reader] = {}


def register(scheme: str, reader: Reader) -> None:
    """Have locations of a scheme read by somebody.

    Args:
        scheme: Such as `s3`, for `s3://...`.
        reader: Brings the content at a location; None if there is nothing.
    """
    _readers[scheme] = reader


def read(location: str) -> bytes | None:
    """What is at a location; None if there is nothing.

    Args:
        location: A path, or a URI of a registered scheme.

    Raises:
        ValueError: Nobody reads such URIs, or it is no regular file, or an enormous one.
        OSError: The path can't be read.
        StoreError: The store refuses, or does not answer.

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
        raise ValueError(f"{shown_line(location)}: only a path or {known} can be read")
    return _readers[scheme](location)
