"""Remix: buy another video made from one that is there, once."""

from prefect_toapis.batches.generation import Generation
from prefect_toapis.batches.settings import RunSettings
from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.client.requests import RemixRequest
from prefect_toapis.tasks.calling import sync_task
from prefect_toapis.tasks.steps import named, step
from prefect_toapis.tasks.submit import buy


@step("remix_video", named("remix", "request"))
async def aremix_video(
    request: RemixRequest,
    *,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket | None = None,
    settings: RunSettings = RunSettings(),  # noqa: B008 - not changed
) -> Generation:
    """Remix a finished video, or go on with what was bought of it before. This spends money.

    As `submit_video`: with a bucket the same remix is bought once, without one no record is kept.
    No source says that a remix can be looked up by its business id ([A]), so that one without
    an answer always stops with an error.

    Args:
        request: Which video, and what is to change.
        credentials: Whose account pays.
        bucket: Where the record is kept.
        settings: Account group, settling, retries.

    Returns:
        The generation, for `poll_video` and `download_video`.

    Raises:
        InvalidRequest: It breaks rules of its model; nothing was sent.
        APIError: The API refuses it, as it does for a private video.
        Transient: It could not be sent; Prefect tries this task again.
        GenerationFailed: An earlier attempt failed, and isn't to be tried again.
        CreationUnresolved: It may have been accepted, and can't be looked up: see its advice.

    Example:
        ```python
        request = RemixRequest(task_id=generation.task_id, prompt="The same, at night")
        generation = await aremix_video(request, credentials=credentials, bucket=bucket)
        ```
    """
    return await buy(request, credentials, bucket, settings)


remix_video = sync_task(aremix_video)
"""`aremix_video` for sync code."""
