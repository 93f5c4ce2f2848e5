"""Submit: buy a shot, once."""

from collections.abc import Mapping
from types import MappingProxyType
from uuid import uuid4

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from prefect_toapis.batches.buyable import Submissions
from prefect_toapis.batches.generation import Generation
from prefect_toapis.batches.plan import Shot, single_shot
from prefect_toapis.batches.progress import current_progress
from prefect_toapis.batches.record_reading import refuse_lost
from prefect_toapis.batches.spec import RunSettings
from prefect_toapis.batches.submission import Buyer
from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.requests import RemixRequest, VideoRequest
from prefect_toapis.tasks.allowance import submissions_of
from prefect_toapis.tasks.steps import api_is_private, named, step
from prefect_toapis.tasks.uploads import with_uploads


@step(named("submit", "shot_or_request"))
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
        shot_or_request: A shot of a plan, or a request; files that it names are uploaded first.
        credentials: Whose account pays.
        bucket: Where the record is kept.
        settings: Account group, settling, retries.

    Raises:
        InvalidRequest: It breaks rules of its model, or a file is nothing that the API takes;
            nothing was bought.
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
    if not isinstance(shot_or_request, VideoRequest):
        return await buy(shot_or_request, credentials, bucket, settings)
    request, uploads = await with_uploads(shot_or_request, credentials, bucket, settings)
    return await buy(request, credentials, bucket, settings, uploads)


async def buy(
    wanted: Shot | VideoRequest | RemixRequest,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket | None,
    settings: RunSettings,
    uploads: Mapping[str, str] = MappingProxyType({}),
) -> Generation:
    """Buy a shot or what a request asks for; see `submit_video` and `remix_video`.

    Args:
        wanted: With references in place of files.
        credentials: Whose account pays.
        bucket: Where the record is kept, and uploads are remembered; None: no record is kept.
        settings: Account group, settling, retries.
        uploads: Without a bucket: the URLs that the references stand for.
    """
    with submissions_of(credentials, settings) as api:
        if bucket is None:
            request = wanted.request if isinstance(wanted, Shot) else wanted
            return await _buy_unrecorded(request, api, uploads)
        buyer = Buyer(
            api,
            BucketStore(bucket, settings.retry_seconds),
            settings,
            run=flow_run.id,
            private=api_is_private(credentials),
        )
        return await _buy_recorded(wanted, bucket, buyer)


async def _buy_recorded(
    wanted: Shot | VideoRequest | RemixRequest, bucket: VideoBucket, buyer: Buyer
) -> Generation:
    shot = wanted if isinstance(wanted, Shot) else single_shot(wanted, bucket.uri())
    if not shot.record:
        shot = await buyer.located(shot)
        await refuse_lost(shot, buyer.store)
    attempt = await buyer.buy(shot)
    if attempt.folder:  # claimed by a run that may have other names for it
        shot = shot.placed(attempt.folder, shot.record)
    ours = attempt.run == flow_run.id
    if ours:
        current_progress().bought.add(shot.label)
    what = "submitted as" if ours else "was bought before, as"
    get_run_logger().info("%s: %s %s", shot.label, what, attempt.task_id)
    return Generation(
        task_id=attempt.task_id or "",
        business_id=attempt.business_id,
        n=shot.request.n,
        shot=shot.shown(),
        attempt=attempt.attempt,
        submitted_at=attempt.sent_at,
    )


async def _buy_unrecorded(
    request: VideoRequest | RemixRequest, api: Submissions, uploads: Mapping[str, str]
) -> Generation:
    business_id = f"pt{uuid4().hex[:26]}-1"
    await api.ready()
    accepted = await api.submit(request, business_id, uploads=uploads)
    get_run_logger().info("Generation %s, business id %s", accepted.task_id, business_id)
    return Generation(task_id=accepted.task_id, business_id=business_id, n=request.n)
