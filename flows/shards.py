"""Splits a large batch into shards, each made by its own run of the flow `run-shard`."""

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
from prefect_toapis.errors import InvalidBatch, ShardFailed
from prefect_toapis.flows.batch import Batch, list_batch, open_batch, shard_count
from prefect_toapis.flows.default_blocks import checked_blocks
from prefect_toapis.flows.open_batches import open_recorded_batch, read_open
from prefect_toapis.flows.outcomes import Outcomes
from prefect_toapis.flows.progress import Progress, progress_artifact, render_time_history
from prefect_toapis.flows.run_names import shard_name
from prefect_toapis.flows.runner import run_shots
from prefect_toapis.planning.faults import SceneFault, merged
from prefect_toapis.planning.labels import rows_by_scene
from prefect_toapis.planning.plan import Plan, Shot
from prefect_toapis.planning.settings import LimitSettings, RunSettings
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.records.inventory import take_inventory
from prefect_toapis.records.layout import plan_key
from prefect_toapis.records.plan_file import read_plan
from prefect_toapis.records.store import JSON
from prefect_toapis.records.stored_shots import Unstored
from prefect_toapis.tasks.options import retry_policy_of
from prefect_toapis.tasks.sync_async import async_flow, sync_flow

_POLL_SECONDS = 5
_PREFECT_FILE = files("prefect_toapis") / "deployments" / "prefect.yaml"


def split(shot_ids: Sequence[str], count: int) -> list[list[str]]:
    """Split shots into shards whose sizes differ by at most 1.

    Shots are distributed round-robin, so that each shard starts with the most urgent shots: those
    that were submitted earlier, whose results expire.

    Args:
        shot_ids: In order of urgency.
        count: Number of shards.

    Example:
        >>> split(["a", "b", "c", "d", "e"], 2)
        [['a', 'c', 'e'], ['b', 'd']]
    """
    return [list(shot_ids[number::count]) for number in range(count)]


def signed_url_faults(shots: Iterable[Shot], spec: BatchSpec) -> list[str]:
    """Return the shots with a signed URL: other runs can't make them.

    Those runs read the plan in the bucket, which contains URLs without signatures.

    Args:
        shots: To be made.
        spec: Of the batch.
    """
    rows = rows_by_scene(spec)
    text = (
        "it has a signed URL, and a batch in shards is read from its plan, where signatures "
        "aren't kept; name the file itself (a path, or s3://bucket/key), or leave "
        "settings.shards.size empty"
    )
    signed = [
        SceneFault(text, shot.label, rows.get(shot.scene, 0))
        for shot in shots
        if shot.unsigned().candidates != shot.candidates
    ]
    return merged(signed, spec.table_rows.table)


async def shard_faults(batch: Batch) -> list[str]:
    """Return every reason why a batch can't be split.

    Args:
        batch: Its blocks must be saved, and `settings.shards.deployment` deployed.
    """
    blocks = _blocks(batch).items()
    unsaved = [_unsaved(name, block) for name, block in blocks if not saved_name(block)]
    missing = await _missing(batch.settings.shards.deployment)
    return [*unsaved, *missing, *signed_url_faults(batch.to_buy, batch.plan.spec)]


async def run_in_shards(batch: Batch, outcomes: Outcomes) -> None:
    """Make every shot in runs of `run_shard`; return when all of them have ended.

    Args:
        batch: Its plan in the bucket is rewritten with the shards.
        outcomes: Updated with the outcome of each shot.

    Raises:
        StoreError: The bucket is unavailable.
    """
    excluded = {*batch.unprepared, *batch.blocked}
    await run_shots(batch.only(excluded), outcomes)  # records why; submits nothing
    to_buy = [shot.shot_id for shot in batch.to_buy if shot.shot_id not in excluded]
    count = shard_count(len(to_buy), batch.settings.shards.size)
    shards = split(to_buy, count) if to_buy else []
    plan = batch.plan_file(shards)
    await batch.with_retries()(batch.store.write, plan_key(batch.name), plan.to_json(), JSON)
    await _ShardRuns(batch, outcomes).run(shards)


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


