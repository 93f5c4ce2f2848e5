"""The flow `generate-videos`, and what all flows that make batches share: prepare, run, report."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Annotated, Literal

from prefect.logging import get_run_logger

from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.errors import BatchFailed, VideosRemarked
from prefect_toapis.flows.batch import Batch
from prefect_toapis.flows.batch_characters import first_failure, make_characters, spending_on
from prefect_toapis.flows.checks import checked_batch
from prefect_toapis.flows.growing_gallery import growing_gallery
from prefect_toapis.flows.inputs import with_files
from prefect_toapis.flows.outcomes import Outcomes, conclude, gather_manifest, manifest_on_error
from prefect_toapis.flows.progress import (
    Progress,
    progress_artifact,
    render_time_history,
)
from prefect_toapis.flows.publish import publish, publish_plan, publish_so_far
from prefect_toapis.flows.retakes import buy_retakes
from prefect_toapis.flows.run_names import run_name
from prefect_toapis.flows.runner import run_shots
from prefect_toapis.flows.shards import run_in_shards
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.planning.spec import BatchSpec, CastLike, Character, SceneLike, Variant
from prefect_toapis.planning.spending import spent_on
from prefect_toapis.records.attempts import read_record
from prefect_toapis.records.characters import id_of
from prefect_toapis.records.layout import GALLERY_FILE, plan_key
from prefect_toapis.records.open_shots import open_shots
from prefect_toapis.records.store import JSON
from prefect_toapis.records.stored_shots import Unstored
from prefect_toapis.reports.artifacts import headline, remarks_in_words, shortfall, words_of_left
from prefect_toapis.reports.manifest import Manifest
from prefect_toapis.tasks.sync_async import async_flow, sync_flow

Step = Literal["plan", "submit", "download"]

_LOGGED = 20  # shots that aren't stored; the manifest and the table have all


@async_flow(name="generate-videos", flow_run_name=run_name)
async def agenerate_videos(  # noqa: PLR0913 - the fields of a batch, each with a default
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
    """Make videos: scenes x variants x casts, each bought once and stored in the bucket.

    Everything is planned and checked before anything is bought. A batch can be run again any
    number of times: videos that are stored or in progress are not bought again.

    Args:
        scenes: The prompts. Each is made in every variant.
        variants: How videos are made: model, duration, aspect ratio, style.
        characters: The available characters; those with a clip are made first, each once. Without
            casts, each appears alone, as {character}.
        casts: Which character plays which role of the prompts, such as {hero}.
        batch: Name of the batch; running the same name again continues it. Empty: a new one.
            May contain {date}, {scheduled} or {run}.
        credentials: The ToAPIs account that pays. Empty: the block named "default".
        bucket: The bucket for the videos. Empty: the block named "default".
        max_videos: Maximum size of the batch, checked before anything is bought.
        budget_credits: Limit for the credits of all runs of the batch together, checked before
            anything is bought; needs settings.purchases.prices. Empty: no limit.
        on_failure: Whether the run fails if some of its shots fail.
        dry_run: Plan and check only; buy nothing.
        settings: Timeouts, limits and retries.

    Returns:
        The manifest: a row for each video.

    Raises:
        InvalidBatch: The batch is invalid; every fault is listed, nothing was bought.
        BatchFailed: Some shots aren't stored; its `manifest` has the reasons.
        VideosRemarked: Videos have remarks, and `settings.on_remark` is "fail".

    Example:
        ```python
        manifest = await agenerate_videos(
            ["A golden retriever running on grass, sunny day"],
            [Variant(duration=10, aspect_ratio="16:9")],
            batch="dogs",
        )
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
            "settings": settings,
        }
    )
    return await make_batch(
        spec, credentials, bucket, Progress(), "plan" if dry_run else "download"
    )


generate_videos = sync_flow(agenerate_videos)
"""`agenerate_videos` for sync code."""


async def make_batch(
    spec: BatchSpec,
    credentials: ToAPIsCredentials | None,
    bucket: VideoBucket | None,
    progress: Progress,
    until: Step,
    faults: Sequence[str] = (),
) -> Manifest:
    """Make a batch.

    Args:
        spec: Of the batch.
        credentials: Of the account that pays; None: the default block.
        bucket: Receives the videos; None: the default block.
        progress: Updated with the phase of each shot.
        until: The last step: plan and check only, submit only, or store the videos.
        faults: Faults of the spec file.

    Raises:
        InvalidBatch: The batch is invalid; nothing was bought.
        BatchFailed: The last step failed for some shots, and `on_failure` is "fail".
        VideosRemarked: Videos have remarks, and `settings.on_remark` is "fail".
        ManifestNotWritten: The run failed after something was bought, whatever `on_failure` is.
    """
    async with checked_batch(spec, credentials, bucket, progress, faults) as batch:
        if until == "plan":
            return await _show_plan(batch)
        return await make_checked(batch, until, spec.on_failure)


async def make_checked(
    batch: Batch,
    until: Literal["submit", "download"] = "download",
    on_failure: Literal["fail", "tolerate"] = "fail",
) -> Manifest:
    """Make the shots of an open batch that was checked; see `make_batch`.

    Args:
        batch: With its plan, which is written to the bucket.
        until: The last step.
        on_failure: Whether shots without videos raise an error.
    """
    outcomes = Outcomes.after(batch.stored)
    with manifest_on_error(batch, outcomes):
        batch = await _prepare(batch, outcomes)
        batch = await _run(batch, outcomes, until)
    if until == "submit":
        manifest = await conclude(batch, outcomes, publish_so_far)
        failure = _report_submitted(manifest, outcomes)
    else:
        manifest = await conclude(batch, outcomes, publish)
        failure = _report_stored(manifest)
    if failure and on_failure == "fail":
        raise _batch_failed(failure, manifest, outcomes)
    remarks = remarks_in_words(manifest)
    if remarks and until == "download" and batch.settings.on_remark == "fail":
        raise VideosRemarked(remarks, manifest, outcomes.characters)
    return manifest


async def _show_plan(batch: Batch) -> Manifest:
    """Show the plan of a dry run, without shots of earlier plans."""
    planned = replace(batch, orphaned=[])
    manifest = await gather_manifest(planned, await _known_outcomes(planned))
    await publish_plan(planned, manifest)
    return manifest


async def _known_outcomes(batch: Batch) -> Outcomes:
    """Return the outcomes known before a run: open shots of earlier runs, and blocked shots."""
    unstored = {
        shot_id: Unstored(status="open", reason=str(error), money=error.money)
        for shot_id, error in batch.blocked.items()
    }
    submitted = [shot for shot in batch.to_buy if batch.inventory.was_submitted(shot)]
    if submitted:
        record, now = await read_record(batch.name, batch.store), datetime.now(timezone.utc)
        found = {
            open_shot.shot.shot_id: open_shot.unstored(now)
            for open_shot in open_shots(submitted, record)
        }
        unstored = {**found, **unstored}
    return Outcomes(unstored=unstored)


async def _run(batch: Batch, outcomes: Outcomes, until: Literal["submit", "download"]) -> Batch:
    """Make every shot, in this run or in the runs of its shards; return it with its retakes."""
    async with progress_artifact(batch.progress, batch.name, batch.settings):
        if batch.shard_count > 1:
            await run_in_shards(batch, outcomes)
        elif until == "submit":
            await run_shots(batch, outcomes, until)
        else:
            async with (
                render_time_history(batch.account, batch.store),
                growing_gallery(batch, outcomes),
            ):
                await run_shots(batch, outcomes, until)
        if until == "download" and batch.settings.on_remark == "retake":
            return await buy_retakes(batch, outcomes)
    return batch


async def _prepare(batch: Batch, outcomes: Outcomes) -> Batch:
    """Make characters, write the plan and upload files; return the batch with the results.

    Args:
        batch: The batch.
        outcomes: Of the run; updated with what was paid.
    """
    batch = await _with_characters(batch, outcomes)
    await batch.with_retries()(
        batch.store.write, plan_key(batch.name), batch.plan_file().to_json(), JSON
    )
    if batch.orphaned:
        get_run_logger().warning("%s", words_of_left(batch.name, batch.orphaned))
    return await with_files(batch)


async def _with_characters(batch: Batch, outcomes: Outcomes) -> Batch:
    """Make the missing characters."""
    plan, to_make = batch.plan, batch.to_make
    if not to_make:
        return batch
    made, failed = await make_characters(
        to_make, plan.files, batch.bind, batch.settings, batch.progress
    )
    outcomes.characters = spending_on(to_make, made, failed)
    unprepared = {
        shot.shot_id: error
        for shot in batch.to_buy
        if (error := first_failure(plan.missing.get(shot.shot_id, []), failed))
    }
    by_name = {
        character.name: made[id_of(character)]
        for character in plan.spec.characters
        if not character.exists and id_of(character) in made
    }
    return replace(batch.with_characters(by_name), unprepared=unprepared)


def _report_stored(manifest: Manifest) -> str | None:
    """Log the result; return how many shots have no video, or None if all have."""
    logger = get_run_logger()
    unstored = [*manifest.failed, *manifest.open]
    for row in unstored[:_LOGGED]:
        logger.error("%s: %s", row.status, row.error)
    if more := len(unstored) - len(unstored[:_LOGGED]):
        logger.error("%d more are not stored; the manifest has each reason", more)
    logger.info("%s; see %s/%s", headline(manifest), manifest.uri, GALLERY_FILE)
    return shortfall(manifest)


def _report_submitted(manifest: Manifest, outcomes: Outcomes) -> str | None:
    """Log the result; return how many shots were not submitted, or None if all were."""
    logger = get_run_logger()
    spent = f"; {manifest.spent}" if manifest.spent else ""
    logger.info(
        "%d generations of batch %s are under way; collect-batch stores what is rendered%s",
        len(outcomes.rendering),
        manifest.batch,
        spent,
    )
    refused = [
        why for shot_id, why in outcomes.unstored.items() if shot_id not in outcomes.rendering
    ]
    for why in refused[:_LOGGED]:
        logger.error("%s: %s", why.status, why.reason)
    maybe_submitted = sum(spent_on(why) != "not spent" for why in refused)
    what = f"{len(refused) - maybe_submitted} of {manifest.shots()} shots were not submitted"
    if maybe_submitted:  # no response, or the response named another shot's generation
        what = f"{what}, and {maybe_submitted} may have been"
    return what if refused else None


def _batch_failed(what: str, manifest: Manifest, outcomes: Outcomes) -> BatchFailed:
    """Return the error of a batch: its first cause, what was spent, and the next step."""
    if stopped := outcomes.stopped:
        what = f"{what}: {stopped.message}"
        error = BatchFailed(what, manifest, outcomes.characters)
        return error.add_context(advice=stopped.advice)
    first = next((row for row in manifest.rows if row.shot_id in outcomes.causes), None)
    if first:
        what = f"{what}: {first.label}: {outcomes.causes[first.shot_id]}"
    return BatchFailed(what, manifest, outcomes.characters)
