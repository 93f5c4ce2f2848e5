"""Characters: their orders, creations, and the registry in the bucket."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from pydantic import BaseModel, ConfigDict

from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.references import is_reference
from prefect_toapis.client.replies import CharacterReply
from prefect_toapis.client.requests import CharacterRequest
from prefect_toapis.client.urls import why_not_public, without_query, without_signature
from prefect_toapis.errors import DocumentDamaged
from prefect_toapis.planning.casting import creation_request, is_username
from prefect_toapis.planning.identity import (
    FOLDER_ID,
    business_id,
    character_id,
    shown_character_id,
)
from prefect_toapis.planning.labels import slug
from prefect_toapis.planning.plan import Shot
from prefect_toapis.planning.spec import Character
from prefect_toapis.records.attempts import LONGEST_ID, Attempt, read_record
from prefect_toapis.records.documents import Moment, read_document
from prefect_toapis.records.generations import Generation
from prefect_toapis.records.inventory import Inventory, take_inventory
from prefect_toapis.records.layout import (
    CHARACTER_FILE,
    CHARACTERS,
    belongs_to,
    character_key,
    record_folder,
)
from prefect_toapis.records.store import Store

REGISTRY_VERSION = 1

_READS_AT_ONCE = 16
logger = logging.getLogger("prefect_toapis")


@dataclass(frozen=True)
class CharacterOrder:
    """A character to be created: a `Buyable`, paid once.

    Args:
        name: The user's name for it: a label.
        request: To send.
        folder: Its folder in the registry, below the bucket's prefix.
        record: The folder of its attempts; empty: not looked up yet.
    """

    name: str
    request: CharacterRequest
    folder: str
    record: str = ""

    @property
    def label(self) -> str:
        """The display label."""
        return self.name

    @property
    def id(self) -> str:
        """Its id: a hash of the clip and the timestamps."""
        return character_id(self.request)

    @property
    def labels(self) -> tuple[str, str, str]:
        """Its name alone."""
        return self.name, "", ""

    @property
    def take(self) -> int:
        """1: a character is created once."""
        return 1

    def placed(self, folder: str, record: str) -> "CharacterOrder":
        """Return a copy with the folder and record that the registry has for it."""
        return replace(self, folder=folder, record=record)

    @property
    def candidates(self) -> list[CharacterRequest]:
        """The request alone: a character has no fallbacks."""
        return [self.request]

    def with_request(self, request: CharacterRequest) -> "CharacterOrder":
        """Return a copy with another request."""
        return replace(self, request=request)

    @property
    def supports_lookup(self) -> bool:
        """False: looking up creations by their business id is not documented ([A])."""
        return False

    def business_id(self, attempt: int) -> str:
        """Return the business id that the provider gets for an attempt."""
        return business_id(self.id, attempt)

    def name_in(self, error: ToAPIsError) -> None:
        """Add this character's name to an error."""
        name_in(error, self.name)


class CharacterCreation(BaseModel):
    """The creation of a character that was submitted and paid.

    Args:
        task_id: The provider's task id.
        business_id: This package's id of the attempt.
        character: The character's definition; URLs without signatures.
        folder: Its folder in the registry, below the bucket's prefix.
        attempt: The number of the attempt.
        submitted_at: When it was sent.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    task_id: str
    business_id: str
    character: Character
    folder: str
    attempt: int = 1
    submitted_at: datetime | None = None

    @property
    def label(self) -> str:
        """The display label."""
        return self.character.name

    @property
    def order(self) -> CharacterOrder:
        """The order; URLs without signatures."""
        return CharacterOrder(self.label, creation_request(self.character), self.folder)

    def made(self, username: str, now: datetime) -> "MadeCharacter":
        """Return the created character."""
        return MadeCharacter(
            name=self.character.name,
            username=username,
            url=without_query(self.character.url) if self.character.url else None,
            from_task=self.character.from_task,
            timestamps=self.character.timestamps or "",
            model=self.character.model,
            task_id=self.task_id,
            business_id=self.business_id,
            made_at=now,
        )


class MadeCharacter(BaseModel):
    """A created character, as stored in `character.json`.

    Args:
        name: The user's name for it.
        username: Its name at the provider, for prompts: `@username`.
        url: The clip that it was made from: a URL without signature, or a reference to the
            content of a file.
        from_task: The generation that it was made from, if not a clip.
        timestamps: The part of the clip, as "start,end" in seconds; empty for a character that
            came with a video (`character_create`, `character_from_task`).
        model: The model that made it.
        task_id: The provider's task id of the creation, or of that video.
        business_id: This package's id of the attempt.
        made_at: When it was registered.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    version: int = REGISTRY_VERSION
    name: str
    username: str
    url: str | None = None
    from_task: str | None = None
    timestamps: str = ""
    model: str
    task_id: str
    business_id: str
    made_at: Moment

    @property
    def source(self) -> str:
        """The source: a URL, a reference to a file's content, or a task id."""
        return self.url or self.from_task or ""

    def belongs_in(self, folder: str) -> bool:
        """Return whether a registry folder is that of this character, by its source."""
        source = CharacterRequest(
            model=self.model, timestamps=self.timestamps, url=self.url, from_task=self.from_task
        )
        ids = character_id(source), shown_character_id(self.task_id, self.username)
        return any(belongs_to(identity, folder) for identity in ids)

    def to_json(self) -> bytes:
        """Return the content of `character.json`."""
        return self.model_dump_json(indent=1, exclude_none=True).encode()


