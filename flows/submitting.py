"""Submitting a batch without waiting for it: `collect_batch` stores what was rendered."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Literal

from prefect.logging import get_run_logger

from prefect_toapis.batches.manifest import Manifest, Unstored
from prefect_toapis.batches.plan import Shot
from prefect_toapis.batches.progress import current_progress
from prefect_toapis.batches.spec import (
    BatchSpec,
    CastLike,
    Character,
    RunSettings,
    SceneLike,
    Variant,
)
from prefect_toapis.batches.spending import spent_on
from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.flows.batch_run import batch_failed, begin
from prefect_toapis.flows.conclude import conclude, gather_manifest
from prefect_toapis.flows.fan_out import FanOut, Steps
from prefect_toapis.flows.order import Order
from prefect_toapis.flows.outcomes import Outcomes, accounting
from prefect_toapis.flows.preflight import Ready, prepare
from prefect_toapis.flows.publishing import publish_plan, publish_so_far
from prefect_toapis.flows.run_names import run_name
from prefect_toapis.flows.watching import watched
from prefect_toapis.tasks.calling import either_flow
from prefect_toapis.tasks.steps import account_of

SUBMIT_BATCH = "submit-batch"


@either_flow(name=SUBMIT_BATCH, flow_run_name=run_name)
async def submit_batch(  # noqa: PLR0913 - as generate_videos
    scenes: list[SceneLike],
    variants: list[Variant] = [Variant()],  # noqa: B006, B008 - Prefect shows it; not changed
    characters: list[Character] = [],  # noqa: B006 - as above
    casts: list[CastLike] = [],  # noqa: B006 - as above
    batch: Annotated[str | None, OrEmpty()] = None,
    *,
    credentials: Annotated[ToAPIsCredentials | None, OrEmpty()] = None,
    bucket: Annotated[VideoBucket | None, OrEmpty()] = None,
    max_videos: int = 100,
    budget_credits: Annotated[float | None, OrEmpty()] = None,
    on_failure: Literal["fail", "tolerate"] = "fail",
    dry_run: bool = False,
    settings: RunSettings = RunSettings(),  # noqa: B008 - as above
) -> Manifest:
    """Submit videos, each once, and end: no run waits while they render.

    As generate_videos, with the same record: `collect_batch` stores what has been rendered, and
    running the batch with generate_videos waits for it.

    Args:
        scenes: What the videos show. Each is made in every variant.
        variants: How they are made: model, length, shape, style.
        characters: Who may appear; those of clips are made first, and waited for, each once.
            Without casts, each appears alone, as {character}.
        casts: Who plays which role in the prompts, such as {hero}.
        batch: Name of the batch; running the same name again continues it. Empty: a new one.
            May hold {date}, {scheduled} or {run}.
        credentials: Whose ToAPIs account pays. Empty: the block named "default".
        bucket: Where the videos go. Empty: the block named "default".
        max_videos: More videos than this are refused before anything is bought.
        budget_credits: More credits than this, in all runs of the batch together, are refused
            before anything is bought; needs settings.prices. Empty: no limit.
        on_failure: Whether the run fails when a shot could not be submitted, or tolerates it.
        dry_run: Plan and check only; buy nothing.
        settings: Waits, bounds and retries: everything rarely touched.

    Returns:
        The manifest: a row for each video; what was submitted is `open`.

    Raises:
        InvalidBatch: The batch can't be carried out; every fault is listed, nothing was bought.
        BatchFailed: Some shots were not submitted; its `manifest` has the reasons.

    Example:
        ```python
        await submit_batch(["A golden retriever running on grass, sunny day"], batch="dogs")
        ...  # minutes later, anywhere
        [manifest] = await collect_batch("dogs")
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
            "settings": settings.model_copy(update={"shard_size": None}),  # one run submits all
        }
    )
    return await _submit(Order(spec, credentials, bucket, dry_run))


async def _submit(order: Order) -> Manifest:
    ready = await prepare(order)
    with account_of(ready.credentials, order.spec.settings):  # its limits hold until the run ends
        return await _submit_prepared(order, ready)


async def _submit_prepared(order: Order, ready: Ready) -> Manifest:
    if order.dry_run:
        manifest = await gather_manifest(ready, Outcomes())
        await publish_plan(manifest)
        return manifest
    outcomes = Outcomes.after(ready.stored)
    with accounting(ready, outcomes):
        begun = await begin(ready, outcomes)
        ready = begun.ready
        fan_out = Submitting(ready, current_progress(), begun.lacking, outcomes)
        async with watched(fan_out.progress, ready.batch, ready.spec.settings):
            await fan_out.run()
    manifest = await conclude(ready, outcomes, publish_so_far)
    get_run_logger().info(
        "%d generations of batch %s are under way; collect-batch stores what is rendered",
        len(fan_out.submitted),
        ready.batch,
    )
    refused = [why for one, why in outcomes.unstored.items() if one not in fan_out.submitted]
    for why in refused:
        get_run_logger().error("%s: %s", why.status, why.reason)
    if refused and order.spec.on_failure == "fail":
        perhaps = sum(spent_on(why) != "not spent" for why in refused)
        what = f"{len(refused) - perhaps} of {manifest.shots()} shots were not submitted"
        if perhaps:  # without an answer, or with a generation that is another shot's
            what = f"{what}, and {perhaps} may have been"
        raise batch_failed(what, manifest, outcomes, fan_out.stopped)
    return manifest


@dataclass
class Submitting(FanOut):
    """The shots of a run that leaves them to render.

    Args:
        submitted: Filled with the ids of the shots that the provider has.
    """

    submitted: set[str] = field(default_factory=set)

    async def _bring(self, shot: Shot, steps: Steps, downloads: asyncio.Semaphore) -> None:
        """Submit, and leave it."""
        del downloads
        generation = await self._submit(shot, steps)
        self.outcomes.accept(shot, generation)
        self.submitted.add(shot.shot_id)
        self.outcomes.unstored[shot.shot_id] = Unstored(
            status="open",
            reason=f"it renders as {generation.task_id}; collect-batch stores it then",
            task_id=generation.task_id,
            business_id=generation.business_id,
            money="spent",
        )
        self.progress.set(shot.label, "open")
