"""A fifth of everything goes wrong: every video is stored, and each is paid once.

The provider words its replies at random, each generation's in another way.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table
from tests.chaos.conftest import Make
from tests.chaos.faulty_store import FaultyStore

from prefect_toapis import Manifest, PollingSettings, PurchaseSettings, RunSettings, VideoBucket
from prefect_toapis.errors import InvalidBatch, StoreUnavailable
from prefect_toapis.simulator import Hide, Simulator, SimulatorSettings, Weather

SHOTS = int(os.environ.get("CHAOS_SHOTS", "40"))
RUNS = 6  # at most: what a run leaves open, the next one goes on with


@pytest.fixture
def simulator(seed: int) -> Iterator[Simulator]:
    settings = SimulatorSettings(
        api_keys=("test-key",),
        account_group=None,
        render_seconds=0.2,
        dialect="random",
        seed=seed,
    )
    with Simulator(settings) as running:
        yield running


async def through(make: Make, scenes: list[str], runs: int = RUNS, **told: Any) -> list[Manifest]:
    """Run the batch until nothing is missing."""
    manifests: list[Manifest] = []
    for _ in range(runs):
        try:
            manifests.append(await make(scenes, on_failure="tolerate", **told))
        except (StoreUnavailable, InvalidBatch) as error:  # the store let no run begin, or go on
            Console().print(f"a run ended: {error}")
            continue
        if manifests[-1].shots("stored") == len(scenes):
            break
    return manifests


@pytest.fixture
def resilient(resilient: RunSettings) -> RunSettings:
    """As those of the folder, but a shot that never ends doesn't hold the test for long."""
    return resilient.with_overrides(RunSettings(polling=PollingSettings(timeout_seconds=60)))


@pytest.mark.long
async def test_everything_is_stored_and_paid_once(
    make: Make, simulator: Simulator, store: FaultyStore, troubled: VideoBucket, seed: int
) -> None:
    simulator.faults.storm = weather = Weather(seed=seed, share=0.2)
    simulator.faults.add(Hide(seconds=0.3, times=None))  # 404 right after creation
    store.share, store.seed = 0.2, seed
    scenes = [f"scene {number}" for number in range(SHOTS)]
    manifests = await through(make, scenes, bucket=troubled)
    show(weather, store, simulator, manifests)
    assert manifests[-1].shots("stored") == SHOTS
    paid = [one.business_id for one in simulator.ledger.paid]
    assert len(paid) == len(set(paid)) == SHOTS


async def test_what_shows_up_later_than_it_may_is_never_paid_twice_and_named(
    make: Make, simulator: Simulator, resilient: RunSettings, seed: int
) -> None:
    simulator.faults.storm = Weather(seed=seed, share=0.2)
    simulator.faults.add(Hide(seconds=3600, times=None))  # longer than anybody waits
    shots = max(8, SHOTS // 5)
    scenes = [f"scene {number}" for number in range(shots)]
    brief = RunSettings(
        polling=PollingSettings(grace_seconds=0.5, timeout_seconds=5),
        purchases=PurchaseSettings(lookup_window_seconds=0.5, on_absent="stop"),
    )
    settings = resilient.with_overrides(brief)
    manifests = await through(make, scenes, runs=2, settings=settings)
    paid = [one.business_id for one in simulator.ledger.paid]
    assert len(paid) == len(set(paid))
    named = {row.business_id for row in manifests[-1].open}
    assert set(paid) <= named
    assert all(row.error for row in manifests[-1].open)


def show(
    weather: Weather, store: FaultyStore, simulator: Simulator, manifests: list[Manifest]
) -> None:
    """What happened, for `scripts/chaos` (which shows what tests print)."""
    table = Table("", "requests", "faults", "by kind")
    for operation, asked in weather.asked.items():
        kinds = {name: met for (where, name), met in weather.met.items() if where == operation}
        named = ", ".join(f"{met} x {name}" for name, met in sorted(kinds.items()))
        table.add_row(operation, str(asked), str(sum(kinds.values())), named)
    failed = ", ".join(f"{count} x {status}" for status, count in store.failed.items())
    table.add_row("S3", str(store.asked), str(store.failed.total()), failed)
    console = Console(width=100)
    console.print(table)
    stored = [manifest.shots("stored") for manifest in manifests]
    for row in [*manifests[-1].open, *manifests[-1].failed]:
        console.print(f"{row.label}: {row.status}: {row.error}")
    console.print(f"stored after each run: {stored}; paid: {len(simulator.ledger.paid)}")
