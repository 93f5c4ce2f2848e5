"""The flow `create-characters`."""

from collections.abc import Sequence
from typing import Annotated

from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.errors import InvalidBatch
from prefect_toapis.flows.batch_characters import first_failure, make_characters
from prefect_toapis.flows.default_blocks import blocks_or_faults
from prefect_toapis.flows.inputs import Sources, read_sources
from prefect_toapis.flows.progress import Progress
from prefect_toapis.planning.casting import faults_of
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.planning.spec import BatchSpec, Character
from prefect_toapis.records.characters import MadeCharacter, id_of
from prefect_toapis.tasks.options import account_of, bind_to, is_private
from prefect_toapis.tasks.sync_async import async_flow, sync_flow


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
