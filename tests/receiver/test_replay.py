"""The same webhook within minutes triggers an automation once, with a real Prefect server."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from time import time

import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from tests.environments import of_a_user, unmeasured
from tests.prefect_server import PrefectServer
from tests.receiver.conftest import SECRET, Served, an_event, signed

REMEMBERED = 1000  # ids, by the part of Prefect that takes events


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PrefectServer]:
    """A server whose automations act."""
    own = unmeasured(of_a_user())
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "NO_PROXY": "127.0.0.1"}
    running = PrefectServer(tmp_path, own | quiet | {"DO_NOT_TRACK": "1"})
    running.start()
    yield running
    running.stop()


@pytest.fixture
def receiver(server: PrefectServer, tmp_path: Path) -> Iterator[Served]:
    """A receiver of that server."""
    environment = server.environment | {"TOAPIS_WEBHOOK_SECRET": SECRET, "COLUMNS": "200"}
    with Served(environment, tmp_path / "receiver.log").running() as running:
        yield running


async def send(caller: httpx.AsyncClient, webhook_id: str, task: str, at: float) -> None:
    body = an_event(task_id=task)
    headers = signed(body, webhook_id, at)
    assert (await caller.post("/webhook", content=body, headers=headers)).status_code == 204


async def an_automation(client: PrefectClient) -> FlowRunFilter:
    """Runs a deployment after each event of our tasks: how to find its runs."""
    flow = await client.create_flow_from_name("theirs")
    deployment = await client.create_deployment(flow, "after-events")
    event = EventTrigger(
        expect={"toapis.generation.completed"},
        match={"prefect.resource.id": "toapis.generation.ours_*"},
        posture=Posture.Reactive,
        threshold=1,
    )
    action = RunDeployment.model_validate({"source": "selected", "deployment_id": deployment})
    await client.create_automation(AutomationCore(name="theirs", trigger=event, actions=[action]))
    return FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment]))


async def test_a_webhook_that_comes_again_triggers_no_second_run(
    server: PrefectServer, receiver: Served
) -> None:
    now = time()
    async with (
        PrefectClient(server.api) as client,
        httpx.AsyncClient(base_url=receiver.url, trust_env=False, timeout=30) as caller,
    ):
        runs = await an_automation(client)
        await asyncio.sleep(2)  # the server hears of a new automation at once, but not before

        async def until_there_are(count: int) -> None:
            for _ in range(600):
                if len(await client.read_flow_runs(flow_run_filter=runs)) >= count:
                    return
                await asyncio.sleep(0.1)
            raise AssertionError(f"there are no {count} runs")

        await send(caller, "evt_ours", "ours_1", now)
        await until_there_are(1)
        await send(caller, "evt_ours", "ours_1", now)  # byte for byte
        await send(caller, "evt_ours", "ours_1", now + 10)  # as the provider sends it again
        for start in range(0, REMEMBERED + 100, 100):
            others = [f"evt_{start + number}" for number in range(100)]
            await asyncio.gather(*[send(caller, one, one, now) for one in others])
        await send(caller, "evt_ours", "ours_1", now)
        # What came before this one has been looked at when this one has.
        await send(caller, "evt_last", "ours_2", now)
        await until_there_are(2)
        assert len(await client.read_flow_runs(flow_run_filter=runs)) == 2
