"""Poll: wait for a generation."""

from dataclasses import replace
from datetime import datetime, timezone

from prefect.logging import get_run_logger

from prefect_toapis.batches.errors import StoreError
from prefect_toapis.batches.generation import Generation
from prefect_toapis.batches.plan import Shot
from prefect_toapis.batches.progress import current_progress
from prefect_toapis.batches.spec import RunSettings
from prefect_toapis.batches.submission import Buyer
from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.account import Account
from prefect_toapis.client.errors import GenerationFailed, ToAPIsError
from prefect_toapis.client.polling import PollPolicy
from prefect_toapis.client.replies import Reply
from prefect_toapis.tasks.notices import notices
from prefect_toapis.tasks.steps import account_of, keep_reply, named, pace_of, step

_WHEN_TOLD = 300.0  # seconds between two queries of what a webhook will tell of


@step(named("wait for", "generation"))
async def poll_video(
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
        them than were ordered: then that is so since `settings.grace_seconds`.

    Raises:
        GenerationFailed: The provider ended it without a video.
        StillRendering: The timeout elapsed; running it again continues the wait.
        ResultMissing: It is completed, but its reply gives no URL.
        Transient: No usable reply for too long; Prefect tries this task again.

    Example:
        ```python
        generation = await poll_video(generation, credentials=credentials)
        ```
    """
    progress = current_progress()

    def show(reply: Reply) -> None:
        rendering = reply.status == "in_progress"
        progress.set(generation.label, "rendering" if rendering else "queued", reply.progress or 0)

    with account_of(credentials, settings) as api:
        try:
            reply = await api.wait(
                generation.task_id,
                await _pace(api, generation.task_id, settings),
                show,
                generation.expected(datetime.now(timezone.utc)),
            )
        except ToAPIsError as error:
            _about(error, generation)
            if not isinstance(error, GenerationFailed):
                error.add_context(money="spent")
            if bucket and generation.shot:
                buyer = Buyer(api, BucketStore(bucket), settings)
                await keep_reply(buyer, generation.shot, error)
                if isinstance(error, GenerationFailed):
                    await _record_failure(generation.shot, error, buyer)
            raise
    get_run_logger().debug("%s: rendered", generation.label)
    return generation.after(reply)


async def _record_failure(shot: Shot, error: GenerationFailed, buyer: Buyer) -> None:
    """Without a note of it, the next run asks again and hears the same."""
    try:
        await buyer.fail(shot, error)
    except StoreError as refused:
        get_run_logger().warning("%s: the failure isn't recorded: %s", shot.label, refused.message)


async def _pace(api: Account, task_id: str, settings: RunSettings) -> PollPolicy:
    """When to ask; news that webhooks bring are looked at besides."""
    pace = pace_of(settings)
    heard = None if settings.notify == "poll" else notices()
    if heard is None:
        return pace
    await heard.listen(api)
    if heard.told_of(task_id):  # before anybody waited
        return replace(pace, first=0)
    if settings.notify == "auto" or not heard.connected:
        return pace
    return replace(pace, first=max(pace.first, _WHEN_TOLD), every=max(pace.every, _WHEN_TOLD))


def _about(error: ToAPIsError, generation: Generation) -> ToAPIsError:
    return error.add_context(
        shot=generation.label, task_id=generation.task_id, business_id=generation.business_id
    )
