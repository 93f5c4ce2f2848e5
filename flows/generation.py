"""The flows that make batches."""

from collections.abc import Sequence
from typing import Annotated, Literal

from prefect_toapis.batches.manifest import Manifest
from prefect_toapis.batches.spec import (
    BatchSpec,
    CastLike,
    Character,
    RunSettings,
    SceneLike,
    Variant,
)
from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.flows.batch_run import run_batch
from prefect_toapis.flows.order import Order
from prefect_toapis.flows.run_names import run_name
from prefect_toapis.flows.spec_files import read_spec_file
from prefect_toapis.tasks.calling import async_flow, sync_flow


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
            before anything is bought; needs settings.prices. Empty: no limit.
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
    return await run_batch(Order(spec, credentials, bucket, dry_run))


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
    found, faults = await read_spec_file(spec, bucket)
    if batch is not None:
        found = found.model_copy(update={"batch": batch})
    return await run_batch(Order(found, credentials, bucket, dry_run, faults))


generate_from_spec = sync_flow(agenerate_from_spec)
"""`agenerate_from_spec` for sync code."""
