"""Poll: wait for a generation."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.account import Account
from prefect_toapis.client.errors import GenerationFailed, ToAPIsError
from prefect_toapis.client.polling import PollPolicy
from prefect_toapis.client.replies import Reply
from prefect_toapis.errors import StoreError
from prefect_toapis.planning.plan import Shot
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.records.generations import Generation
from prefect_toapis.records.purchases import Buyer
from prefect_toapis.tasks.options import (
    account_of,
    keep_reply,
    named,
    pace_of,
    run_logger,
    step,
)
from prefect_toapis.tasks.sync_async import sync_task
from prefect_toapis.tasks.webhook_listener import notices

_WHEN_TOLD = 300.0  # seconds between two queries of what a webhook will tell of


def _ignore(_: Reply) -> None:
    pass


async def wait_for(
    generation: Generation,
    account: Account,
    policy: PollPolicy,
    buyer: Buyer | None = None,
    on_reply: Callable[[Reply], None] = _ignore,
) -> Generation:
    """Wait until a generation is completed; raises as `poll_video`.

    Args:
        generation: One that was submitted.
        account: Asks for it.
        policy: How often, and for how long.
        buyer: Records a failure, and a reply that can't be understood; None: no record is kept.
        on_reply: Called with every reply.

    Returns:
        The generation with the URLs of its results.
    """
    expected = generation.expected(datetime.now(timezone.utc))
    try:
        reply = await account.wait(generation.task_id, policy, on_reply, expected)
    except ToAPIsError as error:
        _about(error, generation)
        if not isinstance(error, GenerationFailed):
            error.add_context(money="spent")
        if buyer and generation.shot:
            await keep_reply(buyer, generation.shot, error)
            if isinstance(error, GenerationFailed):
                await _record_failure(generation.shot, error, buyer)
        raise
    run_logger().debug("%s: rendered", generation.label)
    return generation.after(reply)


@step("poll_video", named("wait for", "generation"))
async def apoll_video(
    generation: Generation,
    *,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket | None = None,
    settings: RunSettings = RunSettings(),  # noqa: B008 - not changed
) -> Generation:
    """Wait until a generation is completed.

    All that wait in this process share one scheduler, which keeps to the account's allowance.

    Args:
        generation: What `submit_video` returned.
        credentials: Whose account it is.
        bucket: Where to note it if it failed, so that a later run may try the shot again; and the
            beginning of a reply that can't be understood.
        settings: How often to ask and for how long.

    Returns:
        The generation with the URLs of its results (private attributes). There may be fewer of
        them than were ordered: then that is so since `settings.polling.grace_seconds`.

    Raises:
        GenerationFailed: The provider ended it without a video.
        StillRendering: The timeout elapsed; running it again continues the wait.
        ResultMissing: It is completed, but its reply gives no URL.
        Transient: No usable reply for too long; Prefect tries this task again.

    Example:
        ```python
        generation = await apoll_video(generation, credentials=credentials)
        ```
    """
    return await _wait(generation, credentials, bucket, settings)


poll_video = sync_task(apoll_video)
"""`apoll_video` for sync code."""


@step("poll_video", named("wait for", "generation"))
async def poll_in_run(
    generation: Generation,
    *,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings,
    on_reply: Callable[[Reply], None],
) -> Generation:
    """`poll_video` as a flow of ours runs it: `on_reply` is called with every reply."""
    return await _wait(generation, credentials, bucket, settings, on_reply)


async def _wait(
    generation: Generation,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket | None,
    settings: RunSettings,
    on_reply: Callable[[Reply], None] = _ignore,
) -> Generation:
    with account_of(credentials, settings) as account:
        policy = await _poll_policy(account, generation.task_id, settings)
        buyer = Buyer(account, BucketStore(bucket), settings) if bucket else None
        return await wait_for(generation, account, policy, buyer, on_reply)


async def _record_failure(shot: Shot, error: GenerationFailed, buyer: Buyer) -> None:
    """Without a note of it, the next run asks again and hears the same."""
    try:
        await buyer.fail(shot, error)
    except StoreError as refused:
        run_logger().warning("%s: the failure isn't recorded: %s", shot.label, refused.message)


async def _poll_policy(api: Account, task_id: str, settings: RunSettings) -> PollPolicy:
    """When to ask; news that webhooks bring are looked at besides."""
    policy = pace_of(settings)
    heard = None if settings.webhooks.notify == "poll" else notices()
    if heard is None:
        return policy
    await heard.listen(api)
    if heard.told_of(task_id):  # before anybody waited
        return replace(policy, first=0)
    if settings.webhooks.notify == "auto" or not heard.connected:
        return policy
    return replace(policy, first=max(policy.first, _WHEN_TOLD), every=max(policy.every, _WHEN_TOLD))


def _about(error: ToAPIsError, generation: Generation) -> ToAPIsError:
    return error.add_context(
        shot=generation.label, task_id=generation.task_id, business_id=generation.business_id
    )
