"""Without workers while videos render: submitted by one run, stored by others after webhooks."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.orchestration import PrefectClient, SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger
from pydantic import SecretStr
from tests.deployments.conftest import Studio
from tests.provider_clock import ProviderClock
from tests.receiver.conftest import SECRET, Served

from prefect_toapis import S3Credentials, ToAPIsCredentials, VideoBucket
from prefect_toapis.deployments.alarms import TAG
from prefect_toapis.simulator import SimulatedWebhooks, Simulator, SimulatorSettings

pytestmark = pytest.mark.xdist_group("studio")  # one server, not one in each process

VIDEOS = 50
RENDERING = 200.0  # seconds, of the provider's clock
NAME = "zero-workers"
AUTOMATION = "toapis: collect what has been rendered"


@pytest.fixture
def served(server: dict[str, str], tmp_path: Path) -> Iterator[Served]:
    """A receiver of the fresh server."""
    environment = server | {"TOAPIS_WEBHOOK_SECRET": SECRET}
    with Served(environment, tmp_path / "receiver.log").running() as running:
        yield running


@contextmanager
def provider(served: Served, clock: ProviderClock) -> Iterator[Simulator]:
    url, secret = f"{served.url}/webhook", SecretStr(SECRET)
    webhooks = SimulatedWebhooks(url=url, secret=secret, every_task=True, doubled=0.3)
    settings = SimulatorSettings(
        api_keys=("test-key",),
        account_group=None,
        render_seconds=RENDERING,
        webhooks=webhooks,
    )
    with Simulator(settings, clock=clock) as running:
        yield running


async def save_blocks(
    server: dict[str, str], simulator: Simulator, store: S3Credentials
) -> tuple[VideoBucket, dict[str, Any]]:
    """A bucket of this test's, and the parameters that name it."""
    name = f"zero-{uuid4().hex[:12]}"
    store.get_client().create_bucket(Bucket=name)
    bucket = VideoBucket(bucket_name=name, prefix="videos", credentials=store)
    account = ToAPIsCredentials(api_key=SecretStr(simulator.api_key), base_url=simulator.url)
    async with PrefectClient(server["PREFECT_API_URL"]) as client:
        await account.asave(NAME, client=client, overwrite=True)
        await bucket.asave(NAME, client=client, overwrite=True)
    return bucket, {
        "credentials": {"$ref": {"block_document_slug": f"toapis-credentials/{NAME}"}},
        "bucket": {"$ref": {"block_document_slug": f"toapis-video-bucket/{NAME}"}},
    }


async def hurry(server: dict[str, str]) -> None:
    """The shipped automation as it is, but for seconds in place of a minute."""
    async with PrefectClient(server["PREFECT_API_URL"]) as client:
        [shipped] = await client.read_automations_by_name(AUTOMATION)
        hasty = AutomationCore.model_validate(shipped.model_dump(exclude={"owner_resource"}))
        assert isinstance(hasty.trigger, EventTrigger)
        [action] = hasty.actions
        assert isinstance(action, RunDeployment)
        hasty.trigger.within = action.schedule_after = timedelta(seconds=3)
        await client.update_automation(shipped.id, hasty)


def until(condition: Callable[[], Any], seconds: float = 150) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    return found


def alive(client: SyncPrefectClient) -> list[FlowRun]:
    """The runs of our deployments that a worker is busy with, or is about to be."""
    busy = FlowRunFilterStateType(
        any_=[StateType.RUNNING, StateType.PENDING, StateType.CANCELLING, StateType.PAUSED]
    )
    ours = FlowRunFilterTags(all_=[TAG])
    wanted = FlowRunFilter(state=FlowRunFilterState(type=busy), tags=ours)
    found = client.read_flow_runs(flow_run_filter=wanted)
    return [run for run in found if not run.auto_scheduled]  # a sweep may come at any time


@pytest.mark.long
async def test_fifty_videos_are_stored_and_no_run_lives_while_they_render(
    deployed: Studio,
    worker: None,
    served: Served,
    server: dict[str, str],
    client: SyncPrefectClient,
    moto_server: S3Credentials,
) -> None:
    clock = ProviderClock()
    await hurry(server)
    with provider(served, clock) as simulator:
        bucket, blocks = await save_blocks(server, simulator, moto_server)
        collecting = client.read_deployment_by_name("collect-batch/sweep")
        client.update_deployment(collecting.id, DeploymentUpdate(parameters=blocks))
        submitting = client.read_deployment_by_name("submit-batch/submit-batch")
        order = {
            "scenes": [{"prompt": f"Dog number {number}"} for number in range(VIDEOS)],
            "variants": [{"name": "short", "model": "sora-2-vip", "duration": 1}],
            "batch": "dogs",
        }
        run = client.create_flow_run_from_deployment(submitting.id, parameters=order | blocks)

        def over() -> FlowRun | None:
            now = client.read_flow_run(run.id)
            return now if now.state and now.state.is_final() else None

        assert until(over).state_name == "Completed"
        until(lambda: not alive(client))  # another test's
        assert len(simulator.ledger.paid) == VIDEOS
        assert not simulator.ledger.deliveries
        queries = simulator.ledger.queries.total()
        clock.skip(RENDERING)
        assert not alive(client)

        def stored() -> bool:
            keys = bucket.list_keys("dogs/")
            return sum(key.endswith("/shot.json") for key in keys) == VIDEOS

        until(stored)
        until(lambda: not alive(client))
        assert len(simulator.ledger.submissions) == len(simulator.ledger.paid) == VIDEOS
        assert simulator.ledger.queries.total() - queries <= 3 * VIDEOS
        manifest = bucket.load_manifest("dogs")
        assert manifest.shots("stored") == VIDEOS
        of_it = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[collecting.id]))
        runs = client.read_flow_runs(flow_run_filter=of_it)
        after_events = [one for one in runs if not one.auto_scheduled and one.start_time]
        assert 1 <= len(after_events) < VIDEOS / 5  # in groups
