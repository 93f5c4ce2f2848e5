"""Tasks that create a character from a clip, and wait for it."""

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
    poll_policy_of,
    run_logger,
    step,
)
from prefect_toapis.tasks.submit import buyer_of
from prefect_toapis.tasks.sync_async import sync_task
from prefect_toapis.tasks.uploads import upload


@dataclass(frozen=True)
class Creation:
    """The result of `order_character`.

    Args:
        creation: The provider's task.
        bought_now: Whether this run paid for it, rather than an earlier one.
    """

    creation: CharacterCreation
    bought_now: bool


async def order_character(character: Character, buyer: Buyer) -> Creation:
    """Buy a character, or continue an earlier purchase. Raises like `create_character`.

    Args:
        character: With a content reference instead of a file.
        buyer: With the account, and the registry in the bucket.
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
        recorded = CharacterCreation(
            task_id=made.task_id,
            business_id=made.business_id,
            character=unsigned(character),
            folder=order.folder,
        )
        return Creation(recorded, bought_now=False)
    await refuse_lost(order, buyer.store)
    attempt = await buyer.buy(order)
    run_logger().info(
        'Character "%s": creation %s, attempt %d', order.name, attempt.task_id, attempt.attempt
    )
    creation = CharacterCreation(
        task_id=attempt.task_id or "",
        business_id=attempt.business_id,
        character=unsigned(character),
        folder=attempt.folder or order.folder,  # a concurrent run may use another name for it
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
    """Create a character, or continue the creation from the same clip. This spends money.

    The registry in the bucket records every character by its clip and timestamps, so that the same
    character is bought once, whatever its name.

    Args:
        character: With a source (`url`, where a file is uploaded first, or `from_task`) and
            `timestamps`.
        credentials: Of the account that pays.
        bucket: Contains the registry, under `characters/`.
        settings: Account group, look-up window, retries.

    Raises:
        InvalidRequest: It breaks a rule, its clip isn't accepted by the API, or it exists already;
            nothing was bought.
        APIError: The API refuses it.
        Transient: It could not be sent; Prefect retries this task.
        GenerationFailed: An earlier attempt failed, and the settings don't allow a retry.
        CreationUnresolved: It may have been accepted, and can't be looked up; see its advice.

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
    """`create_character` as the flows run it."""
    return await _create(character, credentials, bucket, settings)


@step("poll_character", named("wait for", "creation"))
async def apoll_character(
    creation: CharacterCreation,
    *,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings = RunSettings(),  # noqa: B008 - not changed
) -> MadeCharacter:
    """Wait until a character is made, and record it in the registry.

    Args:
        creation: From `create_character`. A recorded character isn't queried.
        credentials: Of the account that paid.
        bucket: Contains the registry.
        settings: Polling interval and timeout.

    Returns:
        The character with its current name, and its username.

    Raises:
        GenerationFailed: The provider failed to make it; this is recorded.
        StillRendering: The timeout elapsed; running it again continues the wait.
        ResultMissing: It is completed, but its reply names no character.
        Transient: No usable reply for too long; Prefect retries this task.

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
        _add_ids(error, creation)
        raise
    except ToAPIsError as error:  # including errors of the store: the creation is paid
        _add_ids(error, creation).add_context(money="spent")
        raise


poll_character = sync_task(apoll_character)
"""`apoll_character` for sync code."""


async def _create(
    character: Character,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings,
) -> Creation:
    character = await _uploaded(character, credentials, bucket, settings)
    with buyer_of(credentials, bucket, settings) as buyer:
        return await order_character(character, buyer)


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
                creation.task_id, _poll_policy(settings), expected=expected
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
    """Return the character with a content reference instead of a local clip, after uploading it."""
    if not character.url or not is_file(character.url):
        return character
    clip = await upload(File(character.url, "video"), credentials, bucket, settings)
    return character.model_copy(update={"url": clip.reference})


def _poll_policy(settings: RunSettings) -> PollPolicy:
    """Return the policy for videos, limited to the interval advised for characters ([D])."""
    policy = poll_policy_of(settings)
    return replace(policy, every=min(policy.every, CHARACTER_POLL_POLICY.every))


def _add_ids(error: ToAPIsError, creation: CharacterCreation) -> ToAPIsError:
    name_in(error, creation.label)
    return error.add_context(task_id=creation.task_id, business_id=creation.business_id)
