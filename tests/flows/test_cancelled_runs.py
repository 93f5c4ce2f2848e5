"""Cancelling a run stops its waiting, not the billing: it says so, with the ids."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from prefect_toapis import VideoBucket
from prefect_toapis.simulator import Hold, Simulator

Make = Callable[..., Awaitable[Any]]

TWO_VIDEOS = """
from prefect_toapis import PollingSettings, RunSettings, Variant, generate_videos

generate_videos(
    ["a dog", "a cat"],
    [Variant(name="short", model="sora-2-vip", duration=1)],
    batch="b",
    settings=RunSettings(polling=PollingSettings(first_seconds=0.05, interval_seconds=0.1)),
)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_says_what_is_paid_and_how_to_go_on(
    make: Make,
    simulator: Simulator,
    bucket: VideoBucket,
    environment_with: Callable[[VideoBucket], dict[str, str]],
    how: signal.Signals,
) -> None:
    simulator.faults.add(Hold(operation="status", times=None))
    command, environment = [sys.executable, "-c", TWO_VIDEOS], environment_with(bucket)
    process = await asyncio.to_thread(
        subprocess.Popen, command, env=environment, text=True, stderr=subprocess.PIPE
    )
    try:
        await simulator.await_for(lambda: len(simulator.faults.held) == 2, 60)
        process.send_signal(how)
        _, log = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode != 0
    assert "Cancelling stops the waiting, not the billing: 2 generations are paid" in log
    assert "prefect-toapis reconcile b" in log
    assert all(paid.task_id and paid.task_id in log for paid in simulator.ledger.paid)
    simulator.faults.clear()
    simulator.faults.release()
    manifest = await make(["a dog", "a cat"])
    assert manifest.shots("stored") == len(simulator.ledger.submissions) == 2
