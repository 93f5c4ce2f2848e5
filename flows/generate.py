"""The flows that make batches, and their one implementation: prepare, run the shots, report."""

from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Annotated, Any, Literal

from prefect import Flow
from prefect.logging import get_run_logger

from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.client.references import references_in
from prefect_toapis.errors import BatchFailed
from prefect_toapis.flows.batch import Batch
from prefect_toapis.flows.characters import first_failure, make_characters, spending_on
from prefect_toapis.flows.checks import checked_batch
from prefect_toapis.flows.inputs import read_spec_file, upload_files
from prefect_toapis.flows.outcomes import (
    Outcomes,
    accounting,
    conclude,
    gather_manifest,
)
from prefect_toapis.flows.progress import (
    Progress,
    progress_artifact,
    render_time_history,
    watched_flow,
)
from prefect_toapis.flows.publish import publish, publish_plan, publish_so_far
from prefect_toapis.flows.run_names import run_name
from prefect_toapis.flows.runner import run_shots
from prefect_toapis.flows.shards import run_in_shards
from prefect_toapis.planning.settings import RunSettings, ShardSettings
from prefect_toapis.planning.spec import (
    BatchSpec,
    CastLike,
    Character,
    SceneLike,
    Variant,
)
from prefect_toapis.planning.spending import spent_on
from prefect_toapis.records.attempts import read_record
from prefect_toapis.records.characters import id_of
from prefect_toapis.records.layout import GALLERY_FILE, plan_key
from prefect_toapis.records.open_shots import open_shots
from prefect_toapis.records.store import JSON
from prefect_toapis.records.stored_shots import Unstored
from prefect_toapis.reports.artifacts import headline, shortfall, words_of_left
from prefect_toapis.reports.manifest import Manifest
from prefect_toapis.tasks.sync_async import async_flow, sync_flow

SUBMIT_BATCH = "submit-batch"

_Step = Literal["plan", "submit", "download"]

_UNSHARDED = RunSettings(shards=ShardSettings(size=None))


