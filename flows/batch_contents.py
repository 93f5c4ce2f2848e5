"""Reads the `shot.json` files of a batch, and checks them against the listing of the bucket."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prefect.logging import get_run_logger
from stamina import BoundAsyncRetryingCaller

from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.errors import DocumentDamaged, DocumentTooNew, ObjectRefused, StoreError
from prefect_toapis.planning.plan import Shot
from prefect_toapis.records.attempts import lost
from prefect_toapis.records.inventory import Inventory
from prefect_toapis.records.layout import shot_key
from prefect_toapis.records.store import Entry, Store
from prefect_toapis.records.stored_shots import (
    StoredShot,
    missing_files,
    read_stored,
    with_posters_there,
)

_READS_AT_ONCE = 16


@dataclass(frozen=True)
class StoredShots:
    """The stored shots of a batch, by the key of `shot.json`.

    Args:
        found: Shots whose videos exist.
        withheld: Files that can't be read and must not be overwritten: a later version of this
            package wrote them, or the store refuses access.
        broken: Faults of damaged files, and of shots with missing videos; both are repaired
            without paying.
        unread: Files that are temporarily unreadable.
        gone: Shots among `broken` whose videos are missing.
    """

    found: Mapping[str, StoredShot] = field(default_factory=dict)
    withheld: Mapping[str, DocumentTooNew | ObjectRefused] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, StoreError] = field(default_factory=dict)
    gone: Mapping[str, StoredShot] = field(default_factory=dict)

    def blocked(
        self, shots: Iterable[Shot], inventory: Inventory, store: Store
    ) -> dict[str, ToAPIsError]:
        """Return why some shots must not be processed, by shot id.

        Args:
            shots: With their existing folders.
            inventory: Of the batch.
            store: Contains the batch; for messages.
        """
        found: dict[str, ToAPIsError] = {}
        for shot in shots:
            if error := self.withheld.get(shot_key(shot)):
                found[shot.shot_id] = error.add_context(shot=shot.label)
            elif number := inventory.lost_attempt(shot):
                found[shot.shot_id] = lost(shot, number, store)
        return found


async def read_stored_shots(
    keys: Iterable[str],
    entries: Mapping[str, Entry],
    store: Store,
    retries: BoundAsyncRetryingCaller,
) -> StoredShots:
    """Read `shot.json` files, and compare them with the listing.

    Args:
        keys: Of the files.
        entries: The objects of the batch.
        store: Contains the batch.
        retries: Retries reads while the store is unavailable.
    """
    at_once = asyncio.Semaphore(_READS_AT_ONCE)
    found: dict[str, StoredShot] = {}
    withheld: dict[str, DocumentTooNew | ObjectRefused] = {}
    broken: dict[str, str] = {}
    unread: dict[str, StoreError] = {}
    incomplete: dict[str, StoredShot] = {}

    async def read(key: str) -> None:
        try:
            async with at_once:
                content = await retries(store.read, key)
            stored = read_stored(content or b"", key, store.uri(key))
        except (DocumentTooNew, ObjectRefused) as error:
            withheld[key] = error.add_context(money="spent")
        except DocumentDamaged as damage:
            broken[key] = damage.message
        except StoreError as error:
            unread[key] = error
        else:
            gone = ", ".join(store.uri(missing) for missing in missing_files(stored, entries))
            if gone:
                incomplete[key] = stored
                broken[key] = f"stored, but gone from the bucket or cut since: {gone}"
            else:
                found[key] = with_posters_there(stored, entries)

    await asyncio.gather(*map(read, keys))
    for fault in broken.values():
        get_run_logger().warning("%s", fault)
    return StoredShots(found, withheld, broken, unread, incomplete)
