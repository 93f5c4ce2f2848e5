"""A large batch, made by several runs: each makes a shard of the plan in the bucket."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from importlib.resources import files
from typing import Annotated, Any
from uuid import UUID

import httpx
from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient, SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments.flow_runs import arun_deployment
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Cancelling

from prefect_toapis.blocks import BucketStore, ToAPIsCredentials, VideoBucket
from prefect_toapis.blocks.prefect_internals import saved_name
from prefect_toapis.client.form_schema import OrEmpty
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.errors import InvalidBatch, ShardFailed
from prefect_toapis.flows.batch import (
    Batch,
    list_batch,
    open_batch,
    shard_count,
)
from prefect_toapis.flows.default_blocks import checked_blocks
from prefect_toapis.flows.open_batches import open_recorded_batch, read_open
from prefect_toapis.flows.outcomes import Outcomes
from prefect_toapis.flows.progress import Progress, progress_artifact, render_time_history
from prefect_toapis.flows.run_names import shard_name
from prefect_toapis.flows.runner import run_shots
from prefect_toapis.planning.plan import Plan, Shot
from prefect_toapis.planning.settings import LimitSettings, RunSettings
from prefect_toapis.records.inventory import take_inventory
from prefect_toapis.records.layout import plan_key
from prefect_toapis.records.plan_file import read_plan
from prefect_toapis.records.store import JSON
from prefect_toapis.records.stored_shots import Unstored
from prefect_toapis.tasks.sync_async import async_flow, sync_flow

_LOOK_EVERY_SECONDS = 5
_PREFECT_FILE = files("prefect_toapis") / "deployments" / "prefect.yaml"


def split(shot_ids: Sequence[str], count: int) -> list[list[str]]:
    """Shards of equal size, but for one shot.

    They are dealt out like cards: what was sent before, and comes first because its results
    expire, is so in each shard.

    Args:
        shot_ids: In the order in which they are wanted.
        count: How many shards.

    Example:
        >>> split(["a", "b", "c", "d", "e"], 2)
        [['a', 'c', 'e'], ['b', 'd']]
    """
    return [list(shot_ids[number::count]) for number in range(count)]


def unplannable(shots: Iterable[Shot]) -> list[str]:
    """Why some shots can't be made by other runs: a fault for each.

    Those runs read the plan in the bucket, in which no signature of a URL is ever kept.

    Args:
        shots: That are to be made.
    """
    return [
        f"{shot.label}: it has a signed URL, and a batch in shards is read from its plan, where "
        "signatures aren't kept; name the file itself (a path, or s3://bucket/key), or leave "
        "settings.shards.size empty"
        for shot in shots
        if shot.unsigned().request != shot.request
    ]


async def shard_faults(batch: Batch) -> list[str]:
    """Everything that keeps a batch from being split, a line for each.

    Args:
        batch: Its blocks must be saved, and `settings.shards.deployment` deployed.
    """
    blocks = _blocks(batch).items()
    unsaved = [_unsaved(name, block) for name, block in blocks if not saved_name(block)]
    missing = await _missing(batch.settings.shards.deployment)
    return [*unsaved, *missing, *unplannable(batch.to_buy)]


def _unsaved(name: str, block: Block) -> str:
    kind = type(block).__name__
    return (
        f"{name}: the runs of a batch in shards load it by its name, and it isn't saved; save it "
        f'and pass it then: {name} = {kind}(...); {name}.save("default"). '
        "`prefect-toapis setup` saves what the environment names"
    )


async def _missing(deployment: str) -> list[str]:
    async with get_client() as client:
        try:
            await client.read_deployment_by_name(deployment)
        except ObjectNotFound:
            deploy = f"prefect deploy --prefect-file {_PREFECT_FILE} -n {deployment}"
            fault = f"settings.shards.deployment: the Prefect server has no {deployment}"
            return [f"{fault}; deploy it: `{deploy}`"]
    return []


async def run_in_shards(batch: Batch, outcomes: Outcomes) -> Outcomes:
    """Have every shot made by runs of `run_shard`; returns when each shard's run has ended.

    Args:
        batch: Its plan is in the bucket, and is written again with the shards.
        outcomes: Filled with what becomes of the shots; each run knows more of its own.

    Returns:
        The outcomes.

    Raises:
        StoreError: The bucket doesn't answer.
    """
    kept_back = {*batch.unprepared, *batch.blocked}
    await run_shots(batch.only(kept_back), outcomes)  # nothing is submitted for them
    to_buy = [one.shot_id for one in batch.to_buy if one.shot_id not in kept_back]
    count = shard_count(len(to_buy), batch.settings.shards.size)
    shards = split(to_buy, count) if to_buy else []
    plan = batch.plan_file(shards)
    await batch.with_retries()(batch.store.write, plan_key(batch.name), plan.to_json(), JSON)
    await _Shards(batch, outcomes).run(shards)
    return outcomes


class _Shards:
    """The runs that make a batch, as the run that starts them sees them."""

    def __init__(self, batch: Batch, outcomes: Outcomes) -> None:
        self._batch, self._outcomes = batch, outcomes
        self._under_way: set[UUID] = set()
        self._warned_of_late = False

    async def run(self, shards: list[list[str]]) -> None:
        """Make shards, each given by the ids of its shots."""
        self._record_elsewhere([shot_id for some in shards for shot_id in some])
        try:
            ends = await self._make_all(len(shards)) if shards else []
        except BaseException:  # cancelled or terminated
            self._cancel_shards()
            raise
        await self._explain(dict(zip(ends, shards, strict=True)))

    def _record_elsewhere(self, shot_ids: Iterable[str]) -> None:
        """Until it is known better, other runs may have bought them."""
        deployment = self._batch.settings.shards.deployment
        reason = f"made by a run of {deployment}; the log of that run has its generation"
        for shot_id in shot_ids:
            self._outcomes.unstored[shot_id] = Unstored(
                status="open", reason=reason, money="maybe spent"
            )

    async def _make_all(self, count: int) -> list[str]:
        """Run all shards; how each ended, in words."""
        settings = self._batch.settings
        together = min(count, settings.shards.concurrency)
        at_once = asyncio.Semaphore(together)
        parameters = self._parameters((settings.limits.rate_limit_share or 1) / together)
        get_run_logger().info(
            "%d shards, %d at once, as runs of %s", count, together, settings.shards.deployment
        )
        for shot in self._batch.shots:
            stored = self._batch.inventory.is_stored(shot)
            self._batch.progress.set(shot.label, "stored" if stored else "waiting")

        async def make(number: int) -> str:
            name = f"shard {number} of {count}"
            async with at_once:
                end = await self._make({**parameters, "shard": number})
                await self._show_stored()
            get_run_logger().info("%s: %s", name, end)
            return f"{name}: {end}"

        return await asyncio.gather(*map(make, range(1, count + 1)))

    def _parameters(self, share: float) -> dict[str, Any]:
        """The parameters of all shards: names of blocks, and never their contents."""
        settings = self._batch.settings.with_overrides(
            RunSettings(limits=LimitSettings(rate_limit_share=share))
        )
        slugs = {
            name: f"{block.get_block_type_slug()}/{saved_name(block)}"
            for name, block in _blocks(self._batch).items()
        }
        return {
            "batch": self._batch.name,
            "settings": settings.model_dump(mode="json", exclude_defaults=True),
            **{name: {"$ref": {"block_document_slug": slug}} for name, slug in slugs.items()},
        }

    async def _make(self, parameters: dict[str, Any]) -> str:
        """Run one shard; how it ended. Nothing that befalls it stops the others."""
        try:
            run: FlowRun = await arun_deployment(
                self._batch.settings.shards.deployment,
                parameters=parameters,
                flow_run_name=shard_name(parameters),  # until it starts, and names itself
                timeout=0,
            )
        except (PrefectException, httpx.HTTPError) as error:
            return f"it could not be started ({type(error).__name__}: {error})"
        self._under_way.add(run.id)
        async with get_client() as client:
            end = await self._ended(client, run.id)
        self._under_way.discard(run.id)
        return end

    async def _ended(self, client: PrefectClient, run_id: UUID) -> str:
        """Wait for a run's end, through whatever befalls the Prefect server meanwhile."""
        while True:
            try:
                run = await client.read_flow_run(run_id)
            except httpx.HTTPError as error:
                get_run_logger().debug(
                    "The state of a shard can't be read: %s", type(error).__name__
                )
            except PrefectException as error:
                return f"its run is gone ({type(error).__name__})"
            else:
                if run.state and run.state.is_final():
                    return f"{run.state.name}: {run.state.message}".removesuffix(": None")
                self._warn_of_late(run)
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    def _warn_of_late(self, run: FlowRun) -> None:
        """Once for all shards: they wait for a worker, which may be this run's own."""
        if run.state_name != "Late" or self._warned_of_late:
            return
        self._warned_of_late = True
        get_run_logger().warning(
            "No worker takes a shard: start one with `prefect worker start --pool %s`, or raise "
            "its limit; this run holds a place of its own pool while it waits",
            run.work_pool_name,
        )

    async def _show_stored(self) -> None:
        keys = await self._batch.with_retries()(self._batch.store.list_keys, f"{self._batch.name}/")
        inventory = take_inventory(self._batch.name, keys)
        for shot in self._batch.shots:
            if inventory.is_stored(shot):
                self._batch.progress.set(shot.label, "stored")

    async def _explain(self, shards: Mapping[str, list[str]]) -> None:
        """Say of each shot that isn't stored why: by its record, or else by its shard's end."""
        batch, outcomes = self._batch, self._outcomes
        async with open_recorded_batch(
            batch.name, batch.credentials, batch.bucket, batch.settings, batch.progress
        ) as found:
            opened, failed = await batch.with_retries()(read_open, found)
        now = datetime.now(timezone.utc)
        recorded = failed | {one.shot.shot_id: one.unstored(now) for one in opened}
        for end, shot_ids in shards.items():
            for shot_id in shot_ids:
                unsent = Unstored(status="planned", reason=f"not submitted; {end}")
                outcomes.unstored[shot_id] = recorded.get(shot_id, unsent)
        for shot in found.shots:
            if found.inventory.is_stored(shot):
                outcomes.unstored.pop(shot.shot_id, None)
            elif why := outcomes.unstored.get(shot.shot_id):
                status = "waiting" if why.status == "planned" else why.status
                batch.progress.set(shot.label, status)

    def _cancel_shards(self) -> None:
        """They would go on to buy: who cancels a batch means all of it."""
        with get_client(sync_client=True) as client:
            for run_id in self._under_way:
                _cancel(client, run_id)
        if self._under_way:
            get_run_logger().warning(
                "%d shards are cancelled; what they submitted is rendered and paid all the same: "
                "run batch %s again to store it",
                len(self._under_way),
                self._batch.name,
            )


