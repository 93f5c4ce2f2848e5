"""A large batch, made by several runs: each takes a shard of the plan in the bucket."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments.flow_runs import arun_deployment
from prefect.exceptions import PrefectException
from prefect.logging import get_run_logger
from prefect.states import Cancelling

from prefect_toapis.batches.inventory import take_inventory
from prefect_toapis.batches.manifest import Unstored
from prefect_toapis.batches.plan_file import PlanFile, plan_key
from prefect_toapis.batches.progress import Progress
from prefect_toapis.batches.shards import shard_count, split
from prefect_toapis.batches.store import JSON
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.flows.fan_out import FanOut
from prefect_toapis.flows.outcomes import Outcomes
from prefect_toapis.flows.preflight import Ready
from prefect_toapis.flows.run_names import shard_name
from prefect_toapis.flows.shard_checks import saved_name
from prefect_toapis.flows.surveying import survey

_LOOK_EVERY_SECONDS = 5


@dataclass
class Sharding:
    """The shots of one run, made by runs of `run_shard`.

    Args:
        ready: The batch.
        progress: Told of the shots of a shard when its run has ended.
        lacking: Why some shots lack a character or a file, by the shots' ids.
        outcomes: Filled with what becomes of the shots; each run knows more of its own.
    """

    ready: Ready
    progress: Progress
    lacking: Mapping[str, ToAPIsError] = field(default_factory=dict)
    outcomes: Outcomes = field(default_factory=Outcomes)

    _under_way: set[UUID] = field(default_factory=set)
    _told_late: bool = False

    async def run(self, plan: PlanFile) -> ToAPIsError | None:
        """Have every shot made that isn't stored; returns when each shard's run has ended.

        Args:
            plan: As it was kept; it is kept again, with the shards.

        Returns:
            Why nothing was submitted, where the account was refused before the shards.

        Raises:
            StoreError: The bucket doesn't answer.
        """
        stopped = await self._note_lacking()
        size = self.ready.spec.settings.shard_size
        kept_back = {*self.lacking, *self.ready.blocked}
        to_buy = [one.shot_id for one in self.ready.to_buy if one.shot_id not in kept_back]
        shards = split(to_buy, shard_count(len(to_buy), size)) if to_buy else []
        planned = plan.model_copy(update={"shards": shards})
        key = plan_key(self.ready.batch)
        await self.ready.patient()(self.ready.store.write, key, planned.to_json(), JSON)
        self._note_elsewhere(to_buy)
        try:
            ends = await self._make_all(len(shards))
        except BaseException:  # cancelled, or told to end
            self._cancel_shards()
            raise
        await self._explain(dict(zip(ends, shards, strict=True)))
        return stopped

    def _note_elsewhere(self, shot_ids: Iterable[str]) -> None:
        """Until it is known better, other runs may have bought them."""
        deployment = self.ready.spec.settings.shard_deployment
        reason = f"made by a run of {deployment}; the log of that run has its generation"
        for shot_id in shot_ids:
            self.outcomes.unstored[shot_id] = Unstored(
                status="open", reason=reason, money="maybe spent"
            )

    async def _note_lacking(self) -> ToAPIsError | None:
        """As a run without shards does it: nothing is submitted for them."""
        kept_back = {*self.lacking, *self.ready.blocked}
        shots = [shot for shot in self.ready.shots if shot.shot_id in kept_back]
        ready = replace(self.ready, shots=shots)
        fan_out = FanOut(ready, self.progress, self.lacking, self.outcomes)
        await fan_out.run()
        return fan_out.stopped

    async def _make_all(self, count: int) -> list[str]:
        """Run all shards; how each ended, in words."""
        settings = self.ready.spec.settings
        together = min(count, settings.shards_at_once)
        at_once = asyncio.Semaphore(together)
        parameters = self._parameters(settings.account_share / together)
        get_run_logger().info(
            "%d shards, %d at once, as runs of %s", count, together, settings.shard_deployment
        )
        for shot in self.ready.shots:
            stored = self.ready.inventory.is_stored(shot)
            self.progress.set(shot.label, "stored" if stored else "waiting")

        async def make(number: int) -> str:
            name = f"shard {number} of {count}"
            async with at_once:
                end = await self._make({**parameters, "shard": number})
                await self._show_stored()
            get_run_logger().info("%s: %s", name, end)
            return f"{name}: {end}"

        return await asyncio.gather(*map(make, range(1, count + 1)))

    def _parameters(self, share: float) -> dict[str, Any]:
        """What all shards are told: names of blocks, and never their contents."""
        ready = self.ready
        settings = ready.spec.settings.model_copy(update={"account_share": share})
        blocks = {"credentials": ready.credentials, "bucket": ready.bucket}
        slugs = {
            name: f"{block.get_block_type_slug()}/{saved_name(block)}"
            for name, block in blocks.items()
        }
        return {
            "batch": ready.batch,
            "settings": settings.model_dump(mode="json", exclude_defaults=True),
            **{name: {"$ref": {"block_document_slug": slug}} for name, slug in slugs.items()},
        }

    async def _make(self, parameters: dict[str, Any]) -> str:
        """Run one shard; how it ended. Nothing that befalls it stops the others."""
        try:
            run: FlowRun = await arun_deployment(
                self.ready.spec.settings.shard_deployment,
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
                get_run_logger().debug("Prefect doesn't tell of a shard: %s", type(error).__name__)
            except PrefectException as error:
                return f"its run is gone ({type(error).__name__})"
            else:
                if run.state and run.state.is_final():
                    return f"{run.state.name}: {run.state.message}".removesuffix(": None")
                self._tell_late(run)
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    def _tell_late(self, run: FlowRun) -> None:
        """Once for all shards: they wait for a worker, which may be this run's own."""
        if run.state_name != "Late" or self._told_late:
            return
        self._told_late = True
        get_run_logger().warning(
            "No worker takes a shard: start one with `prefect worker start --pool %s`, or raise "
            "its limit; this run holds a place of its own pool while it waits",
            run.work_pool_name,
        )

    async def _show_stored(self) -> None:
        keys = await self.ready.patient()(self.ready.store.list_keys, f"{self.ready.batch}/")
        inventory = take_inventory(self.ready.batch, keys)
        for shot in self.ready.shots:
            if inventory.is_stored(shot):
                self.progress.set(shot.label, "stored")

    async def _explain(self, shards: Mapping[str, list[str]]) -> None:
        """Say of each shot that isn't stored why: by its record, or else by its shard's end."""
        ready = self.ready
        found = await ready.patient()(
            survey, ready.batch, ready.credentials, ready.bucket, ready.spec.settings
        )
        now = datetime.now(timezone.utc)
        recorded = found.failed | {one.shot.shot_id: one.unstored(now) for one in found.open}
        for end, shot_ids in shards.items():
            for shot_id in shot_ids:
                reason = f"not submitted; {end}"
                unsent = Unstored(status="planned", reason=reason)
                self.outcomes.unstored[shot_id] = recorded.get(shot_id, unsent)
        for shot in found.ready.shots:
            if found.ready.inventory.is_stored(shot):
                self.outcomes.unstored.pop(shot.shot_id, None)
            elif shot.shot_id in self.outcomes.unstored:
                status = self.outcomes.unstored[shot.shot_id].status
                self.progress.set(shot.label, "waiting" if status == "planned" else status)

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
                self.ready.batch,
            )


def _cancel(client: SyncPrefectClient, run_id: UUID) -> None:
    try:
        client.set_flow_run_state(run_id, Cancelling())
    except (PrefectException, httpx.HTTPError) as error:
        why = type(error).__name__
        get_run_logger().error("Flow run %s goes on, cancel it yourself: %s", run_id, why)
