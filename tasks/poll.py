"""Poll: wait for a generation."""

from prefect.logging import get_run_logger

from prefect_toapis.batches.generation import Generation
from prefect_toapis.batches.progress import current_progress
from prefect_toapis.batches.spec import RunSettings
from prefect_toapis.batches.submission import Buyer
from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.errors import GenerationFailed, ToAPIsError
from prefect_toapis.client.replies import Reply
from prefect_toapis.tasks.steps import account_of, named, pace_of, step


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
        bucket: Where to note it if it failed, so that a later run may try the shot again.
        settings: How often to ask and for how long.

    Returns:
        The generation with the URLs of its results (private attributes).

    Raises:
        GenerationFailed: The provider ended it without a video.
        StillRendering: The patience is over; running it again waits on.
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

    api = account_of(credentials, settings)
    try:
        reply = await api.wait(generation.task_id, pace_of(settings), show)
    except GenerationFailed as error:
        _about(error, generation)
        if bucket and generation.shot:
            await Buyer(api, BucketStore(bucket), settings).fail(generation.shot, error)
        raise
    except ToAPIsError as error:
        _about(error, generation).about(money="spent")
        raise
    get_run_logger().debug("%s: rendered", generation.label)
    return generation.after(reply)


def _about(error: ToAPIsError, generation: Generation) -> ToAPIsError:
    return error.about(
        shot=generation.label, task_id=generation.task_id, business_id=generation.business_id
    )
