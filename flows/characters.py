"""Making the characters of a batch, and the flow `create-characters`."""

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
from prefect_toapis.tasks.options import Bind, account_of, bind_to, is_private
from prefect_toapis.tasks.sync_async import async_flow, sync_flow


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


@async_flow(name="create-characters")
async def acreate_characters(
    characters: Sequence[Character],
    *,
    credentials: Annotated[ToAPIsCredentials | None, OrEmpty()] = None,
    bucket: Annotated[VideoBucket | None, OrEmpty()] = None,
    settings: RunSettings = RunSettings(),  # noqa: B008 - Prefect shows it; not changed
) -> list[MadeCharacter]:
    """Make characters from clips. Each is paid once and recorded in the bucket's registry.

    Args:
        characters: The characters, each with a clip (a URL or a file) and timestamps. Those with a
            username exist already: they cost nothing and are skipped.
        credentials: The ToAPIs account that pays. Empty: the block named "default".
        bucket: The bucket with the registry. Empty: the block named "default".
        settings: Timeouts, limits and retries.

    Returns:
        The characters, made now or earlier, in the given order.

    Raises:
        InvalidBatch: The input is invalid; every fault is listed, nothing was bought.
        ToAPIsError: A character could not be made; the others were made and recorded.

    Example:
        ```python
        made = await acreate_characters(
            [Character(name="Baron", url="https://media.example/baron.mp4", timestamps="1,3")]
        )
        ```
    """
    faults: list[str] = []
    spec = BatchSpec(characters=[*characters])
    credentials, bucket = await blocks_or_faults(credentials, bucket, faults)
    sources = await read_sources(spec, bucket) if bucket else Sources(spec, {}, {}, [])
    faults += sources.faults
    private = credentials is not None and await is_private(credentials)
    faults += [
        fault
        for character in sources.spec.characters
        for fault in faults_of(character, private=private)
    ]
    if faults or credentials is None or bucket is None:
        raise InvalidBatch(faults)
    to_make = [character for character in sources.spec.characters if not character.exists]
    bind = bind_to(credentials, bucket, settings)
    with account_of(credentials, settings):  # its limits hold until the run ends
        made, failed = await make_characters(to_make, sources.files, bind, settings, Progress())
    if error := first_failure(to_make, failed):
        raise error
    return [
        made[id_of(character)].model_copy(update={"name": character.name}) for character in to_make
    ]


create_characters = sync_flow(acreate_characters)
"""`acreate_characters` for sync code."""
