"""Characters that are made, each once, and the registry that remembers them.

`characters/{name}-{first 12 of the id}/` holds the record of the creation, `attempt-1.json`, and
`character.json`, which is written last.
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
    """A character to be made: a `Buyable`, what is bought once.

    Args:
        name: What its user calls it: a label.
        request: What is sent.
        folder: Where the registry keeps it, below the bucket's prefix.
        record: Where the registry keeps its attempts; empty: not looked up yet.
    """

    name: str
    request: CharacterRequest
    folder: str
    record: str = ""

    @property
    def label(self) -> str:
        """As people see it."""
        return self.name

    @property
    def id(self) -> str:
        """Its identity: the clip and the part of it."""
        return character_id(self.request)

    @property
    def labels(self) -> tuple[str, str, str]:
        """Its name alone."""
        return self.name, "", ""

    @property
    def take(self) -> int:
        """A character is made once."""
        return 1

    def placed(self, folder: str, record: str) -> "CharacterOrder":
        """The same, where the registry has it."""
        return replace(self, folder=folder, record=record)

    @property
    def supports_lookup(self) -> bool:
        """False: no source says that a creation can be looked up by its business id ([A])."""
        return False

    def business_id(self, attempt: int) -> str:
        """The id of an attempt as the provider sees it."""
        return business_id(self.id, attempt)

    def name_in(self, error: ToAPIsError) -> None:
        """Have an error say that it is about this character."""
        name_in(error, self.name)


class CharacterCreation(BaseModel):
    """The creation of a character that was submitted, and paid for.

    Args:
        task_id: The provider's id of it.
        business_id: Ours.
        character: What it is made from; URLs without signatures.
        folder: Where the registry keeps it, below the bucket's prefix.
        attempt: Which try at buying it this is.
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
        """As people see it."""
        return self.character.name

    @property
    def order(self) -> CharacterOrder:
        """What was ordered; a signed URL is without its signature."""
        return CharacterOrder(self.label, creation_request(self.character), self.folder)

    def made(self, username: str, now: datetime) -> "MadeCharacter":
        """The character that came of it."""
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
    """A character that was made, as `character.json` remembers it.

    Args:
        name: What its user calls it.
        username: Its name at the provider, for prompts: `@username`.
        url: The clip that it was made from, without a signature, or a reference to the content
            of a file; or else:
        from_task: The generation that it was made from.
        timestamps: Where in the clip, as "start,end" in seconds; empty for one that came with
            a video of its own (`character_create`, `character_from_task`).
        model: The model that made it.
        task_id: The provider's id of the creation, or of that video.
        business_id: Ours.
        made_at: When it was remembered.
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
        """What it was made from: a URL, a file's content, or a task id."""
        return self.url or self.from_task or ""

    def belongs_in(self, folder: str) -> bool:
        """Whether the registry keeps it there, by what it was made from or came with."""
        source = CharacterRequest(
            model=self.model, timestamps=self.timestamps, url=self.url, from_task=self.from_task
        )
        ids = character_id(source), shown_character_id(self.task_id, self.username)
        return any(belongs_to(identity, folder) for identity in ids)

    def to_json(self) -> bytes:
        """What `character.json` holds."""
        return self.model_dump_json(indent=1, exclude_none=True).encode()


def unsigned(character: Character) -> Character:
    """The same character by identity: its URL carries no signature that is known as one.

    A creation refers to its record by it.
    """
    url = without_signature(character.url) if character.url else character.url
    return character.model_copy(update={"url": url})


def registered(keys: Iterable[str]) -> Inventory:
    """What the registry's keys tell without being read.

    Args:
        keys: All below `characters/`.
    """
    return take_inventory(CHARACTERS, keys, CHARACTER_FILE)


def order_of(character: Character, registry: Inventory) -> CharacterOrder:
    """What to order for a character, in the folder that the registry has for it.

    Args:
        character: One to be made, without faults.
        registry: Its folders may be named after earlier names of the character.
    """
    request = creation_request(character)
    short_id = character_id(request)[:FOLDER_ID]
    own = f"{CHARACTERS}/{_folder_name(character.name, short_id)}"
    folder = registry.folders.get(short_id, own)
    record = registry.records.get(short_id, record_folder(CHARACTERS, character_id(request)))
    return CharacterOrder(character.name, request, folder, record)


def distinct(characters: Iterable[Character]) -> dict[str, Character]:
    """The characters to be made, by id, each once whatever it is called."""
    found: dict[str, Character] = {}
    for character in characters:
        if not character.exists:
            found.setdefault(id_of(character), character)
    return found


def id_of(character: Character) -> str:
    """The id of a character to be made."""
    return character_id(creation_request(character))


def character_from_reply(
    generation: Generation, shot: Shot, reply: CharacterReply, now: datetime
) -> tuple[str, MadeCharacter]:
    """A character that came with a video, and the key that it is remembered under.

    Args:
        generation: The video's.
        shot: What it was for.
        reply: What the provider tells of the character.
        now: The time.
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
    """Where a character is remembered, by its folder."""
    return f"{folder}/{CHARACTER_FILE}"


def name_in(error: ToAPIsError, name: str) -> None:
    """Have an error say that it is about a character."""
    error.what = f'Character "{name}": {error.what}'


def _folder_name(name: str, short_id: str) -> str:
    return "-".join(filter(None, [slug(name), short_id]))
