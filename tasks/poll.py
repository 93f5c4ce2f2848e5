"""The task that waits for a generation."""

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
    poll_policy_of,
    run_logger,
    step,
)
from prefect_toapis.tasks.sync_async import sync_task
from prefect_toapis.tasks.webhook_listener import webhook_listener

_WEBHOOK_POLL_SECONDS = 300.0  # between queries if webhooks report the end


def _ignore(_: Reply) -> None:
    pass


async def wait_for(
    generation: Generation,
    account: Account,
    policy: PollPolicy,
    buyer: Buyer | None = None,
    on_reply: Callable[[Reply], None] = _ignore,
) -> Generation:
    """Wait until a generation is completed. Raises like `poll_video`.

    Args:
        generation: A submitted one.
        account: Queries its status.
        policy: Polling interval and timeout.
        buyer: Records failures and unexpected replies; None: no record is kept.
        on_reply: Called with every reply.

    Returns:
        The generation with the URLs of its results.
    """
    expected = generation.expected(datetime.now(timezone.utc))
    try:
        reply = await account.wait(generation.task_id, policy, on_reply, expected)
    except ToAPIsError as error:
        _add_ids(error, generation)
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

    All waits of this process share a scheduler that respects the account's rate limit.

    Args:
        generation: From `submit_video`.
        credentials: Of the account that paid.
        bucket: Contains the record, which gets a failure, so that a later run may retry the shot,
            and the beginning of an unexpected reply.
        settings: Polling interval and timeout.

    Returns:
        The generation with the URLs of its results (private attributes). These may be fewer than
        requested, if no more arrived within `settings.polling.grace_seconds`.

    Raises:
        GenerationFailed: The generation failed.
        StillRendering: The timeout elapsed; running it again continues the wait.
        ResultMissing: It is completed, but its reply has no URL.
        Transient: No usable reply for too long; Prefect retries this task.

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
    """`poll_video` as the flows run it: `on_reply` is called with every reply."""
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
        policy = replace(policy, timeout=max(policy.timeout, generation.longest_render))
        buyer = Buyer(account, BucketStore(bucket), settings) if bucket else None
        return await wait_for(generation, account, policy, buyer, on_reply)


async def _record_failure(shot: Shot, error: GenerationFailed, buyer: Buyer) -> None:
    """Record a failure; if that isn't possible, the next run only queries it again."""
    try:
        await buyer.fail(shot, error)
    except StoreError as refused:
        run_logger().warning("%s: the failure isn't recorded: %s", shot.label, refused.message)


async def _poll_policy(api: Account, task_id: str, settings: RunSettings) -> PollPolicy:
    """Return the polling policy; if webhooks arrive as events, poll rarely."""
    policy = poll_policy_of(settings)
    listener = None if settings.webhooks.notify == "poll" else webhook_listener()
    if listener is None:
        return policy
    await listener.listen(api)
    if listener.has_ended(task_id):  # before this wait started
        return replace(policy, first=0)
    if settings.webhooks.notify == "auto" or not listener.connected:
        return policy
    return replace(
        policy,
        first=max(policy.first, _WEBHOOK_POLL_SECONDS),
        every=max(policy.every, _WEBHOOK_POLL_SECONDS),
    )


def _add_ids(error: ToAPIsError, generation: Generation) -> ToAPIsError:
    return error.add_context(
        shot=generation.label, task_id=generation.task_id, business_id=generation.business_id
    )
