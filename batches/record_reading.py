"""Reads the record of a whole batch."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timezone

from prefect_toapis.batches.buyable import Buyable
from prefect_toapis.batches.documents import owner_of
from prefect_toapis.batches.errors import (
    DocumentDamaged,
    DocumentTooNew,
    ObjectRefused,
    StoreError,
)
from prefect_toapis.batches.identity import business_id
from prefect_toapis.batches.record import (
    Attempt,
    attempt_key,
    is_attempt,
    missing_number,
    number_of,
    read_attempt,
)
from prefect_toapis.batches.store import Store

_READS_AT_ONCE = 16


async def read_record(folder: str, store: Store) -> defaultdict[str, list[Attempt]]:
    """Read all attempts below a folder, by the folder of their record.

    Raises:
        StoreError: The bucket is unavailable.
    """
    keys = await store.list_keys(f"{folder}/")
    return await read_attempts([key for key in keys if is_attempt(key)], store)


async def read_attempts(keys: Sequence[str], store: Store) -> defaultdict[str, list[Attempt]]:
    """Read the attempts with these keys, by the folder of their record.

    An unreadable attempt only affects its own shot: it is returned as a submission in state
    `sending` whose `failure` has the reason.

    Raises:
        StoreError: The bucket is unavailable, or refuses the credentials.
    """
    at_once = asyncio.Semaphore(_READS_AT_ONCE)

    async def read(key: str) -> Attempt | None:
        try:
            async with at_once:
                content = await store.read(key)
            return None if content is None else read_attempt(content, key, store.uri(key))
        except (DocumentDamaged, DocumentTooNew, ObjectRefused) as error:
            return _unreadable(key, error)

    record: defaultdict[str, list[Attempt]] = defaultdict(list)
    for key, attempt in zip(keys, await asyncio.gather(*map(read, keys)), strict=True):
        if attempt:
            record[key.rpartition("/")[0]].append(attempt)
    return record


def latest(attempts: Sequence[Attempt]) -> Attempt | None:
    """Return the latest of a shot's attempts; None if it was never sent."""
    return max(attempts, key=lambda attempt: attempt.attempt, default=None)


async def refuse_lost(item: Buyable, store: Store) -> None:
    """Check that no attempt is missing from the record of an item outside a listed batch.

    Args:
        item: With its existing folder and record.
        store: Where it is stored.

    Raises:
        StoreError: The item has objects, but an attempt is missing; or the bucket is unavailable.
    """
    recorded = await store.list_keys(f"{item.record}/")
    others = [] if item.folder == item.record else await store.list_keys(f"{item.folder}/")
    number = missing_number({number_of(key) or 0 for key in recorded if is_attempt(key)})
    if number and (recorded or others):
        raise lost(item, number, store)


def lost(item: Buyable, number: int, store: Store) -> StoreError:
    """Return the error for an item that was sent but whose attempt is missing.

    Args:
        item: With its existing folder and record.
        number: Of the missing attempt.
        store: Where it was stored.
    """
    where = " and ".join(
        f"{store.uri(folder)}/" for folder in dict.fromkeys([item.record, item.folder])
    )
    error = StoreError(
        f"{store.uri(attempt_key(item.record, number))} is missing, although other objects of it "
        f"exist; nothing was submitted now: restore it, or delete {where} to buy it again",
        money="maybe spent",
    )
    item.name_in(error)
    return error


def _unreadable(key: str, error: DocumentDamaged | DocumentTooNew | ObjectRefused) -> Attempt:
    identity, number = owner_of(key.rpartition("/")[0]) or "", number_of(key) or 1
    return Attempt(
        shot_id=identity,
        attempt=number,
        business_id=business_id(identity, number),
        state="sending",
        sent_at=datetime.now(timezone.utc),
        failure=f"{error.message}. {error.advice}",
    )
