"""The tasks that buy a shot, a remix or an extension, once."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from uuid import uuid4

from prefect.runtime import flow_run

from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.requests import (
    ExtendRequest,
    GenerationRequest,
    RemixRequest,
    VideoRequest,
)
from prefect_toapis.planning.plan import Shot, single_shot
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.records.attempts import Submissions, refuse_lost
from prefect_toapis.records.fallbacks import made_by
from prefect_toapis.records.generations import Generation
from prefect_toapis.records.purchases import Buyer
from prefect_toapis.tasks.account import submissions_of
from prefect_toapis.tasks.options import api_is_private, named, run_logger, step
from prefect_toapis.tasks.sync_async import sync_task
from prefect_toapis.tasks.uploads import with_uploads


@dataclass(frozen=True)
class Submission:
    """The result of `submit_shot`.

    Args:
        generation: The provider's task.
        bought_now: Whether this run paid for it, rather than an earlier one.
    """

    generation: Generation
    bought_now: bool


async def submit_shot(shot: Shot, buyer: Buyer) -> Submission:
    """Buy a shot, or continue an earlier purchase. Raises like `submit_video`.

    Args:
        shot: With content references instead of files.
        buyer: With the account, and the record in the bucket.
    """
    if not shot.record:
        shot = await buyer.located(shot)
        await refuse_lost(shot, buyer.store)
    attempt = await buyer.buy(shot)
    shot = made_by(shot, attempt)
    if attempt.folder:  # chosen by a run that may use other names for it
        shot = shot.placed(attempt.folder, shot.record)
    generation = Generation(
        task_id=attempt.task_id or "",
        business_id=attempt.business_id,
        n=shot.request.outputs,
        shot=shot.shown(),
        attempt=attempt.attempt,
        submitted_at=attempt.sent_at,
    )
    submission = Submission(generation, bought_now=attempt.run == buyer.run)
    what = "submitted as" if submission.bought_now else "already submitted as"
    run_logger().info("%s: %s %s", shot.label, what, attempt.task_id)
    return submission


@step("submit_video", named("submit", "shot_or_request"))
async def asubmit_video(
    shot_or_request: Shot | VideoRequest,
    *,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket | None = None,
    settings: RunSettings = RunSettings(),  # noqa: B008 - not changed
) -> Generation:
    """Buy a shot, or continue an earlier purchase. This spends money.

    With a bucket, the shot is recorded there and bought once, however often this runs. This also
    applies to a request: the same request with the same bucket is the same generation. Without a
    bucket no record is kept: two calls buy two generations, and a submission without a response can
    only be looked up by the business id in the error.

    Args:
        shot_or_request: A shot of a plan, or a request; its files are uploaded first.
        credentials: Of the account that pays.
        bucket: Contains the record.
        settings: Account group, look-up window, retries.

    Raises:
        InvalidRequest: It breaks a rule of its model, or a file isn't accepted by the API; nothing
            was bought.
        APIError: The API refuses it.
        Transient: It could not be sent; Prefect retries this task.
        GenerationFailed: An earlier attempt failed, and the settings don't allow a retry.
        SubmissionUnknown: It may have been accepted; see its subclasses for what to do.

    Example:
        ```python
        generation = await asubmit_video(
            VideoRequest(prompt="A dog on the beach"), credentials=credentials, bucket=bucket
        )
        ```
    """
    if not isinstance(shot_or_request, VideoRequest):
        return await buy(shot_or_request, credentials, bucket, settings)
    request, uploads = await with_uploads(shot_or_request, credentials, bucket, settings)
    return await buy(request, credentials, bucket, settings, uploads)


submit_video = sync_task(asubmit_video)
"""`asubmit_video` for sync code."""


@step("submit_video", named("submit", "shot"))
async def submit_in_run(
    shot: Shot, *, credentials: ToAPIsCredentials, bucket: VideoBucket, settings: RunSettings
) -> Submission:
    """`submit_video` of a batch's shot, as the flows run it."""
    with buyer_of(credentials, bucket, settings) as buyer:
        return await submit_shot(shot, buyer)


