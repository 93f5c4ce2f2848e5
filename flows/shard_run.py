"""The flow `run-shard`: a shard of a batch, from the plan in the bucket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.errors import InvalidBatch, ShardFailed
from prefect_toapis.flows.batch import Batch, list_batch, open_batch
from prefect_toapis.flows.default_blocks import checked_blocks
from prefect_toapis.flows.outcomes import Outcomes
from prefect_toapis.flows.progress import Progress, progress_artifact, render_time_history
from prefect_toapis.flows.run_names import shard_name
from prefect_toapis.flows.runner import run_shots
from prefect_toapis.planning.plan import Plan
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.records.layout import plan_key
from prefect_toapis.records.plan_file import read_plan
from prefect_toapis.tasks.options import retry_policy_of
from prefect_toapis.tasks.sync_async import async_flow, sync_flow


def _run_name() -> str:
    return shard_name(flow_run.parameters)


@async_flow(name="run-shard", flow_run_name=_run_name)
async def arun_shard(
    batch: str,
    shard: int,
    *,
    credentials: Annotated[ToAPIsCredentials | None, OrEmpty()] = None,
    bucket: Annotated[VideoBucket | None, OrEmpty()] = None,
    settings: RunSettings = RunSettings(),  # noqa: B008 - Prefect shows it; not changed
) -> int:
    """Make a shard of a batch, from the plan in the bucket.

    If `settings.shards.size` splits a batch, generate_videos starts these runs, waits for them and
    writes the manifest. Each shot is bought once, however often its shard is run.

    Args:
        batch: Name of the batch.
        shard: Number of the shard, starting at 1.
        credentials: The ToAPIs account that pays. Empty: the block named "default".
        bucket: The bucket with the batch. Empty: the block named "default".
        settings: Timeouts, limits and retries of this shard.

    Returns:
        The number of stored shots: all of the shard.

    Raises:
        InvalidBatch: There is no such shard, or the key or bucket is invalid.
        ShardFailed: Some of its shots aren't stored.

    Example:
        ```python
        await arun_shard("lisbon", 1)
        ```
    """
    credentials, bucket = await checked_blocks(credentials, bucket)
    async with _open_shard(batch, shard, credentials, bucket, settings) as opened:
        return await _make_shard(opened, shard)


run_shard = sync_flow(arun_shard)
"""`arun_shard` for sync code."""


async def _make_shard(batch: Batch, shard: int) -> int:
    outcomes = Outcomes()
    async with (
        progress_artifact(batch.progress, f"{batch.name}-shard-{shard}", batch.settings),
        render_time_history(batch.account, batch.store),
    ):
        await run_shots(batch, outcomes)
    unstored = outcomes.unstored
    for why in unstored.values():  # the starting run may be unable to read the record
        get_run_logger().error("%s: %s", why.status, why.reason)
    if unstored:
        error = ShardFailed(f"shard {shard} of {batch.name}", len(batch.shots), unstored)
        if outcomes.stopped:
            error.add_context(advice=f"{outcomes.stopped.advice} {error.advice}")
        raise error
    return len(batch.shots)


@asynccontextmanager
async def _open_shard(
    name: str,
    shard: int,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings,
) -> AsyncIterator[Batch]:
    """Open the batch of the plan in the bucket, restricted to a shard.

    Raises:
        InvalidBatch: There is no such shard.
        StoreError: The bucket is unavailable, or the plan is damaged.
    """
    key, retries = plan_key(name), retry_policy_of(settings).caller()
    content, uri = await retries(BucketStore(bucket).read, key), bucket.uri(key)
    found = read_plan(content, key, uri) if content is not None else None
    if found is None or not 1 <= shard <= len(found.shards):
        existing = f"{len(found.shards)} shards" if found else "no plan"
        raise InvalidBatch([f"shard: {uri} has no shard {shard}: {existing}"])
    plan = Plan(name, found.shots)
    async with open_batch(
        plan,
        entries=await list_batch(name, BucketStore(bucket), settings),
        earlier=found,
        credentials=credentials,
        bucket=bucket,
        settings=settings,
        progress=Progress(),
    ) as batch:
        yield batch.only(set(found.shards[shard - 1]))
