"""The registry of characters, read from its bucket."""

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
    """What to order for a character, in the folder that the bucket has for it."""
    return order_of(character, registered(await store.list_keys(f"{CHARACTERS}/")))


async def read_made(folder: str, store: Store) -> MadeCharacter | None:
    """The character that is remembered in a folder; None if none is, not yet, or not legibly.

    A damaged one is written anew from the record of its creation, without paying.

    Raises:
        DocumentTooNew: A later version of this package wrote it.
        StoreError: The store doesn't answer.
    """
    key, mismatch = character_key(folder), partial(_mismatch, folder)
    try:
        content = await store.read(key)
        if content is None:
            return None
        return read_document(MadeCharacter, content, store.uri(key), REGISTRY_VERSION, mismatch)
    except DocumentDamaged as damage:
        logger.warning("%s; it is asked for again by the record of its creation", damage.what)
        return None


async def read_all(store: Store) -> list[MadeCharacter]:
    """Every character that is remembered, the latest last; raises as `read_made`."""
    keys = await store.list_keys(f"{CHARACTERS}/")
    folders = [key.rpartition("/")[0] for key in keys if key.endswith(f"/{CHARACTER_FILE}")]
    made = (await _read_each(folders, store)).values()
    return sorted(made, key=lambda character: character.made_at)


async def read_known(characters: Iterable[Character], store: Store) -> dict[str, MadeCharacter]:
    """The characters that were made before, by the names they have now.

    Raises:
        StoreError: As `read_made`.
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
        return "it is about another character"
    if not is_username(made.username):
        return "its username is not one"
    # It goes out as `character_url`, which may be a URL, too: the bucket must not choose one.
    if any(
        "/" in task_id or len(task_id) > LONGEST_ID
        for task_id in (made.task_id, made.from_task or "")
    ):
        return "its task id is not one"
    if made.url and not is_reference(made.url) and why_not_public(made.url, private=True):
        return "its clip is neither at a URL that can be fetched nor a file's content"
    return None
