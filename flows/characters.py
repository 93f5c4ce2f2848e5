"""Characters first: those that shots need are made before the shots, each once."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from prefect.logging import get_run_logger

from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.errors import InvalidBatch
from prefect_toapis.flows.default_blocks import blocks_or_faults
from prefect_toapis.flows.inputs import Sources, read_sources, upload_files
from prefect_toapis.flows.progress import Progress
from prefect_toapis.planning.casting import faults_of
from prefect_toapis.planning.file_references import File
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.planning.spec import BatchSpec, Character
from prefect_toapis.planning.spending import CharacterSpending
from prefect_toapis.records.characters import MadeCharacter, distinct, id_of
from prefect_toapis.tasks.characters import apoll_character, create_in_run
from prefect_toapis.tasks.options import (
    Bind,
    account_of,
    bind_to,
    is_private,
)
from prefect_toapis.tasks.sync_async import async_flow, sync_flow


async def make_characters(
    characters: Iterable[Character],
    files: Mapping[str, File],
    bind: Bind,
    settings: RunSettings,
    progress: Progress,
) -> tuple[dict[str, MadeCharacter], dict[str, ToAPIsError]]:
    """Make characters at once, each once whatever it is called, none able to stop another.

    Args:
        characters: Without faults; those that exist are left out.
        files: Where the clips are that they refer to, by reference.
        bind: Gives the tasks the blocks and settings of the run.
        settings: `max_in_flight`.
        progress: Keeps which characters this run paid for.

    Returns:
        The characters that were made, and why the others weren't, each by id.
    """
    wanted = distinct(characters)
    create, poll = bind(create_in_run), bind(apoll_character)
    in_flight = asyncio.Semaphore(settings.limits.max_in_flight)
    made: dict[str, MadeCharacter] = {}
    failed: dict[str, ToAPIsError] = {}
    clips = {one.url for one in wanted.values() if one.url}
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
        except Exception as error:  # noqa: BLE001 - Prefect's own faults must not stop the others
            get_run_logger().exception('Character "%s": unexpected', character.name)
            what = f'Character "{character.name}": {type(error).__name__}: run it again to go on'
            failed[identity] = ToAPIsError(what, money="maybe spent")

    await asyncio.gather(*[make(identity, one) for identity, one in wanted.items()])
    return made, failed


def first_failure(
    characters: Iterable[Character], failed: Mapping[str, ToAPIsError]
) -> ToAPIsError | None:
    """Why the first of some characters that wasn't made was not; None if all were."""
    ids = map(id_of, characters)
    return next((failed[one] for one in ids if one in failed), None)


def spending_on(
    characters: Iterable[Character],
    made: Mapping[str, MadeCharacter],
    failed: Mapping[str, ToAPIsError],
) -> list[CharacterSpending]:
    """What was spent on some characters, in this run or an earlier one."""
    costs: list[CharacterSpending] = []
    for identity, one in distinct(characters).items():
        if character := made.get(identity):
            costs.append(CharacterSpending(one.name, "spent", character.task_id))
        elif error := failed.get(identity):
            costs.append(CharacterSpending(one.name, error.money, error.task_id))
    return costs


@async_flow(name="create-characters")
async def acreate_characters(
    characters: Sequence[Character],
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
        made = await acreate_characters(
            [Character(name="Baron", url="https://media.example/baron.mp4", timestamps="1,3")]
        )
        ```
    """
    faults: list[str] = []
    spec = BatchSpec(characters=[*characters])
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
    bind = bind_to(account, store, settings)
    with account_of(account, settings):  # its limits hold until the run ends
        made, failed = await make_characters(to_make, sources.files, bind, settings, Progress())
    if error := first_failure(to_make, failed):
        raise error
    found = [(one.name, made[id_of(one)]) for one in to_make]
    return [one.model_copy(update={"name": name}) for name, one in found]


create_characters = sync_flow(acreate_characters)
"""`acreate_characters` for sync code."""