@async_flow(name="generate-videos", flow_run_name=run_name)
async def agenerate_videos(  # noqa: PLR0913 - what a batch is made of, each with a default
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
    settings: RunSettings = RunSettings(),  # noqa: B008 - as above
) -> Manifest:
    """Make videos: scenes x variants x casts, each bought once and stored in the bucket.

    Everything is planned and checked before the first one is bought. A batch can be run again
    any number of times: it buys nothing that it has, and goes on with what is under way.

    Args:
        scenes: What the videos show. Each is made in every variant.
        variants: How they are made: model, length, shape, style.
        characters: Who may appear; those of clips are made first, each once. Without casts, each
            appears alone, as {character}.
        casts: Who plays which role in the prompts, such as {hero}.
        batch: Name of the batch; running the same name again continues it. Empty: a new one.
            May hold {date}, {scheduled} or {run}.
        credentials: Whose ToAPIs account pays. Empty: the block named "default".
        bucket: Where the videos go. Empty: the block named "default".
        max_videos: More videos than this are refused before anything is bought.
        budget_credits: More credits than this, in all runs of the batch together, are refused
            before anything is bought; needs settings.purchases.prices. Empty: no limit.
        on_failure: Whether the run fails when some of its shots do, or tolerates it.
        dry_run: Plan and check only; buy nothing.
        settings: Waits, bounds and retries: everything rarely touched.

    Returns:
        The manifest: a row for each video.

    Raises:
        InvalidBatch: The batch can't be carried out; every fault is listed, nothing was bought.
        BatchFailed: Some shots aren't stored; its `manifest` has the reasons.

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
    return await _make(spec, credentials, bucket, Progress(), "plan" if dry_run else "download")


generate_videos = sync_flow(agenerate_videos)
"""`agenerate_videos` for sync code."""


@async_flow(name="generate-from-spec", flow_run_name=run_name)
async def agenerate_from_spec(
    spec: str,
    batch: Annotated[str | None, OrEmpty()] = None,
    *,
    credentials: Annotated[ToAPIsCredentials | None, OrEmpty()] = None,
    bucket: Annotated[VideoBucket | None, OrEmpty()] = None,
    dry_run: bool = False,
) -> Manifest:
    """Make the videos of a spec file: `generate_videos` with its parameters in YAML or JSON.

    Or of a table of scenes: CSV, JSONL or Parquet, one row a scene, its columns the fields of
    `Scene`, with `|` between several image_urls. A table alone is made as the default variant;
    in YAML or JSON, `scenes: prompts.csv` names a table beside the file, for all the rest.

    Relative paths of images and clips are meant from where the file lies, on a disk or in S3.

    Args:
        spec: A path, or s3://bucket/key (read with the bucket's credentials).
        batch: Name of the batch, in place of the file's own. May hold {date}, {scheduled}, {run}.
        credentials: Whose ToAPIs account pays. Empty: the block named "default".
        bucket: Where the videos go. Empty: the block named "default".
        dry_run: Plan and check only; buy nothing.

    Returns:
        The manifest: a row for each video.

    Raises:
        InvalidBatch: The batch can't be carried out; every fault is listed, nothing was bought.
        BatchFailed: Some shots aren't stored; its `manifest` has the reasons.

    Example:
        ```python
        manifest = await agenerate_from_spec("s3://studio/specs/nightly.yaml", batch="{scheduled}")
        ```
    """
    return await _generate_from_spec(
        spec,
        batch,
        credentials=credentials,
        bucket=bucket,
        dry_run=dry_run,
        progress=Progress(),
    )


generate_from_spec = sync_flow(agenerate_from_spec)
"""`agenerate_from_spec` for sync code."""


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
            before anything is bought; needs settings.purchases.prices. Empty: no limit.
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
    return await _make(spec, credentials, bucket, Progress(), "plan" if dry_run else "submit")


submit_batch = sync_flow(asubmit_batch)
"""`asubmit_batch` for sync code."""


def generation_flow(
    progress: Progress,
) -> Flow[..., Coroutine[Any, Any, Manifest]]:
    """`agenerate_from_spec`, whose progress its caller can watch."""
    return watched_flow(agenerate_from_spec, _generate_from_spec, progress)


async def _generate_from_spec(
    spec: str,
    batch: str | None,
    *,
    credentials: ToAPIsCredentials | None,
    bucket: VideoBucket | None,
    dry_run: bool,
    progress: Progress,
) -> Manifest:
    found, faults = await read_spec_file(spec, bucket)
    if batch is not None:
        found = found.model_copy(update={"batch": batch})
    until: _Step = "plan" if dry_run else "download"
    return await _make(found, credentials, bucket, progress, until, faults)


async def _make(
    spec: BatchSpec,
    credentials: ToAPIsCredentials | None,
    bucket: VideoBucket | None,
    progress: Progress,
    until: _Step,
    faults: Sequence[str] = (),
) -> Manifest:
    """Make a batch.

    Args:
        spec: What is asked for.
        credentials: Whose account pays; None for the default.
        bucket: Where to; None for the default.
        progress: Keeps where each shot is.
        until: The last step: plan and check only; leave what was submitted to render; or store it.
        faults: What is wrong with the spec file.

    Raises:
        InvalidBatch: It can't be carried out; nothing was bought.
        BatchFailed: The last step isn't done for all shots, and the spec says to fail then.
        ManifestNotWritten: It broke off after something was bought, whatever the spec says.
    """
    async with checked_batch(spec, credentials, bucket, progress, faults) as batch:
        if until == "plan":
            return await _show_plan(batch)
        return await _make_checked(batch, until, spec.on_failure)


async def _make_checked(
    batch: Batch,
    until: Literal["submit", "download"],
    on_failure: Literal["fail", "tolerate"],
) -> Manifest:
    outcomes = Outcomes.after(batch.stored)
    with accounting(batch, outcomes):
        batch = await _with_needs(batch, outcomes)
        await _run(batch, outcomes, until)
    if until == "submit":
        manifest = await conclude(batch, outcomes, publish_so_far)
        failure = _report_submitted(manifest, outcomes)
    else:
        manifest = await conclude(batch, outcomes, publish)
        failure = _report_stored(manifest)
    if failure and on_failure == "fail":
        raise _batch_failed(failure, manifest, outcomes)
    return manifest


async def _show_plan(batch: Batch) -> Manifest:
    """The end of a dry run; it is about the plan alone."""
    planned = replace(batch, orphaned=[])
    manifest = await gather_manifest(planned, await _open_before(planned))
    await publish_plan(manifest)
    return manifest


async def _open_before(batch: Batch) -> Outcomes:
    """The shots that aren't submitted by a run: they may be paid, or nothing may be done."""
    unstored = {
        shot_id: Unstored(status="open", reason=str(error), money=error.money)
        for shot_id, error in batch.blocked.items()
    }
    known = [shot for shot in batch.to_buy if batch.inventory.was_submitted(shot)]
    if known:
        record, now = await read_record(batch.name, batch.store), datetime.now(timezone.utc)
        found = {one.shot.shot_id: one.unstored(now) for one in open_shots(known, record)}
        unstored = {**found, **unstored}
    return Outcomes(unstored=unstored)