class _ShardRuns:
    """Starts the runs of the shards, and waits for them."""

    def __init__(self, batch: Batch, outcomes: Outcomes) -> None:
        self._batch, self._outcomes = batch, outcomes
        self._under_way: set[UUID] = set()
        self._warned_of_late = False

    async def run(self, shards: list[list[str]]) -> None:
        """Make shards, given by the ids of their shots."""
        self._record_as_open([shot_id for shard in shards for shot_id in shard])
        try:
            ends = await self._make_all(len(shards)) if shards else []
        except BaseException:  # cancelled or terminated
            self._cancel_shards()
            raise
        await self._explain(dict(zip(ends, shards, strict=True)))

    def _record_as_open(self, shot_ids: Iterable[str]) -> None:
        """Record that other runs may buy the shots, until their outcomes are known."""
        deployment = self._batch.settings.shards.deployment
        reason = f"made by a run of {deployment}; the log of that run has its generation"
        for shot_id in shot_ids:
            self._outcomes.unstored[shot_id] = Unstored(
                status="open", reason=reason, money="maybe spent"
            )

    async def _make_all(self, count: int) -> list[str]:
        """Run all shards; return a description of how each ended."""
        settings = self._batch.settings
        concurrency = min(count, settings.shards.concurrency)
        at_once = asyncio.Semaphore(concurrency)
        parameters = self._parameters((settings.limits.rate_limit_share or 1) / concurrency)
        get_run_logger().info(
            "%d shards, %d at once, as runs of %s", count, concurrency, settings.shards.deployment
        )
        self._batch.start_progress()

        async def make(number: int) -> str:
            name = f"shard {number} of {count}"
            async with at_once:
                end = await self._make({**parameters, "shard": number})
                await self._update_progress()
            get_run_logger().info("%s: %s", name, end)
            return f"{name}: {end}"

        return await asyncio.gather(*map(make, range(1, count + 1)))

    def _parameters(self, share: float) -> dict[str, Any]:
        """Return the parameters of all shards, with references to saved blocks."""
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
        """Run a shard; return how it ended, also if it failed."""
        try:
            run: FlowRun = await arun_deployment(
                self._batch.settings.shards.deployment,
                parameters=parameters,
                flow_run_name=shard_name(parameters),  # shown until the run starts
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
        """Wait for the end of a run; temporary errors of the Prefect server are ignored."""
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
            await asyncio.sleep(_POLL_SECONDS)

    def _warn_of_late(self, run: FlowRun) -> None:
        """Warn, once for all shards, that no worker starts a run."""
        if run.state_name != "Late" or self._warned_of_late:
            return
        self._warned_of_late = True
        get_run_logger().warning(
            "No worker picks up the shards: start one with `prefect worker start --pool %s`, or "
            "raise its limit; this run occupies a work-pool slot while it waits",
            run.work_pool_name,
        )

    async def _update_progress(self) -> None:
        keys = await self._batch.with_retries()(self._batch.store.list_keys, f"{self._batch.name}/")
        inventory = take_inventory(self._batch.name, keys)
        for shot in self._batch.shots:
            if inventory.is_stored(shot):
                self._batch.progress.set(shot.label, "stored")

    async def _explain(self, shards: Mapping[str, list[str]]) -> None:
        """Record why each shot isn't stored: from its record, or else the end of its shard."""
        batch, outcomes = self._batch, self._outcomes
        async with open_recorded_batch(
            batch.name, batch.credentials, batch.bucket, batch.settings, batch.progress
        ) as found:
            opened, failed = await batch.with_retries()(read_open, found)
        now = datetime.now(timezone.utc)
        recorded = failed | {
            open_shot.shot.shot_id: open_shot.unstored(now) for open_shot in opened
        }
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
        """Cancel the active runs, which would continue to buy."""
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
