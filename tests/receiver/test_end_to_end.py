"""From the provider through the receiver to a real Prefect server: each event once."""

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.events import Event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter
from pydantic import SecretStr
from tests.receiver.conftest import SECRET, Served

from prefect_toapis.reports.events import event_id
from prefect_toapis.simulator import SimulatedWebhooks, Simulator, SimulatorSettings

OURS = EventFilter(event=EventNameFilter(prefix=["toapis.generation."]))


@contextmanager
def provider(receiver: Served, **told: Any) -> Iterator[Simulator]:
    webhooks = SimulatedWebhooks(url=f"{receiver.url}/webhook", secret=SecretStr(SECRET), **told)
    settings = SimulatorSettings(account_group=None, render_seconds=(0.1, 1), webhooks=webhooks)
    with Simulator(settings) as running:
        yield running


async def submit(simulator: Simulator, count: int) -> set[str]:
    webhooks = simulator.settings.webhooks
    assert webhooks
    headers = {"Authorization": f"Bearer {simulator.api_key}"}
    async with httpx.AsyncClient(base_url=simulator.url, headers=headers) as api:
        body = {"prompt": "A dog", "callback_url": webhooks.url}
        answers = [await api.post("/v1/videos/generations", json=body) for _ in range(count)]
    return {answer.json()["id"] for answer in answers}


@asynccontextmanager
async def listening() -> AsyncIterator[list[Event]]:
    """What a flow that waits for events would see."""
    seen: list[Event] = []

    async def listen() -> None:
        async with get_events_subscriber(OURS) as subscriber:
            subscribed.set()
            async for event in subscriber:
                seen.append(event)  # noqa: PERF401 - each as it comes

    subscribed = asyncio.Event()
    task = asyncio.create_task(listen())
    await asyncio.wait_for(subscribed.wait(), 30)
    yield seen
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until_all(seen: list[Event], tasks: set[str]) -> list[Event]:
    """The events of these tasks, once there is one of each; those of other tests may come too."""
    wanted = list(tasks)  # where a task's id is no text, because a test wants it so
    for _ in range(1500):
        of_these = [event for event in seen if event.payload["task_id"] in wanted]
        if {event.payload["task_id"] for event in of_these} == tasks:
            return of_these
        await asyncio.sleep(0.02)
    raise AssertionError(f"{len(tasks)} were told of, these came: {seen}")


async def kept(tasks: set[str]) -> Counter[str]:
    """How many events of each task Prefect's database has, once it has one of each."""
    names = [f"toapis.generation.{task}" for task in tasks]
    wanted = EventFilter(resource=EventResourceFilter(id=names))
    async with get_client() as client:
        for _ in range(300):
            page = await client.read_events(wanted, limit=50)
            if len({event.payload["task_id"] for event in page.events}) == len(tasks):
                break
            await asyncio.sleep(0.1)
    return Counter(event.payload["task_id"] for event in page.events)


async def test_each_end_is_one_event_however_often_it_is_told(receiver: Served) -> None:
    odd = {"doubled": 1, "forged": 0.5, "late_seconds": (0, 1)}
    async with listening() as seen:
        with provider(receiver, **odd) as simulator:
            tasks = await submit(simulator, 40)
            deliveries = simulator.ledger.deliveries
            await simulator.await_for(lambda: sum(one.attempt == 2 for one in deliveries) == 40)
            # What was told before it came before it, or doesn't come.
            last = await submit(simulator, 1)
            await until_all(seen, last)
            events = await until_all(seen, tasks)
    true = [one for one in deliveries if not one.forged]
    assert {one.status for one in true} == {204}
    assert {one.status for one in deliveries if one.forged} == {401}
    assert {event.event for event in events} == {"toapis.generation.completed"}
    assert Counter(event.payload["task_id"] for event in events) == Counter(tasks)
    assert {event.id for event in events} < {event_id(one.webhook_id) for one in true}
    assert await kept(tasks) == Counter(tasks)


async def test_a_receiver_that_is_killed_and_started_again_loses_nothing(receiver: Served) -> None:
    async with listening() as seen:
        with provider(receiver, speed=20) as simulator:
            tasks = await submit(simulator, 40)
            await simulator.await_for(
                lambda: sum(one.taken for one in simulator.ledger.deliveries) > 10
            )
            receiver.kill()
            await simulator.await_for(
                lambda: any(one.status is None for one in simulator.ledger.deliveries)
            )
            await asyncio.to_thread(receiver.start)
            events = await until_all(seen, tasks)
    assert {event.payload["task_id"] for event in events} == tasks
    assert await kept(tasks) == Counter(tasks)


async def test_the_provider_s_test_shows_in_the_log_and_the_secret_never_does(
    receiver: Served,
) -> None:
    with provider(receiver) as simulator:
        simulator.send_test_webhook()
        await simulator.await_for(lambda: simulator.ledger.deliveries)
        [delivery] = simulator.ledger.deliveries
    assert delivery.taken
    async with httpx.AsyncClient(base_url=receiver.url) as client:
        await client.post("/webhook", content=b"{}")
        assert (await client.get("/health")).json()["status"] == "ok"
        assert 'outcome="test"' in (await client.get("/metrics")).text
    receiver.process.send_signal(signal.SIGINT)
    assert receiver.process.wait(20) == 0
    log = receiver.log.read_text()
    assert "address and secret are correct" in log
    assert "Webhook rejected" in log
    assert SECRET not in log
    assert "Traceback" not in log
    receiver.start()  # the fixture stops it


def test_what_is_missing_to_serve_is_said_without_a_traceback(receiver: Served) -> None:
    command = [sys.executable, "-m", "prefect_toapis.cli", "webhooks", "serve"]
    without_secret = receiver.environment | {"TOAPIS_WEBHOOK_SECRET": ""}
    without_server = receiver.environment | {"PREFECT_API_URL": ""}
    for environment, port, said in (
        (without_secret, 0, "TOAPIS_WEBHOOK_SECRET is not set"),
        (without_server, 0, "PREFECT_API_URL is not set"),
        (receiver.environment, receiver.port, "in use"),
    ):
        ended = subprocess.run(
            [*command, "--port", str(port)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 1
        assert said in ended.stdout
        assert "Traceback" not in ended.stderr
