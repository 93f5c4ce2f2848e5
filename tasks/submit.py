"""Submit: buy a shot, once."""

from uuid import uuid4

from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from prefect_toapis.batches.generation import Generation
from prefect_toapis.batches.plan import Shot, single_shot
from prefect_toapis.batches.progress import current_progress
from prefect_toapis.batches.spec import RunSettings
from prefect_toapis.batches.submission import Buyer
from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.account import Account
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.tasks.calling import either_task
from prefect_toapis.tasks.steps import RETRY_DELAYS, account_of, is_transient, named


@either_task(
    task_run_name=named("submit", "shot_or_request"),
    retries=len(RETRY_DELAYS),
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=is_transient,
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def submit_video(
    shot_or_request: Shot | VideoRequest,
    *,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket | None = None,
    settings: RunSettings = RunSettings(),  # noqa: B008 - not changed
) -> Generation:
    """Buy a shot, or go on with what was bought of it before. This spends money.

    With a bucket, the shot's record is kept there, and it is bought once however often this runs.
    A bare request is one shot too: the same request to the same bucket is the same generation.
    Without a bucket no record is kept: two calls are two generations, and a submission without
    an answer can only be looked up by the business id that the error names.

    Args:
        shot_or_request: A shot of a plan, or a request.
        credentials: Whose account pays.
        bucket: Where the record is kept.
        settings: Account group, settling, retries.

    Raises:
        InvalidRequest: It breaks rules of its model; nothing was sent.
        APIError: The API refuses it.
        Transient: It could not be sent; Prefect tries this task again.
        GenerationFailed: An earlier attempt failed, and isn't to be tried again.
        SubmissionUnknown: It may have been accepted; see its kinds for what to do.

    Example:
        ```python
        generation = await submit_video(
            VideoRequest(prompt="A dog on the beach"), credentials=credentials, bucket=bucket
        )
        ```
    """
    api = account_of(credentials, settings)
    if bucket is None:
        return await _submit_unrecorded(shot_or_request, api)
    shot = (
        shot_or_request
        if isinstance(shot_or_request, Shot)
        else single_shot(shot_or_request, bucket.uri())
    )
    attempt = await Buyer(api, BucketStore(bucket), settings, run=flow_run.id).buy(shot)
    if attempt.run == flow_run.id:
        current_progress().bought.add(shot.label)
    get_run_logger().info(
        "%s: generation %s, attempt %d", shot.label, attempt.task_id, attempt.attempt
    )
    return Generation(
        task_id=attempt.task_id or "",
        business_id=attempt.business_id,
        n=shot.request.n,
        shot=shot.unsigned(),
        attempt=attempt.attempt,
        submitted_at=attempt.sent_at,
    )


async def _submit_unrecorded(shot_or_request: Shot | VideoRequest, api: Account) -> Generation:
    request = (
        shot_or_request if isinstance(shot_or_request, VideoRequest) else shot_or_request.request
    )
    business_id = f"pt{uuid4().hex[:26]}-1"
    await api.ready()
    accepted = await api.submit(request, business_id)
    get_run_logger().info("Generation %s, business id %s", accepted.task_id, business_id)
    return Generation(task_id=accepted.task_id, business_id=business_id, n=request.n)