async def buy(
    wanted: Shot | GenerationRequest,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket | None,
    settings: RunSettings,
    uploads: Mapping[str, str] = MappingProxyType({}),
) -> Generation:
    """Buy a shot or a request; see `submit_video`, `remix_video` and `extend_video`.

    Args:
        wanted: With content references instead of files.
        credentials: Of the account that pays.
        bucket: Contains the record and the known uploads; None: no record is kept.
        settings: Account group, look-up window, retries.
        uploads: URLs by reference; only needed without a bucket.
    """
    if bucket is None:
        request = wanted.request if isinstance(wanted, Shot) else wanted
        with submissions_of(credentials, settings) as api:
            return await _buy_unrecorded(request, api, uploads)
    shot = wanted if isinstance(wanted, Shot) else single_shot(wanted, bucket.uri())
    with buyer_of(credentials, bucket, settings) as buyer:
        return (await submit_shot(shot, buyer)).generation


@contextmanager
def buyer_of(
    credentials: ToAPIsCredentials, bucket: VideoBucket, settings: RunSettings
) -> Iterator[Buyer]:
    """Open a buyer for this flow run, which records its purchases; see `account_of`.

    Args:
        credentials: Of the account that pays.
        bucket: Contains the record.
        settings: Account group, look-up window, retries.
    """
    store = BucketStore(bucket, settings.retries.client_seconds)
    private = api_is_private(credentials)
    with submissions_of(credentials, settings) as api:
        yield Buyer(api, store, settings, run=flow_run.id, private=private)


@step("remix_video", named("remix", "request"))
async def aremix_video(
    request: RemixRequest,
    *,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket | None = None,
    settings: RunSettings = RunSettings(),  # noqa: B008 - not changed
) -> Generation:
    """Remix a finished video, or continue an earlier purchase. This spends money.

    As for `submit_video`, the same remix is bought once with a bucket; without a bucket no record
    is kept. It isn't documented that a remix can be looked up by its business id ([A]), so a
    submission without a response always fails.

    Args:
        request: The video, and the changes.
        credentials: Of the account that pays.
        bucket: Contains the record.
        settings: Account group, look-up window, retries.

    Returns:
        The generation, for `poll_video` and `download_video`.

    Raises:
        InvalidRequest: It breaks a rule of its model; nothing was sent.
        APIError: The API refuses it, such as for a private video.
        Transient: It could not be sent; Prefect retries this task.
        GenerationFailed: An earlier attempt failed, and the settings don't allow a retry.
        CreationUnresolved: It may have been accepted, and can't be looked up; see its advice.

    Example:
        ```python
        request = RemixRequest(task_id=generation.task_id, prompt="The same, at night")
        generation = await aremix_video(request, credentials=credentials, bucket=bucket)
        ```
    """
    return await buy(request, credentials, bucket, settings)


remix_video = sync_task(aremix_video)
"""`aremix_video` for sync code."""


@step("extend_video", named("extend", "request"))
async def aextend_video(
    request: ExtendRequest,
    *,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket | None = None,
    settings: RunSettings = RunSettings(),  # noqa: B008 - not changed
) -> Generation:
    """Extend a finished video, or continue an earlier purchase. This spends money.

    It is bought once and recorded as a remix is; see `remix_video`.

    Args:
        request: The video, and how it goes on.
        credentials: Of the account that pays.
        bucket: Contains the record.
        settings: Account group, look-up window, retries.

    Returns:
        The generation, for `poll_video` and `download_video`.

    Raises:
        InvalidRequest: Its model doesn't extend videos, or a rule is broken; nothing was sent.
        APIError: The API refuses it.
        Transient: It could not be sent; Prefect retries this task.
        GenerationFailed: An earlier attempt failed, and the settings don't allow a retry.
        CreationUnresolved: It may have been accepted, and can't be looked up; see its advice.

    Example:
        ```python
        request = ExtendRequest(
            task_id=generation.task_id, model="grok-video-1.0", prompt="She turns and waves"
        )
        generation = await aextend_video(request, credentials=credentials, bucket=bucket)
        ```
    """
    return await buy(request, credentials, bucket, settings)


extend_video = sync_task(aextend_video)
"""`aextend_video` for sync code."""


async def _buy_unrecorded(
    request: GenerationRequest, api: Submissions, uploads: Mapping[str, str]
) -> Generation:
    business_id = f"pt{uuid4().hex[:26]}-1"
    await api.ready()
    accepted = await api.submit(request, business_id, uploads=uploads)
    run_logger().info("Generation %s, business id %s", accepted.task_id, business_id)
    return Generation(task_id=accepted.task_id, business_id=business_id, n=request.outputs)