async def _run(batch: Batch, outcomes: Outcomes, until: Literal["submit", "download"]) -> None:
    """Make every shot, in this run or in those of shards."""
    async with progress_artifact(batch.progress, batch.name, batch.settings):
        if batch.shard_count > 1:
            await run_in_shards(batch, outcomes)
        elif until == "submit":
            await run_shots(batch, outcomes, until)
        else:
            async with render_time_history(batch.account, batch.store):
                await run_shots(batch, outcomes, until)


async def _with_needs(batch: Batch, outcomes: Outcomes) -> Batch:
    """What comes before the shots: characters are made, the plan is kept, files are uploaded.

    Args:
        batch: The batch.
        outcomes: Of the run: keeps what was paid.
    """
    batch = await _with_characters(batch, outcomes)
    await batch.with_retries()(
        batch.store.write, plan_key(batch.name), batch.plan_file().to_json(), JSON
    )
    if batch.orphaned:
        get_run_logger().warning("%s", words_of_left(batch.name, batch.orphaned))
    return await _with_files(batch)


async def _with_characters(batch: Batch, outcomes: Outcomes) -> Batch:
    """Have the missing characters made."""
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
        one.name: made[id_of(one)]
        for one in plan.spec.characters
        if not one.exists and id_of(one) in made
    }
    return replace(batch.with_characters(by_name), unprepared=unprepared)


async def _with_files(batch: Batch) -> Batch:
    """Have the missing files uploaded."""
    needed = {shot.shot_id: references_in(shot.request) for shot in batch.to_buy}
    references = [one for of_shot in needed.values() for one in of_shot]
    failed = await upload_files(references, batch.plan.files, batch.bind)
    unprepared = {
        shot.shot_id: failed[one]
        for shot in batch.to_buy
        if not batch.inventory.was_submitted(
            shot
        )  # what was sent before may need no upload any more
        for one in needed[shot.shot_id]
        if one in failed
    }
    return replace(batch, unprepared={**batch.unprepared, **unprepared})


def _report_stored(manifest: Manifest) -> str | None:
    """How many shots have no video, in words; None if all have."""
    logger = get_run_logger()
    for row in [*manifest.failed, *manifest.open]:
        logger.error("%s: %s", row.status, row.error)
    logger.info("%s; see %s/%s", headline(manifest), manifest.uri, GALLERY_FILE)
    return shortfall(manifest)


def _report_submitted(manifest: Manifest, outcomes: Outcomes) -> str | None:
    """How many shots were not submitted, in words; None if all were."""
    logger = get_run_logger()
    logger.info(
        "%d generations of batch %s are under way; collect-batch stores what is rendered",
        len(outcomes.rendering),
        manifest.batch,
    )
    refused = [why for one, why in outcomes.unstored.items() if one not in outcomes.rendering]
    for why in refused:
        logger.error("%s: %s", why.status, why.reason)
    perhaps = sum(spent_on(why) != "not spent" for why in refused)
    what = f"{len(refused) - perhaps} of {manifest.shots()} shots were not submitted"
    if perhaps:  # without an answer, or with a generation that is another shot's
        what = f"{what}, and {perhaps} may have been"
    return what if refused else None


def _batch_failed(what: str, manifest: Manifest, outcomes: Outcomes) -> BatchFailed:
    error = BatchFailed(what, manifest, outcomes.characters)
    if stopped := outcomes.stopped:
        error.add_context(advice=f"{stopped.message.rstrip('.')}. {stopped.advice} {error.advice}")
    return error
