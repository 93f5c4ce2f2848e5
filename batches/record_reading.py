"""The record of a whole batch, read at once."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from prefect_toapis.batches.record import Attempt, is_attempt, read_attempt
from prefect_toapis.batches.store import Store

_READS_AT_ONCE = 16


async def read_record(folder: str, store: Store) -> defaultdict[str, list[Attempt]]:
    """Every attempt below a folder, by the shot's or character's own folder.

    Raises:
        StoreError: The record can't be read.
    """
    keys = await store.list_keys(f"{folder}/")
    return await read_attempts([key for key in keys if is_attempt(key)], store)


async def read_attempts(keys: Sequence[str], store: Store) -> defaultdict[str, list[Attempt]]:
    """The attempts under some keys, by the shot's or character's own folder.

    Raises:
        StoreError: The record can't be read.
    """
    at_once = asyncio.Semaphore(_READS_AT_ONCE)

    async def read(key: str) -> bytes | None:
        async with at_once:
            return await store.read(key)

    record: defaultdict[str, list[Attempt]] = defaultdict(list)
    for key, content in zip(keys, await asyncio.gather(*map(read, keys)), strict=True):
        if content:
            record[key.rpartition("/")[0]].append(read_attempt(content, key))
    return record


def latest(attempts: Sequence[Attempt]) -> Attempt | None:
    """The latest of a shot's attempts; None if it was never sent."""
    return max(attempts, key=lambda one: one.attempt, default=None)
