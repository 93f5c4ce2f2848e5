"""Reads the registry of characters from the bucket."""

import asyncio
import logging
from collections.abc import Iterable
from functools import partial

from prefect_toapis.batches.casting import is_username
from prefect_toapis.batches.characters import (
    CHARACTER_FILE,
    CHARACTERS,
    REGISTRY_VERSION,
    CharacterOrder,
    MadeCharacter,
    character_key,
    order_of,
    registered,
)
from prefect_toapis.batches.documents import read_document
from prefect_toapis.batches.errors import DocumentDamaged
from prefect_toapis.batches.record import LONGEST_ID
from prefect_toapis.batches.spec import Character
from prefect_toapis.batches.store import Store
from prefect_toapis.client.references import is_reference
from prefect_toapis.client.urls import why_not_public

_READS_AT_ONCE = 16

logger = logging.getLogger("prefect_toapis")


async def with_existing_folder(character: Character, store: Store) -> CharacterOrder:
    """Return the order for a character, with the folder that exists for it in the bucket."""
    return order_of(character, registered(await store.list_keys(f"{CHARACTERS}/")))


async def read_made(folder: str, store: Store) -> MadeCharacter | None:
    """Read the character registered in a folder; None if it is missing or damaged.

    A damaged document is written again from the record of its creation, without paying.

    Raises:
        DocumentTooNew: It was written by a later version of this package.
        StoreError: The store is unavailable.
    """
    key, mismatch = character_key(folder), partial(_mismatch, folder)
    try:
        content = await store.read(key)
        if content is None:
            return None
        return read_document(MadeCharacter, content, store.uri(key), REGISTRY_VERSION, mismatch)
    except DocumentDamaged as damage:
        logger.warning("%s; its creation is queried again from the record", damage.message)
        return None


async def read_all(store: Store) -> list[MadeCharacter]:
    """Read all registered characters, the latest last.

    Raises:
        StoreError: As for `read_made`.
    """
    keys = await store.list_keys(f"{CHARACTERS}/")
    folders = [key.rpartition("/")[0] for key in keys if key.endswith(f"/{CHARACTER_FILE}")]
    made = (await _read_each(folders, store)).values()
    return sorted(made, key=lambda character: character.made_at)


async def read_known(characters: Iterable[Character], store: Store) -> dict[str, MadeCharacter]:
    """Read the characters that were made before, by their current names.

    Raises:
        StoreError: As for `read_made`.
    """
    to_make = [character for character in characters if not character.exists]
    if not to_make:
        return {}
    registry = registered(await store.list_keys(f"{CHARACTERS}/"))
    folders = {character.name: order_of(character, registry).folder for character in to_make}
    known = set(folders.values()) & set(registry.folders.values())
    made = await _read_each(known, store)
    return {name: made[folder] for name, folder in folders.items() if folder in made}


async def _read_each(folders: Iterable[str], store: Store) -> dict[str, MadeCharacter]:
    at_once = asyncio.Semaphore(_READS_AT_ONCE)

    async def read(folder: str) -> tuple[str, MadeCharacter | None]:
        async with at_once:
            return folder, await read_made(folder, store)

    found = await asyncio.gather(*map(read, folders))
    return {folder: made for folder, made in found if made}


def _mismatch(folder: str, made: MadeCharacter) -> str | None:
    if not made.belongs_in(folder):
        return "it belongs to another character"
    if not is_username(made.username):
        return "its username is not valid"
    # It is sent as `character_url`, which also accepts URLs: the bucket must not inject a URL.
    if any(
        "/" in task_id or len(task_id) > LONGEST_ID
        for task_id in (made.task_id, made.from_task or "")
    ):
        return "its task id is not valid"
    if made.url and not is_reference(made.url) and why_not_public(made.url, private=True):
        return "its clip is neither a fetchable URL nor a reference to a file's content"
    return None
