"""Characters: have one made from a clip, once, and wait for it."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.errors import GenerationFailed, InvalidRequest, ToAPIsError
from prefect_toapis.client.polling import CHARACTER_POLL_POLICY, Expected, PollPolicy
from prefect_toapis.client.references import is_file
from prefect_toapis.planning.casting import faults_of
from prefect_toapis.planning.file_references import File
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.planning.spec import Character
from prefect_toapis.records.attempts import refuse_lost
from prefect_toapis.records.characters import (
    CharacterCreation,
    MadeCharacter,
    name_in,
    read_made,
    unsigned,
    with_existing_folder,
)
from prefect_toapis.records.layout import character_key
from prefect_toapis.records.purchases import Buyer
from prefect_toapis.records.store import JSON
from prefect_toapis.tasks.options import (
    account_of,
    keep_reply,
    named,
    pace_of,
    run_logger,
    step,
)
from prefect_toapis.tasks.submit import buyer_of
from prefect_toapis.tasks.sync_async import sync_task
from prefect_toapis.tasks.uploads import upload


@dataclass(frozen=True)
class Creation:
    """What came of having a character made.

    Args:
        creation: The provider's task for it.
        bought_now: Whether this run paid for it; an earlier one did otherwise.
    """

    creation: CharacterCreation
    bought_now: bool


async def order_character(character: Character, buyer: Buyer) -> Creation:
    """Buy a character, or go on with what was bought of it before; raises as `create_character`.

    Args:
        character: With a reference in place of a file.
        buyer: Has the account, and the registry in the bucket.
    """
    faults = faults_of(character)
    is_private = bool(faults) and await asyncio.to_thread(buyer.private)
    if is_private:
        faults = faults_of(character, private=True)
    if character.exists:
        faults.append(f'character "{character.name}": it exists; there is nothing to make')
    if faults:
        raise InvalidRequest(faults)
    order = await with_existing_folder(character, buyer.store)
    if made := await read_made(order.folder, buyer.store):
        remembered = CharacterCreation(
            task_id=made.task_id,
            business_id=made.business_id,
            character=unsigned(character),
            folder=order.folder,
        )
        return Creation(remembered, bought_now=False)
    await refuse_lost(order, buyer.store)
    attempt = await buyer.buy(order)
    run_logger().info(
        'Character "%s": creation %s, attempt %d', order.name, attempt.task_id, attempt.attempt
    )
    creation = CharacterCreation(
        task_id=attempt.task_id or "",
        business_id=attempt.business_id,
        character=unsigned(character),
        folder=attempt.folder or order.folder,  # a run that has another name for it may be faster
        attempt=attempt.attempt,
        submitted_at=attempt.sent_at,
    )
    return Creation(creation, bought_now=attempt.run == buyer.run)


@step("create_character", named("create", "character"))
async def acreate_character(
    character: Character,
    *,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings = RunSettings(),  # noqa: B008 - not changed
) -> CharacterCreation:
    """Have a character made, or go on with what was made of the same clip before. It is paid.

    The registry in the bucket remembers every character by its clip and timestamps: the same
    one is made once, whatever it is called.

    Args:
        character: One with a source: `url` (a file is uploaded first) or `from_task`, and
            `timestamps`.
        credentials: Whose account pays.
        bucket: Where the registry is, below `characters/`.
        settings: Account group, settling, retries.

    Raises:
        InvalidRequest: It breaks rules, its clip is nothing that the API takes, or it exists
            already; nothing was bought.
        APIError: The API refuses it.
        Transient: It could not be sent; Prefect tries this task again.
        GenerationFailed: An earlier attempt failed, and isn't to be tried again.
        CreationUnresolved: It may have been accepted, and can't be looked up: see its advice.

    Example:
        ```python
        baron = Character(name="Baron", url="https://media.example/baron.mp4", timestamps="1,3")
        creation = await acreate_character(baron, credentials=credentials, bucket=bucket)
        made = await apoll_character(creation, credentials=credentials, bucket=bucket)
        ```
    """
    return (await _create(character, credentials, bucket, settings)).creation


create_character = sync_task(acreate_character)
"""`acreate_character` for sync code."""


@step("create_character", named("create", "character"))
async def create_in_run(
    character: Character,
    *,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings,
) -> Creation:
    """`create_character` as a flow of ours runs it."""
    return await _create(character, credentials, bucket, settings)


async def _create(
    character: Character,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings,
) -> Creation:
    character = await _uploaded(character, credentials, bucket, settings)
    with buyer_of(credentials, bucket, settings) as buyer:
        return await order_character(character, buyer)


@step("poll_character", named("wait for", "creation"))
async def apoll_character(
    creation: CharacterCreation,
    *,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings = RunSettings(),  # noqa: B008 - not changed
) -> MadeCharacter:
    """Wait until a character is made, and remember it in the registry.

    Args:
        creation: What `create_character` returned. One that is remembered isn't asked for.
        credentials: Whose account it is.
        bucket: Where the registry is.
        settings: How often to ask and for how long.

    Returns:
        The character, under the name it has now, with its username.

    Raises:
        GenerationFailed: The provider ended it without a character; recorded.
        StillRendering: The timeout elapsed; running it again continues the wait.
        ResultMissing: It is completed, but its reply names no character.
        Transient: No usable reply for too long; Prefect tries this task again.

    Example:
        ```python
        made = await apoll_character(creation, credentials=credentials, bucket=bucket)
        scene = Scene(prompt=f"@{made.username} runs on grass")
        ```
    """
    store = BucketStore(bucket)
    try:
        return await _made(creation, store, credentials, settings)
    except GenerationFailed as error:
        _about(error, creation)
        raise
    except ToAPIsError as error:  # of the store, too: the creation is paid
        _about(error, creation).add_context(money="spent")
        raise


poll_character = sync_task(apoll_character)
"""`apoll_character` for sync code."""


async def _made(
    creation: CharacterCreation,
    store: BucketStore,
    credentials: ToAPIsCredentials,
    settings: RunSettings,
) -> MadeCharacter:
    if made := await read_made(creation.folder, store):
        return made.model_copy(update={"name": creation.character.name})
    expected = Expected(business_id=creation.business_id)
    with account_of(credentials, settings) as api:
        try:
            reply = await api.wait_for_character(
                creation.task_id, _pace(settings), expected=expected
            )
        except ToAPIsError as error:
            buyer = Buyer(api, store, settings)
            await keep_reply(buyer, creation.order, error)
            if isinstance(error, GenerationFailed):
                await buyer.fail(creation.order, error)
            raise
    username = reply.characters[0].username.removeprefix("@")
    made = creation.made(username, datetime.now(timezone.utc))
    await store.write(character_key(creation.folder), made.to_json(), JSON)
    run_logger().info('Character "%s": made, @%s', made.name, made.username)
    return made


async def _uploaded(
    character: Character,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings,
) -> Character:
    """The character with a reference in place of its clip, where that is a file."""
    if not character.url or not is_file(character.url):
        return character
    clip = await upload(File(character.url, "video"), credentials, bucket, settings)
    return character.model_copy(update={"url": clip.reference})


def _pace(settings: RunSettings) -> PollPolicy:
    """As for videos, but not slower than the provider advises for characters ([D])."""
    pace = pace_of(settings)
    return replace(pace, every=min(pace.every, CHARACTER_POLL_POLICY.every))


def _about(error: ToAPIsError, creation: CharacterCreation) -> ToAPIsError:
    name_in(error, creation.label)
    return error.add_context(task_id=creation.task_id, business_id=creation.business_id)
