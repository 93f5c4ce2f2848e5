"""The flow `submit-batch`."""

from collections.abc import Sequence
from typing import Annotated, Literal

from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.flows.generate import make_batch
from prefect_toapis.flows.progress import (
    Progress,
)
from prefect_toapis.flows.run_names import SUBMIT_BATCH, run_name
from prefect_toapis.planning.settings import RunSettings, ShardSettings
from prefect_toapis.planning.spec import BatchSpec, CastLike, Character, SceneLike, Variant
from prefect_toapis.reports.manifest import Manifest
from prefect_toapis.tasks.sync_async import async_flow, sync_flow

_UNSHARDED = RunSettings(shards=ShardSettings(size=None))


@async_flow(name=SUBMIT_BATCH, flow_run_name=run_name)
async def asubmit_batch(  # noqa: PLR0913 - as generate_videos
    scenes: Sequence[SceneLike],
    variants: Sequence[Variant] = [Variant()],
    characters: Sequence[Character] = [],
    casts: Sequence[CastLike] = [],
    batch: Annotated[str | None, OrEmpty()] = None,
    *,
    credentials: Annotated[ToAPIsCredentials | None, OrEmpty()] = None,
    bucket: Annotated[VideoBucket | None, OrEmpty()] = None,
    max_videos: int = 100,
    budget_credits: Annotated[float | None, OrEmpty()] = None,
    on_failure: Literal["fail", "tolerate"] = "fail",
    dry_run: bool = False,
    settings: RunSettings = RunSettings(),  # noqa: B008 - Prefect shows it; not changed
) -> Manifest:
    """Submit videos, each once, without waiting for them to render.

    Same parameters and record as generate_videos: `collect_batch` stores the completed videos, and
    running the batch with generate_videos waits for them.

    Args:
        scenes: The prompts. Each is made in every variant.
        variants: How videos are made: model, duration, aspect ratio, style.
        characters: The available characters; those with a clip are made first, each once; the run
            waits for them. Without casts, each appears alone, as {character}.
        casts: Which character plays which role of the prompts, such as {hero}.
        batch: Name of the batch; running the same name again continues it. Empty: a new one.
            May contain {date}, {scheduled} or {run}.
        credentials: The ToAPIs account that pays. Empty: the block named "default".
        bucket: The bucket for the videos. Empty: the block named "default".
        max_videos: Maximum size of the batch, checked before anything is bought.
        budget_credits: Limit for the credits of all runs of the batch together, checked before
            anything is bought; needs settings.purchases.prices. Empty: no limit.
        on_failure: Whether the run fails if a shot could not be submitted.
        dry_run: Plan and check only; buy nothing.
        settings: Timeouts, limits and retries.

    Returns:
        The manifest: a row for each video; submitted ones are `open`.

    Raises:
        InvalidBatch: The batch is invalid; every fault is listed, nothing was bought.
        BatchFailed: Some shots were not submitted; its `manifest` has the reasons.

    Example:
        ```python
        await asubmit_batch(["A golden retriever running on grass, sunny day"], batch="dogs")
        ...  # minutes later, anywhere
        [manifest] = await acollect_batch("dogs")
        ```
    """
    spec = BatchSpec.model_validate(
        {
            "scenes": scenes,
            "variants": variants,
            "characters": characters,
            "casts": casts,
            "batch": batch,
            "max_videos": max_videos,
            "budget_credits": budget_credits,
            "on_failure": on_failure,
            "settings": settings.with_overrides(_UNSHARDED),  # one run submits all
        }
    )
    return await make_batch(spec, credentials, bucket, Progress(), "plan" if dry_run else "submit")


submit_batch = sync_flow(asubmit_batch)
"""`asubmit_batch` for sync code."""
