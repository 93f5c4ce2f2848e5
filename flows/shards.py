"""Splits a large batch into shards, each made by its own run of the flow `run-shard`."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from importlib.resources import files
from typing import Any
from uuid import UUID

import httpx
from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient, SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments.flow_runs import arun_deployment
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.logging import get_run_logger
from prefect.states import Cancelling

from prefect_toapis.blocks.prefect_internals import saved_name
from prefect_toapis.flows.batch import Batch, shard_count
from prefect_toapis.flows.open_batches import open_recorded_batch, read_open
from prefect_toapis.flows.outcomes import Outcomes
from prefect_toapis.flows.run_names import shard_name
from prefect_toapis.flows.runner import run_shots
from prefect_toapis.planning.faults import SceneFault, merged
from prefect_toapis.planning.labels import rows_by_scene
from prefect_toapis.planning.plan import Shot
from prefect_toapis.planning.settings import LimitSettings, RunSettings
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.records.inventory import take_inventory
from prefect_toapis.records.layout import plan_key
from prefect_toapis.records.store import JSON
from prefect_toapis.records.stored_shots import Unstored

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
