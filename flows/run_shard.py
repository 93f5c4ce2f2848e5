"""One shard of a large batch: a flow of its own, so that several workers make a batch."""

from dataclasses import replace
from typing import Annotated

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from prefect_toapis.batches.errors import InvalidBatch, ShardFailed
from prefect_toapis.batches.inventory import take_inventory
from prefect_toapis.batches.plan_file import plan_key, read_plan
from prefect_toapis.batches.progress import current_progress
from prefect_toapis.batches.spec import BatchSpec, RunSettings
from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.flows.fan_out import FanOut
from prefect_toapis.flows.learning import learning
from prefect_toapis.flows.preflight import Ready, blocks_or_faults
from prefect_toapis.flows.run_names import shard_name
from prefect_toapis.flows.watching import watched
from prefect_toapis.tasks.calling import either_flow
from prefect_toapis.tasks.steps import account_of


def _run_name() -> str:
    return shard_name(flow_run.parameters)


@either_flow(name="run-shard", flow_run_name=_run_name)
async def run_shard(
    batch: str,
    shard: int,
    *,
    credentials: Annotated[ToAPIsCredentials | None, OrEmpty()] = None,
    bucket: Annotated[VideoBucket | None, OrEmpty()] = None,
    settings: RunSettings = RunSettings(),  # noqa: B008 - Prefect shows it; not changed
) -> int:
    """Make one shard of a batch, as the plan in the bucket has it.

    generate_videos starts these runs where `settings.shard_size` splits a batch, waits for them
    and writes the manifest. A shot is bought once, however often and by whichever run its shard
    is made.

    Args:
        batch: Its name.
        shard: Which: 1 is the first.
        credentials: Whose ToAPIs account pays. Empty: the block named "default".
        bucket: Where the batch is. Empty: the block named "default".
        settings: Waits, bounds and retries of this shard.

    Returns:
        How many shots are stored: all of the shard.

    Raises:
        InvalidBatch: There is no such shard, or the key or bucket is no good.
        ShardFailed: Some of its shots aren't stored.

    Example:
        ```python
        await run_shard("lisbon", 1)
        ```
    """
    faults: list[str] = []
    account, place = await blocks_or_faults(credentials, bucket, faults)
    if account is None or place is None:
        raise InvalidBatch(faults)
    bare = Ready(batch, BatchSpec(settings=settings), {}, account, place, take_inventory(batch, []))
    with account_of(account, settings):  # its limits hold until the run ends
        return await _make_shard(await _read_shard(bare, shard), shard)


async def _make_shard(ready: Ready, shard: int) -> int:
    batch, fan_out = ready.batch, FanOut(ready, current_progress())
    name = f"{batch}-shard-{shard}"
    async with watched(fan_out.progress, name, ready.spec.settings), learning(ready):
        await fan_out.run()
    unstored = fan_out.outcomes.unstored
    for why in unstored.values():  # whoever started this run may not be able to read the record
        get_run_logger().error("%s: %s", why.status, why.reason)
    if unstored:
        error = ShardFailed(f"shard {shard} of {batch}", len(ready.shots), unstored)
        if fan_out.stopped:
            error.about(advice=f"{fan_out.stopped.advice} {error.advice}")
        raise error
    return len(ready.shots)


async def _read_shard(bare: Ready, shard: int) -> Ready:
    """The shots of a shard, with what the bucket has of them.

    Raises:
        InvalidBatch: There is no such shard.
        StoreError: The bucket doesn't answer, or its plan is damaged.
    """
    patient, key = bare.patient(), plan_key(bare.batch)
    content = await patient(bare.store.read, key)
    plan = read_plan(content, key, bare.bucket.uri(key)) if content is not None else None
    if plan is None or not 1 <= shard <= len(plan.shards):
        there = f"{len(plan.shards)} shards" if plan else "no plan"
        raise InvalidBatch([f"shard: {bare.bucket.uri(key)} has no shard {shard}: {there}"])
    ids = set(plan.shards[shard - 1])
    entries = await patient(bare.store.list_entries, f"{bare.batch}/")
    inventory = take_inventory(bare.batch, entries)
    shots = [inventory.with_existing_folder(shot) for shot in plan.shots if shot.shot_id in ids]
    return await replace(bare, inventory=inventory, shots=shots).checked(entries)