def unsigned(character: Character) -> Character:
    """Return the character without known signatures in its URL; its id stays the same.

    A creation refers to its record by it.
    """
    url = without_signature(character.url) if character.url else character.url
    return character.model_copy(update={"url": url})


def registered(keys: Iterable[str]) -> Inventory:
    """Take the inventory of the registry from its keys.

    Args:
        keys: All keys below `characters/`.
    """
    return take_inventory(CHARACTERS, keys, CHARACTER_FILE)


def order_of(character: Character, registry: Inventory) -> CharacterOrder:
    """Return the order for a character, with its existing folder in the registry if it has one.

    Args:
        character: To be created; without faults.
        registry: Its folders may contain earlier names of the character.
    """
    request = creation_request(character)
    short_id = character_id(request)[:FOLDER_ID]
    own = f"{CHARACTERS}/{_folder_name(character.name, short_id)}"
    folder = registry.folders.get(short_id, own)
    record = registry.records.get(short_id, record_folder(CHARACTERS, character_id(request)))
    return CharacterOrder(character.name, request, folder, record)


def distinct(characters: Iterable[Character]) -> dict[str, Character]:
    """Return the characters to be created, by id, without duplicates under different names."""
    found: dict[str, Character] = {}
    for character in characters:
        if not character.exists:
            found.setdefault(id_of(character), character)
    return found


def id_of(character: Character) -> str:
    """Return the id of a character to be created."""
    return character_id(creation_request(character))


def character_from_reply(
    generation: Generation, shot: Shot, reply: CharacterReply, now: datetime
) -> tuple[str, MadeCharacter]:
    """Return a character that came with a video, and its key in the registry.

    Args:
        generation: Of the video.
        shot: Of the generation.
        reply: The provider's data of the character.
        now: The current time.
    """
    username = reply.username.removeprefix("@")
    made = MadeCharacter(
        name=reply.display_name or username,
        username=username,
        from_task=shot.request.given().get("character_from_task", generation.task_id),
        model=shot.request.model,
        task_id=generation.task_id,
        business_id=generation.business_id,
        made_at=now,
    )
    short_id = shown_character_id(generation.task_id, username)[:FOLDER_ID]
    return character_key(f"{CHARACTERS}/{_folder_name(made.name, short_id)}"), made


def name_in(error: ToAPIsError, name: str) -> None:
    """Add a character's name to an error."""
    error.message = f'Character "{name}": {error.message}'


async def with_existing_folder(character: Character, store: Store) -> CharacterOrder:
    """Return the order for a character, with the folder that exists for it in the bucket."""
    return order_of(character, registered(await store.list_keys(f"{CHARACTERS}/")))


async def creation_attempts(
    characters: Iterable[Character], store: Store
) -> list[Sequence[Attempt]]:
    """Return the recorded attempts to create each of some characters, in their order.

    Raises:
        StoreError: The store is unavailable.
    """
    record = await read_record(CHARACTERS, store)
    registry = registered(await store.list_keys(f"{CHARACTERS}/"))
    return [record[order_of(character, registry).record] for character in characters]


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


def _folder_name(name: str, short_id: str) -> str:
    return "-".join(filter(None, [slug(name), short_id]))


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
