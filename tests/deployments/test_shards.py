"""A large batch, split into shards that several process workers make."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelling
from tests.deployments.conftest import Studio, running
from tests.deployments.test_submit_and_collect import save_blocks, until
from tests.prefect_server import PREFECT
from tests.provider_clock import ProviderClock

from prefect_toapis import S3Credentials, VideoBucket
from prefect_toapis.simulator import Simulator, SimulatorSettings

pytestmark = pytest.mark.xdist_group("studio")  # one server, not one in each process

RENDERING = 500.0  # seconds, of the provider's clock
POOL = "shards"
WORKERS = 3


class Batches:
    """Batches in shards of a studio, and what becomes of them."""

    def __init__(
        self, client: SyncPrefectClient, blocks: dict[str, Any], bucket: VideoBucket
    ) -> None:
        self.client, self.blocks, self.bucket = client, blocks, bucket
        self.shard = client.read_deployment_by_name("run-shard/internal").id
        self.whole = client.read_deployment_by_name("generate-videos/full-form").id

    def start(self, batch: str, scenes: int, size: int) -> FlowRun:
        settings = {
            "polling": {"first_seconds": 0.1, "interval_seconds": 0.5},
            "retries": {"client_seconds": 2},
            "purchases": {"prices": [{"model": "*", "credits": 10, "when": {"n": 1}}]},
            "shards": {"size": size},
        }
        order = {
            "scenes": [{"prompt": f"Dog number {number}"} for number in range(scenes)],
            "variants": [{"name": "short", "model": "sora-2-vip", "duration": 1}],
            "batch": batch,
            "settings": settings,
        }
        return self.client.create_flow_run_from_deployment(
            self.whole, parameters=order | self.blocks
        )

    def shards_of(self, run: FlowRun) -> list[FlowRun]:
        """The runs that it started, by their names."""
        of_it = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[self.shard]))
        found = self.client.read_flow_runs(flow_run_filter=of_it)
        parents = {
            task.id
            for task in self.client.read_task_runs(
                flow_run_filter=FlowRunFilter.model_validate({"id": {"any_": [run.id]}})
            )
        }
        ours = [one for one in found if one.parent_task_run_id in parents]
        return sorted(ours, key=lambda one: one.name)

    def ended(self, run: FlowRun) -> FlowRun:
        def look() -> FlowRun | None:
            now = self.client.read_flow_run(run.id)
            return now if now.state and now.state.is_final() else None

        over: FlowRun = until(look)
        return over

    def said(self, run: FlowRun, words: str) -> bool:
        wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))
        return any(words in log.message for log in self.client.read_logs(wanted))


@pytest.fixture
def provider(clock: ProviderClock) -> Iterator[Simulator]:
    """Renders for as long as the test likes."""
    settings = SimulatorSettings(
        api_keys=("test-key",), account_group=None, render_seconds=RENDERING
    )
    with Simulator(settings, clock=clock) as simulator:
        yield simulator


@pytest.fixture
async def batches(
    deployed: Studio,
    worker: None,
    provider: Simulator,
    server: dict[str, str],
    client: SyncPrefectClient,
    moto_server: S3Credentials,
) -> Batches:
    """Shards run in a pool of their own, the run that starts them in the other."""
    bucket, blocks = await save_blocks(server, provider, moto_server)
    if not any(pool.name == POOL for pool in client.read_work_pools()):
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    made = Batches(client, blocks, bucket)
    client.update_deployment(made.shard, DeploymentUpdate(work_pool_name=POOL))
    return made


@pytest.fixture
def several_workers(deployed: Studio, tmp_path: Path) -> Iterator[ExitStack]:
    """Enter them when they are wanted: each takes one run at a time."""
    with ExitStack() as stack:
        yield stack


def hire(stack: ExitStack, studio: Studio, folder: Path, count: int = WORKERS) -> None:
    start = [*PREFECT, "worker", "start", "--pool", POOL, "--limit", "1", "--name"]
    for number in range(count):
        name = f"worker-{number}"
        stack.enter_context(running([*start, name], studio.environment, folder / f"{name}.log"))


@pytest.mark.long
def test_three_workers_make_one_batch_whatever_befalls_them_and_each_video_is_paid_once(
    batches: Batches,
    several_workers: ExitStack,
    deployed: Studio,
    provider: Simulator,
    clock: ProviderClock,
    tmp_path: Path,
) -> None:
    run = batches.start("dogs", 9, 3)
    until(lambda: batches.said(run, f"prefect worker start --pool {POOL}"))  # nobody is there
    hire(several_workers, deployed, tmp_path)
    until(lambda: len(provider.ledger.paid) == 9)
    shards = batches.shards_of(run)
    assert [one.name for one in shards] == [f"dogs: shard {n}" for n in (1, 2, 3)]
    assert len({one.infrastructure_pid for one in shards}) == 3  # all at once
    assert {one.parameters["settings"]["limits"]["rate_limit_share"] for one in shards} == {1 / 3}
    assert all("scenes" not in one.parameters for one in shards)
    # One of the runs dies, the others go on.
    os.kill(int(str(shards[1].infrastructure_pid).rpartition(":")[2]), signal.SIGKILL)
    until(lambda: batches.client.read_flow_run(shards[1].id).state_name == "Crashed")
    clock.skip(RENDERING)
    assert batches.ended(run).state_name == "Failed"
    manifest = batches.bucket.load_manifest("dogs")
    assert (manifest.shots("stored"), manifest.shots("open")) == (6, 3)
    assert all(row.task_id and row.error for row in manifest.open)
    assert batches.said(run, "shard 2 of 3: Crashed")
    until(lambda: batches.said(run, "3 open; spent about 90 credits ($0.45); see "))
    # Other shards go on with the same batch, and a larger plan adds to it.
    again = batches.start("dogs", 11, 4)
    until(lambda: len(provider.ledger.paid) == 11)
    clock.skip(RENDERING)
    assert batches.ended(again).state_name == "Completed"
    assert len(batches.shards_of(again)) == 2
    assert len(provider.ledger.submissions) == len(provider.ledger.paid) == 11
    manifest = batches.bucket.load_manifest("dogs")
    assert manifest.shots("stored") == len(manifest.rows) == 11
    until(lambda: batches.said(again, "11 shots stored; spent about 20 credits ($0.10); see "))


def test_who_cancels_a_batch_cancels_its_shards(
    batches: Batches,
    several_workers: ExitStack,
    deployed: Studio,
    provider: Simulator,
    clock: ProviderClock,
    tmp_path: Path,
) -> None:
    run = batches.start("cats", 3, 2)
    hire(several_workers, deployed, tmp_path, 1)  # so that one shard never starts
    until(lambda: provider.ledger.paid)
    batches.client.set_flow_run_state(run.id, Cancelling())
    assert batches.ended(run).state_name == "Cancelled"
    over = [batches.ended(one).state_name for one in batches.shards_of(run)]
    assert over == ["Cancelled", "Cancelled"]
    paid = len(provider.ledger.paid)
    assert paid == len(provider.ledger.submissions) < 3
    assert batches.said(run, "2 shards are cancelled")
