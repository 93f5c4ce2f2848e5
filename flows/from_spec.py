"""The flow that makes the batch of a spec file."""

from collections.abc import Coroutine
from typing import Annotated, Any

from prefect import Flow
from prefect.logging import get_run_logger

from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.flows.generate import Step, make_batch
from prefect_toapis.flows.inputs import IN_BUCKET, read_spec_file
from prefect_toapis.flows.progress import Progress, watched_flow
from prefect_toapis.flows.run_names import run_facts, run_name
from prefect_toapis.planning.labels import batch_of_spec
from prefect_toapis.planning.settings import RetrySettings, RunSettings
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.reports.manifest import Manifest
from prefect_toapis.tasks.sync_async import async_flow, sync_flow

_RETRY_ALL = RunSettings(retries=RetrySettings(failed_shots="all"))


@async_flow(name="generate-from-spec", flow_run_name=run_name)
async def agenerate_from_spec(  # noqa: PLR0913 - the form of a deployment
    spec: str,
    batch: Annotated[str | None, OrEmpty()] = None,
    *,
    new: bool = False,
    retry_failed: bool = False,
    credentials: Annotated[ToAPIsCredentials | None, OrEmpty()] = None,
    bucket: Annotated[VideoBucket | None, OrEmpty()] = None,
    dry_run: bool = False,
) -> Manifest:
    """Make the videos of a spec file: `generate_videos` with its parameters in YAML or JSON.

    The spec can also be a table of scenes (CSV, JSONL or Parquet): a row for each scene, a column
    for each field of `Scene`, with `|` between several image_urls. A table alone uses the default
    variant; in YAML or JSON, `scenes: prompts.csv` refers to a table in the same folder.

    Relative paths of images and clips are resolved against the folder of the file, on disk or in
    S3.

    Args:
        spec: A path, s3://bucket/key (read with the bucket's credentials), or bucket:specs/x.yaml,
            which is a key in the bucket for the videos, below its prefix.
        batch: Name of the batch; overrides that of the file. May contain {date}, {scheduled} or
            {run}. Empty, and none in the file: the file's own name, so that running the file again
            continues its batch.
        new: Begin another batch: the run's id is added to the name.
        retry_failed: Also retry shots that failed or were refused before, for whatever reason:
            `settings.retries.failed_shots="all"` for this run.
        credentials: The ToAPIs account that pays. Empty: the block named "default".
        bucket: The bucket for the videos. Empty: the block named "default".
        dry_run: Plan and check only; buy nothing.

    Returns:
        The manifest: a row for each video.

    Raises:
        InvalidBatch: The batch is invalid; every fault is listed, nothing was bought.
        BatchFailed: Some shots aren't stored; its `manifest` has the reasons.
        VideosRemarked: Videos have remarks, and `settings.on_remark` is "fail".

    Example:
        ```python
        manifest = await agenerate_from_spec("s3://studio/specs/nightly.yaml", batch="{scheduled}")
        ```
    """
    return await _generate_from_spec(
        spec,
        batch,
        new=new,
        retry_failed=retry_failed,
        credentials=credentials,
        bucket=bucket,
        dry_run=dry_run,
        progress=Progress(),
    )


generate_from_spec = sync_flow(agenerate_from_spec)
"""`agenerate_from_spec` for sync code."""


def generation_flow(
    progress: Progress,
) -> Flow[..., Coroutine[Any, Any, Manifest]]:
    """Return `agenerate_from_spec` with observable progress."""
    return watched_flow(agenerate_from_spec, _generate_from_spec, progress)


async def _generate_from_spec(  # noqa: PLR0913 - the flow's, and the progress
    spec: str,
    batch: str | None = None,
    *,
    new: bool = False,
    retry_failed: bool = False,
    credentials: ToAPIsCredentials | None = None,
    bucket: VideoBucket | None = None,
    dry_run: bool = False,
    progress: Progress,
) -> Manifest:
    found, faults = await read_spec_file(spec, bucket)
    named = _named(found, batch, spec.removeprefix(IN_BUCKET), new=new)
    if retry_failed:
        named = named.model_copy(update={"settings": named.settings.with_overrides(_RETRY_ALL)})
    until: Step = "plan" if dry_run else "download"
    return await make_batch(named, credentials, bucket, progress, until, faults)


def _named(found: BatchSpec, batch: str | None, path: str, *, new: bool) -> BatchSpec:
    """Return the batch with its name: the caller's, or that in the file, or the file's own."""
    given = found.batch if batch is None else batch
    name = batch_of_spec(given, path, run_facts().run, new=new)
    if given is None and not new:
        get_run_logger().info(
            "Batch %s is named after its file: run it again to continue it, or with `new` (--new) "
            "to begin another batch",
            name,
        )
    return found.model_copy(update={"batch": name})
