"""What Prefect tries again, what it doesn't, and what it shows of the steps."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import TaskRun, TaskRunResult

from prefect_toapis import (
    Character,
    PollingSettings,
    RetrySettings,
    RunSettings,
    Scene,
    Variant,
    VideoBucket,
)
from prefect_toapis.flows.generate import generate_videos
from prefect_toapis.simulator import Fault, Replace, Simulator

Make = Callable[..., Awaitable[Any]]

BUSY = '{"error": {"code": "rate_limit_unavailable", "message": "The limiter is down"}}'


@pytest.fixture
def once(quick: RunSettings) -> RunSettings:
    """The client itself tries nothing again, so that it is Prefect's turn."""
    return quick.with_overrides(
        RunSettings(
            retries=RetrySettings(client_seconds=1e-6), polling=PollingSettings(grace_seconds=0)
        )
    )


@pytest.mark.parametrize(
    "fault",
    [
        Replace(operation="submit", status=503, body=BUSY, times=2),
        Replace(operation="status", status=502, body="<html>Bad gateway</html>", times=2),
        Replace(operation="media", status=500, times=2),
    ],
    ids=["submit", "poll", "download"],
)
async def test_what_is_transient_is_tried_again_after_the_configured_delays(
    make: Make,
    simulator: Simulator,
    bucket: VideoBucket,
    once: RunSettings,
    log: pytest.LogCaptureFixture,
    fault: Fault,
) -> None:
    simulator.faults.add(fault)
    settings = once.with_overrides(
        RunSettings(retries=RetrySettings(task_delays_seconds=[0.1, 0.2]))
    )
    manifest = await make(["a dog"], settings=settings)
    assert len(simulator.ledger.paid) == manifest.shots("stored") == 1
    assert "Retry 1/2 will start 0.1 second(s) from now" in log.text
    assert "Retry 2/2 will start 0.2 second(s) from now" in log.text
    [row] = manifest.stored
    assert len(bucket.read(row.key) or b"") == row.size > 1000


async def test_retries_end_and_the_batch_can_be_run_again(
    make: Make, simulator: Simulator, bucket: VideoBucket, once: RunSettings
) -> None:
    simulator.faults.add(Replace(operation="submit", status=503, body=BUSY, times=3))
    manifest = await make(["a dog"], settings=once, on_failure="tolerate")
    assert manifest.shots("failed") == 1
    assert "It is safe to try again later." in manifest.rows[0].error
    assert (len(simulator.ledger.submissions), len(simulator.ledger.paid)) == (3, 0)
    manifest = await make(["a dog"], settings=once)
    assert manifest.stored[0].attempt == 4
    assert len(simulator.ledger.paid) == 1


async def test_no_delays_mean_no_retries(
    make: Make, simulator: Simulator, once: RunSettings, log: pytest.LogCaptureFixture
) -> None:
    simulator.faults.add(Replace(operation="submit", status=503, body=BUSY))
    settings = once.with_overrides(RunSettings(retries=RetrySettings(task_delays_seconds=[])))
    manifest = await make(["a dog"], settings=settings, on_failure="tolerate")
    assert manifest.shots("failed") == len(simulator.ledger.submissions) == 1
    assert "Retry 1" not in log.text


@pytest.mark.parametrize("scene", ["refuse me", "fail me"])
async def test_what_is_not_transient_is_not_tried_again(
    make: Make, simulator: Simulator, log: pytest.LogCaptureFixture, scene: str
) -> None:
    await make([scene], on_failure="tolerate")
    assert len(simulator.ledger.submissions) == 1
    assert "Retry 1" not in log.text


async def test_runs_of_the_steps_are_named_after_step_and_shot(
    make: Make, simulator: Simulator, log: pytest.LogCaptureFixture
) -> None:
    state = await make_state(
        make,
        [
            Scene(name="chase", prompt="{character} chases a tram"),
            Scene(name="fall", prompt="{character} falls: fail me"),
        ],
    )
    runs = await task_runs(state, 6)
    assert {run.name: run.state_name for run in runs} == {
        "publish b": "Completed",
        "submit chase / tall / Turbo": "Completed",
        "wait for chase / tall / Turbo": "Completed",
        "store chase / tall / Turbo": "Completed",
        "submit fall / tall / Turbo": "Completed",
        "wait for fall / tall / Turbo": "Failed",
    }


async def test_each_step_of_a_shot_depends_on_the_one_before(make: Make) -> None:
    runs = await task_runs(await make_state(make, [Scene(name="chase", prompt="A tram")]), 4)
    names = {run.id: run.name for run in runs}
    inputs = {
        run.name: {
            names.get(of.id)
            for given in run.task_inputs.values()
            for of in given
            if isinstance(of, TaskRunResult)
        }
        for run in runs
    }
    assert inputs["submit chase / tall"] == set()
    assert inputs["wait for chase / tall"] == {"submit chase / tall"}
    assert inputs["store chase / tall"] == {"wait for chase / tall"}


async def make_state(make: Make, scenes: list[Scene]) -> UUID:
    """The flow run that makes some scenes."""
    found: list[UUID] = []

    def note(flow: Any, flow_run: Any, state: Any) -> None:
        found.append(flow_run.id)

    generate_videos.on_completion_hooks.append(note)
    try:
        await make(
            scenes,
            variants=[Variant(name="tall", model="sora-2-vip", duration=1, aspect_ratio="9:16")],
            characters=[Character(name="Turbo", username="duksvfkf.turbo_whis")],
            on_failure="tolerate",
        )
    finally:
        generate_videos.on_completion_hooks.remove(note)
    return found[0]


async def task_runs(flow_run: UUID, count: int) -> list[TaskRun]:
    """The task runs of a flow run, once the server has heard of the end of each."""
    of_run = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run]))
    runs: list[TaskRun] = []
    async with get_client() as client:
        for _ in range(200):
            runs = await client.read_task_runs(flow_run_filter=of_run)
            if len(runs) == count and all(run.state and run.state.is_final() for run in runs):
                return runs
            await asyncio.sleep(0.1)
    raise TimeoutError(f"the server knows {len(runs)} of {count} task runs")
