"""Making the characters of a batch, each source once."""

import asyncio
from collections.abc import Iterable, Mapping

from prefect.logging import get_run_logger

from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.flows.inputs import upload_files
from prefect_toapis.flows.progress import Progress
from prefect_toapis.planning.file_references import File
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.planning.spec import Character
from prefect_toapis.planning.spending import CharacterSpending
from prefect_toapis.records.characters import MadeCharacter, distinct, id_of
from prefect_toapis.tasks.characters import apoll_character, create_in_run
from prefect_toapis.tasks.options import Bind


async def make_characters(
    characters: Iterable[Character],
    files: Mapping[str, File],
    bind: Bind,
    settings: RunSettings,
    progress: Progress,
) -> tuple[dict[str, MadeCharacter], dict[str, ToAPIsError]]:
    """Make characters concurrently, each source once; a failure doesn't affect the others.

    Args:
        characters: Without faults; existing ones are skipped.
        files: The clips that they refer to, by reference.
        bind: Binds the blocks and settings of the run to the tasks.
        settings: `max_in_flight`.
        progress: Updated with the characters that this run paid for.

    Returns:
        The characters that were made, and the errors of the others, each by id.
    """
    wanted = distinct(characters)
    create, poll = bind(create_in_run), bind(apoll_character)
    in_flight = asyncio.Semaphore(settings.limits.max_in_flight)
    made: dict[str, MadeCharacter] = {}
    failed: dict[str, ToAPIsError] = {}
    clips = {character.url for character in wanted.values() if character.url}
    missing = await upload_files(clips, files, bind)

    async def make(identity: str, character: Character) -> None:
        if character.url and character.url in missing:
            failed[identity] = missing[character.url]
            return
        try:
            async with in_flight:
                created = await create(character)
                if created.bought_now:
                    progress.made.add(character.name)
                made[identity] = await poll(created.creation)
        except ToAPIsError as error:
            get_run_logger().error("%s", error)
            failed[identity] = error
        except Exception as error:  # noqa: BLE001 - an unexpected error must not stop the others
            get_run_logger().exception('Character "%s": unexpected', character.name)
            what = f'Character "{character.name}": {type(error).__name__}: run it again to go on'
            failed[identity] = ToAPIsError(what, money="maybe spent")

    await asyncio.gather(*[make(identity, character) for identity, character in wanted.items()])
    return made, failed


def first_failure(
    characters: Iterable[Character], failed: Mapping[str, ToAPIsError]
) -> ToAPIsError | None:
    """Return the error of the first character that couldn't be made; None if all were."""
    ids = map(id_of, characters)
    return next((failed[identity] for identity in ids if identity in failed), None)


def spending_on(
    characters: Iterable[Character],
    made: Mapping[str, MadeCharacter],
    failed: Mapping[str, ToAPIsError],
) -> list[CharacterSpending]:
    """Return what was spent on characters, in this run or an earlier one."""
    costs: list[CharacterSpending] = []
    for identity, character in distinct(characters).items():
        if created := made.get(identity):
            costs.append(CharacterSpending(character.name, "spent", created.task_id))
        elif error := failed.get(identity):
            costs.append(CharacterSpending(character.name, error.money, error.task_id))
    return costs
