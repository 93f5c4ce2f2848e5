"""A run that is killed, wherever it is, and run again: paid once, and stored."""

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_HOME

from prefect_toapis import ToAPIsCredentials, VideoBucket
from prefect_toapis.simulator import Hold, Simulator
from prefect_toapis.simulator.faults import Operation

Make = Callable[..., Awaitable[Any]]

ONE_VIDEO = """
import asyncio
from prefect_toapis import RunSettings, Variant, generate_videos

asyncio.run(
    generate_videos(
        ["a dog"],
        [Variant(model="sora-2-vip", duration=1)],
        batch="b",
        settings=RunSettings(poll_first_seconds=0.05, poll_every_seconds=0.1),
    )
)
"""


@pytest.fixture
def run_elsewhere(
    credentials: ToAPIsCredentials, bucket: VideoBucket, tmp_path: Path
) -> Callable[[], "subprocess.Popen[str]"]:
    """Starts a process that makes a video of a dog, at the Prefect server of the tests."""
    store = bucket.credentials
    assert store
    assert store.aws_secret_access_key
    given = {
        "PREFECT_API_URL": PREFECT_API_URL.value(),
        "PREFECT_HOME": str(PREFECT_HOME.value()),
        "TOAPIS_API_KEY": credentials.api_key.get_secret_value(),
        "TOAPIS_BASE_URL": credentials.base_url,
        "TOAPIS_BUCKET": bucket.uri(),
        "AWS_ACCESS_KEY_ID": store.aws_access_key_id,
        "AWS_SECRET_ACCESS_KEY": store.aws_secret_access_key.get_secret_value(),
        "AWS_ENDPOINT_URL": store.endpoint_url,
        "AWS_REGION": store.region_name,
    }
    environment = {**os.environ, **{name: value for name, value in given.items() if value}}
    script = tmp_path / "one_video.py"
    script.write_text(ONE_VIDEO)
    return lambda: subprocess.Popen([sys.executable, str(script)], env=environment, text=True)


@pytest.mark.parametrize("during", ["submit", "status", "media"])
async def test_a_killed_run_is_gone_on_with_and_nothing_is_bought_twice(
    make: Make,
    simulator: Simulator,
    bucket: VideoBucket,
    run_elsewhere: Callable[[], "subprocess.Popen[str]"],
    during: Operation,
) -> None:
    simulator.faults.add(Hold(operation=during))
    process = run_elsewhere()
    try:
        await simulator.await_for(lambda: simulator.faults.held, 60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert len(simulator.ledger.paid) == 1
    keys = bucket.list_keys("b/")
    assert [key.rpartition("/")[2] for key in keys if "attempt" in key] == ["attempt-1.json"]
    assert not any(key.endswith(("shot.json", ".mp4")) for key in keys)
    state = '"sending"' if during == "submit" else '"accepted"'
    [record] = [key for key in keys if key.endswith("attempt-1.json")]
    assert f'"state": {state}' in (bucket.read(record) or b"").decode()
    simulator.faults.clear()
    simulator.faults.release()
    manifest = await make(["a dog"])
    assert manifest.shots("stored") == 1
    assert len(simulator.ledger.submissions) == len(simulator.ledger.paid) == 1
    assert manifest.stored[0].task_id == simulator.ledger.paid[0].task_id
