"""Characters first: those that shots need are made before the shots, each once."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from prefect.logging import get_run_logger

from prefect_toapis.batches.casting import faults_of
from prefect_toapis.batches.characters import MadeCharacter, distinct, id_of
from prefect_toapis.batches.errors import InvalidBatch
from prefect_toapis.batches.files import File
from prefect_toapis.batches.spec import BatchSpec, Character, RunSettings
from prefect_toapis.batches.spending import CharacterSpending
from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.flows.preflight import blocks_or_faults
from prefect_toapis.flows.run_tasks import RunTasks
from prefect_toapis.flows.sources import Sources, read_sources
from prefect_toapis.flows.uploads import upload_files
from prefect_toapis.tasks.calling import either_flow
from prefect_toapis.tasks.characters import create_character, poll_character
from prefect_toapis.tasks.steps import account_of, is_private


@dataclass(frozen=True)
class Casting:
    """What came of making characters.

    Args:
        made: The characters, by id.
        failed: Why the others weren't made, by id.
    """

    made: dict[str, MadeCharacter]
    failed: dict[str, ToAPIsError]

    def failure_of(self, characters: Iterable[Character]) -> ToAPIsError | None:
        """Why the first of these that wasn't made was not; None if all were."""
        ids = map(id_of, characters)
        return next((self.failed[one] for one in ids if one in self.failed), None)

    def spending(self, characters: Iterable[Character]) -> list[CharacterSpending]:
        """What was spent on these, in this run or an earlier one."""
        costs: list[CharacterSpending] = []
        for identity, one in distinct(characters).items():
            if made := self.made.get(identity):
                costs.append(CharacterSpending(one.name, "spent", made.task_id))
            elif error := self.failed.get(identity):
                costs.append(CharacterSpending(one.name, error.money, error.task_id))
        return costs


async def make_characters(
    characters: Iterable[Character], files: Mapping[str, File], tasks: RunTasks
) -> Casting:
    """Make characters at once, each once whatever it is called, none able to stop another.

    Args:
        characters: Without faults; those that exist are left out.
        files: Where the clips are that they refer to, by reference.
        tasks: Of the run.
    """
    wanted = distinct(characters)
    create, poll = tasks.bind(create_character), tasks.bind(poll_character)
    in_flight = asyncio.Semaphore(tasks.settings.max_in_flight)
    casting = Casting({}, {})
    clips = {one.url for one in wanted.values() if one.url}
    missing = await upload_files(clips, files, tasks)

    async def make(identity: str, character: Character) -> None:
        if character.url and character.url in missing:
            casting.failed[identity] = missing[character.url]
            return
        try:
            async with in_flight:
                creation = await create(character)
                casting.made[identity] = await poll(creation)
        except ToAPIsError as error:
            get_run_logger().error("%s", error)
            casting.failed[identity] = error
        except Exception as error:  # noqa: BLE001 - Prefect's own faults must not stop the others
            get_run_logger().exception('Character "%s": unexpected', character.name)
            what = f'Character "{character.name}": {type(error).__name__}: run it again to go on'
            casting.failed[identity] = ToAPIsError(what, money="maybe spent")

    await asyncio.gather(*[make(identity, one) for identity, one in wanted.items()])
    return casting


@either_flow(name="create-characters")
async def create_characters(
    characters: list[Character],
    *,
    credentials: Annotated[ToAPIsCredentials | None, OrEmpty()] = None,
    bucket: Annotated[VideoBucket | None, OrEmpty()] = None,
    settings: RunSettings = RunSettings(),  # noqa: B008 - Prefect shows it; not changed
) -> list[MadeCharacter]:
    """Make characters from clips, each paid once: the registry in the bucket remembers them.

    Args:
        characters: Who is made, from which part of which clip (a URL, or a file). Those with a
            username exist already: they cost nothing and are left out.
        credentials: Whose ToAPIs account pays. Empty: the block named "default".
        bucket: Where the registry is. Empty: the block named "default".
        settings: Waits, bounds and retries: everything rarely touched.

    Returns:
        Those that were made, now or before, in the order they were given.

    Raises:
        InvalidBatch: Something is wrong with them; every fault is listed, nothing was bought.
        ToAPIsError: One could not be made; the others were, and are remembered.

    Example:
        ```python
        made = await create_characters(
            [Character(name="Baron", url="https://media.example/baron.mp4", timestamps="1,3")]
        )
        ```
    """
    faults: list[str] = []
    spec = BatchSpec(characters=characters)
    account, store = await blocks_or_faults(credentials, bucket, faults)
    sources = await read_sources(spec, store) if store else Sources(spec, {}, [])
    faults += sources.faults
    private = account is not None and await is_private(account)
    faults += [
        fault for one in sources.spec.characters for fault in faults_of(one, private=private)
    ]
    if faults or account is None or store is None:
        raise InvalidBatch(faults)
    to_make = [one for one in sources.spec.characters if not one.exists]
    tasks = RunTasks(account, store, settings)
    with account_of(account, settings):  # its limits hold until the run ends
        casting = await make_characters(to_make, sources.files, tasks)
    if error := casting.failure_of(to_make):
        raise error
    made = [(one.name, casting.made[id_of(one)]) for one in to_make]
    return [one.model_copy(update={"name": name}) for name, one in made]
