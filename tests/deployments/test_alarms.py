"""The automations, at a server that acts on them: a silent run ends, and somebody is told."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from prefect import flow
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import PrefectClient, SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.events.schemas.events import Event, RelatedResource, Resource
from prefect.states import Running

from prefect_toapis.deployments.alarms import FAILED, SILENT, TAG, zombie_run_automation
from prefect_toapis.deployments.resources import Line
from prefect_toapis.deployments.setting_up import set_up

pytestmark = pytest.mark.xdist_group("studio")  # one server, not one in each process


class Told(HTTPServer):
    """Somebody who is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Listener)
        self.messages: list[str] = []


class _Listener(BaseHTTPRequestHandler):
    server: Told

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.messages.append(self.rfile.read(length).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def told() -> Iterator[Told]:
    with Told() as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield listening
        listening.shutdown()


@flow(name="generate-videos")
def ours() -> None:
    """Only its name matters."""


def beat(client: SyncPrefectClient, run: FlowRun) -> None:
    """A heartbeat, as a run's own process sends it."""
    event = Event(
        occurred=datetime.now(timezone.utc),
        event="prefect.flow-run.heartbeat",
        resource=Resource({"prefect.resource.id": f"prefect.flow-run.{run.id}"}),
        related=[
            RelatedResource(
                {"prefect.resource.id": f"prefect.tag.{tag}", "prefect.resource.role": "tag"}
            )
            for tag in run.tags
        ],
    )
    client.request("POST", "/events", json=[event.model_dump(mode="json")])


async def outcome(server: dict[str, str], notify: str | None, what: str) -> Line:
    async with PrefectClient(server["PREFECT_API_URL"]) as client:
        lines = [line async for line in set_up(client, notify, None)]
    [line] = [line for line in lines if what in line.what]
    return line


@pytest.fixture
async def impatience(server: dict[str, str], set_up_twice: tuple[str, str]) -> AsyncIterator[None]:
    """The automation as it is, but for seconds; it would end the runs of other tests, too."""
    async with PrefectClient(server["PREFECT_API_URL"]) as client:
        [automation] = await client.read_automations_by_name(SILENT)
        impatient = zombie_run_automation(
            after=timedelta(seconds=10)
        )  # the least that Prefect takes
        await client.update_automation(automation.id, impatient)
        yield
        await client.update_automation(automation.id, zombie_run_automation())


async def test_a_run_of_ours_that_falls_silent_crashes_and_somebody_is_told(
    server: dict[str, str],
    impatience: None,
    client: SyncPrefectClient,
    told: Told,
    no_aws_settings: None,
) -> None:
    ops = CustomWebhookNotificationBlock(
        name="ops",
        url=f"http://127.0.0.1:{told.server_port}/",
        json_data={"about": "{{subject}}", "text": "{{body}}"},
    )
    async with PrefectClient(server["PREFECT_API_URL"]) as asynchronous:
        await ops.asave("ops", client=asynchronous)
    assert (await outcome(server, "custom-webhook/ops", FAILED)).outcome == "created"
    assert (await outcome(server, "custom-webhook/ops", FAILED)).outcome == "unchanged"
    assert (await outcome(server, None, FAILED)).outcome == "unchanged"
    assert (await outcome(server, None, SILENT)).outcome == "kept"  # as it was changed here

    run = client.create_flow_run(ours, tags=[TAG], state=Running())
    theirs = client.create_flow_run(ours, tags=["of another team"], state=Running())
    for one in (run, theirs):
        beat(client, one)
    deadline = time.monotonic() + 90
    while not told.messages:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.3)
    [message] = told.messages
    assert "generate-videos crashed" in message
    assert "the worker is gone" in message
    assert str(run.id) in message
    ended, still = client.read_flow_run(run.id), client.read_flow_run(theirs.id)
    assert (ended.state_name, still.state_name) == ("Crashed", "Running")


async def test_a_notification_block_that_is_not_saved_is_named_and_nothing_is_made(
    server: dict[str, str], client: SyncPrefectClient, no_aws_settings: None
) -> None:
    with pytest.raises(ValueError, match="--notify slack-webhook/nobody: there is no such block"):
        await outcome(server, "slack-webhook/nobody", FAILED)
    with pytest.raises(ValueError, match="give it as type/name"):
        await outcome(server, "ops", FAILED)
