"""What else goes wrong while a batch runs: stores, servers, two workers."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.chaos.conftest import Make, Start
from tests.chaos.faulty_store import FaultyStore
from tests.chaos.faulty_store import Hold as HoldStore
from tests.prefect_server import PrefectServer

from prefect_toapis import PurchaseSettings, RunSettings, VideoBucket
from prefect_toapis.simulator import Hold, Simulator


async def test_a_store_that_is_away_for_a_while_loses_nothing(
    make: Make, simulator: Simulator, store: FaultyStore, troubled: VideoBucket
) -> None:
    scenes = [f"scene {number}" for number in range(6)]
    running = asyncio.ensure_future(make(scenes, bucket=troubled, on_failure="tolerate"))
    await simulator.await_for(lambda: len(simulator.ledger.paid) >= 2, 60)
    store.away = True
    await asyncio.sleep(2)
    store.away = False
    await running
    manifest = await make(scenes)
    assert manifest.shots("stored") == len(scenes)
    assert len(simulator.ledger.paid) == len(scenes)


async def test_two_workers_at_once_pay_each_shot_once(
    make: Make, start: Start, simulator: Simulator
) -> None:
    scenes = [f"scene {number}" for number in range(12)]
    workers = [start(scenes), start(scenes)]
    codes = [await asyncio.to_thread(worker.wait, 120) for worker in workers]
    assert codes == [0, 0]
    assert set(Counter(one.business_id for one in simulator.ledger.paid).values()) == {1}
    manifest = await make(scenes)
    assert manifest.shots("stored") == len(simulator.ledger.submissions) == len(scenes)


async def test_two_workers_at_once_that_name_the_scenes_differently_pay_each_shot_once(
    make: Make, start: Start, simulator: Simulator, videos: Callable[[], dict[str, str]]
) -> None:
    prompts = [f"scene {number}" for number in range(8)]
    names = [
        [{"name": f"{who} {number}", "prompt": prompt} for number, prompt in enumerate(prompts)]
        for who in ("one", "other")
    ]
    workers = [start(scenes) for scenes in names]
    codes = [await asyncio.to_thread(worker.wait, 120) for worker in workers]
    assert codes == [0, 0]
    assert len(simulator.ledger.submissions) == len(prompts)
    manifest = await make(names[1])
    assert manifest.shots("stored") == len(simulator.ledger.paid) == len(prompts)
    assert len(videos()) == len(prompts)


async def test_a_lone_submission_that_was_never_sent_stops_and_says_how_to_go_on(
    make: Make,
    start: Start,
    simulator: Simulator,
    store: FaultyStore,
    resilient: RunSettings,
) -> None:
    store.hold = HoldStore("PUT", r"attempt-1\.json", "after")
    process = start(["a dog"])
    await simulator.await_for(store.held.is_set, 90)
    process.kill()
    process.wait()
    store.hold = None
    manifest = await make(["a dog"], on_failure="tolerate")
    [row] = manifest.open
    assert "no other accepted submission" in str(row.error)
    assert 'settings.purchases.on_absent="resend"' in str(row.error)
    assert simulator.ledger.submissions == []
    resend = resilient.with_overrides(RunSettings(purchases=PurchaseSettings(on_absent="resend")))
    assert (await make(["a dog"], settings=resend)).shots("stored") == 1
    assert len(simulator.ledger.paid) == 1


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[PrefectServer]:
    server = PrefectServer(tmp_path, {**os.environ, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"})
    server.start()
    yield server
    server.kill()


async def test_a_prefect_server_that_is_killed_and_started_again_loses_nothing(
    make: Make, start: Start, simulator: Simulator, own_server: PrefectServer
) -> None:
    scenes = [f"scene {number}" for number in range(4)]
    simulator.faults.add(Hold(operation="status", times=None))
    worker = start(scenes, PREFECT_API_URL=own_server.api)
    await simulator.await_for(lambda: len(simulator.faults.held) == len(scenes), 90)
    await asyncio.to_thread(own_server.kill)
    simulator.faults.clear()
    simulator.faults.release()
    await asyncio.sleep(2)  # the run goes on, or falls, without a server
    await asyncio.to_thread(own_server.start)
    await asyncio.to_thread(worker.wait, 120)
    manifest = await make(scenes)
    assert manifest.shots("stored") == len(scenes)
    assert len(simulator.ledger.submissions) == len(scenes)
