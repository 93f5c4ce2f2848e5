"""What is known of a stored object, and of the store itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple


class StoredObject(NamedTuple):
    """What a HEAD tells of an object."""

    size: int
    """In bytes."""
    etag: str
    """As the store gives it, without quotes; stores differ in how they make it."""
    content_type: str
    metadata: Mapping[str, str] = MappingProxyType({})
    """By lower-case names."""


@dataclass(frozen=True)
class StoreTraits:
    """What a write probe found out about a store.

    Attributes:
        conditional_create: `create` is safe between several writers. False: the store ignores
            `If-None-Match` (or refuses it), and one run per batch at a time is the user's part.
    """

    conditional_create: bool
