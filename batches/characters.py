"""Created characters, and the registry that stores them so that each is created only once.

`characters/{name}-{first 12 of the id}/` contains `character.json`, which is written last; the
record of the creation is below `characters/records/`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from prefect_toapis.batches.casting import creation_request
from prefect_toapis.batches.documents import Moment, belongs_to
from prefect_toapis.batches.generation import Generation
from prefect_toapis.batches.identity import (
    FOLDER_ID,
    business_id,
    character_id,
    shown_character_id,
)
from prefect_toapis.batches.inventory import Inventory, take_inventory
from prefect_toapis.batches.naming import slug
from prefect_toapis.batches.plan import Shot
from prefect_toapis.batches.record import record_folder
from prefect_toapis.batches.spec import Character
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.replies import CharacterReply
from prefect_toapis.client.requests import CharacterRequest
from prefect_toapis.client.urls import without_query, without_signature

CHARACTERS = "characters"  # the registry's folder
CHARACTER_FILE = "character.json"
REGISTRY_VERSION = 1


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


def character_key(folder: str) -> str:
    """Return the key of a character's document in the registry, from its folder."""
    return f"{folder}/{CHARACTER_FILE}"


def name_in(error: ToAPIsError, name: str) -> None:
    """Add a character's name to an error."""
    error.message = f'Character "{name}": {error.message}'


def _folder_name(name: str, short_id: str) -> str:
    return "-".join(filter(None, [slug(name), short_id]))