def _cancel(client: SyncPrefectClient, run_id: UUID) -> None:
    try:
        client.set_flow_run_state(run_id, Cancelling())
    except (PrefectException, httpx.HTTPError) as error:
        why = type(error).__name__
        get_run_logger().error("Flow run %s goes on, cancel it yourself: %s", run_id, why)


def _blocks(batch: Batch) -> dict[str, Block]:
    return {"credentials": batch.credentials, "bucket": batch.bucket}


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
    """Make one shard of a batch, as the plan in the bucket has it.

    generate_videos starts these runs where `settings.shards.size` splits a batch, waits for them
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
        await arun_shard("lisbon", 1)
        ```
    """
    account, place = await checked_blocks(credentials, bucket)
    async with _open_shard(batch, shard, account, place, settings) as part:
        return await _make_shard(part, shard)


run_shard = sync_flow(arun_shard)
"""`arun_shard` for sync code."""


async def _make_shard(part: Batch, shard: int) -> int:
    batch, outcomes = part.name, Outcomes()
    async with (
        progress_artifact(part.progress, f"{batch}-shard-{shard}", part.settings),
        render_time_history(part.account, part.store),
    ):
        await run_shots(part, outcomes)
    unstored = outcomes.unstored
    for why in unstored.values():  # whoever started this run may not be able to read the record
        get_run_logger().error("%s: %s", why.status, why.reason)
    if unstored:
        error = ShardFailed(f"shard {shard} of {batch}", len(part.shots), unstored)
        if outcomes.stopped:
            error.add_context(advice=f"{outcomes.stopped.advice} {error.advice}")
        raise error
    return len(part.shots)


@asynccontextmanager
async def _open_shard(
    name: str,
    shard: int,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings,
) -> AsyncIterator[Batch]:
    """The batch of the plan in the bucket, for a run that makes a shard of it.

    Raises:
        InvalidBatch: There is no such shard.
        StoreError: The bucket doesn't answer, or its plan is damaged.
    """
    key, retries = plan_key(name), RetryPolicy(budget=settings.retries.client_seconds).caller()
    content, uri = await retries(BucketStore(bucket).read, key), bucket.uri(key)
    found = read_plan(content, key, uri) if content is not None else None
    if found is None or not 1 <= shard <= len(found.shards):
        there = f"{len(found.shards)} shards" if found else "no plan"
        raise InvalidBatch([f"shard: {uri} has no shard {shard}: {there}"])
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
