"""Reading what is stored of the shots of a batch, and believing only what the bucket shows."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prefect.logging import get_run_logger
from stamina import BoundAsyncRetryingCaller

from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.errors import (
    DocumentDamaged,
    DocumentTooNew,
    ObjectRefused,
    StoreError,
)
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
    """What is stored of a batch.

    Args:
        found: What `shot.json` says of each shot whose videos are there, by its key.
        withheld: Why some can't be read and must not be written anew, by key: a later version of
            this package wrote them, or the store refuses them.
        broken: What is wrong with those that are damaged or whose videos are gone, by key: they
            are made anew, without paying.
        unread: Why some can't be read now, by key.
        gone: Of the broken ones those whose videos are gone: what `shot.json` says, by key.
    """

    found: Mapping[str, StoredShot] = field(default_factory=dict)
    withheld: Mapping[str, DocumentTooNew | ObjectRefused] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, StoreError] = field(default_factory=dict)
    gone: Mapping[str, StoredShot] = field(default_factory=dict)

    def blocked(
        self, shots: Iterable[Shot], inventory: Inventory, store: Store
    ) -> dict[str, ToAPIsError]:
        """Why nothing may be done for some shots, by the shots' ids.

        Args:
            shots: Where the bucket has them.
            inventory: What the keys of the batch say.
            store: Where they are, for messages.
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
    """Read every `shot.json`, and compare it with the listing.

    Args:
        keys: Of the files.
        entries: What the bucket lists below the batch.
        store: To read from.
        retries: Calls the store, again and again while it is unavailable.
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
            gone = ", ".join(store.uri(one) for one in missing_files(stored, entries))
            if gone:
                incomplete[key] = stored
                broken[key] = f"stored, but gone from the bucket or cut since: {gone}"
            else:
                found[key] = with_posters_there(stored, entries)

    await asyncio.gather(*map(read, keys))
    for fault in broken.values():
        get_run_logger().warning("%s", fault)
    return StoredShots(found, withheld, broken, unread, incomplete)
