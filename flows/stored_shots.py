"""Reading what is stored of shots."""

import asyncio

from prefect.logging import get_run_logger
from pydantic import ValidationError

from prefect_toapis.batches.errors import StoreError
from prefect_toapis.batches.inventory import SHOT_FILE
from prefect_toapis.batches.manifest import StoredShot
from prefect_toapis.flows.preflight import Ready

_READS_AT_ONCE = 16


async def read_stored(ready: Ready, key: str) -> StoredShot | None:
    """A `shot.json`; None if there is none.

    Args:
        ready: The batch.
        key: Of the file.

    Raises:
        StoreError: The bucket doesn't answer, or the file can't be understood.
    """
    content = await ready.patient()(ready.store.read, key)
    return _parsed(ready, key, content) if content else None


async def read_all_stored(ready: Ready) -> dict[str, StoredShot]:
    """Every `shot.json` of a batch that can be read now, by its key.

    A run reads them before it buys: it knows whose the generations are that are stored, and has
    their rows even if the bucket can't be read later. At its end it doesn't read them again.
    """
    inventory, at_once = ready.inventory, asyncio.Semaphore(_READS_AT_ONCE)
    keys = [f"{inventory.folders[shot]}/{SHOT_FILE}" for shot in sorted(inventory.stored)]
    contents: dict[str, bytes | None] = {}

    async def read(key: str) -> None:
        async with at_once:
            contents[key] = await ready.store.read(key)

    try:
        await asyncio.gather(*map(read, keys))
    except StoreError as error:  # the bucket's state decides at the end of the run, not here
        get_run_logger().warning("Not everything that is stored can be read: %s", error.what)
    parsed = {key: _tried(ready, key, content) for key, content in contents.items() if content}
    return {key: shot for key, shot in parsed.items() if shot}


def _tried(ready: Ready, key: str, content: bytes) -> StoredShot | None:
    try:
        return _parsed(ready, key, content)
    except StoreError as error:
        get_run_logger().warning("%s", error.what)
        return None


def _parsed(ready: Ready, key: str, content: bytes) -> StoredShot:
    try:
        return StoredShot.model_validate_json(content)
    except ValidationError as error:
        what = f"{ready.bucket.uri(key)} is damaged, or of a later version"
        raise StoreError(what) from error
