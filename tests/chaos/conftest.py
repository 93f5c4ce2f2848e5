"""What the tests of this folder share: seeds, a store in trouble, and runs elsewhere."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest
from tests.chaos.faulty_store import FaultyStore
from tests.processes import ended

from prefect_toapis import (
    Manifest,
    PollingSettings,
    PurchaseSettings,
    RetrySettings,
    RunSettings,
    ToAPIsCredentials,
    VideoBucket,
    agenerate_videos,
)
from prefect_toapis.planning.spec import Variant

SHORT = Variant(name="short", model="sora-2-vip", duration=1)

Make = Callable[..., Awaitable[Manifest]]
Start = Callable[..., "subprocess.Popen[str]"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One seed in the ordinary suite, as many as CHAOS_SEEDS says by `scripts/chaos`."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(int(os.environ.get("CHAOS_SEEDS", "1"))))


@pytest.fixture(autouse=True)
def at_a_server(prefect_server: None, no_aws_settings: None) -> None:
    """A real Prefect server, and the settings of no developer."""


@pytest.fixture
def store(aws_bucket: VideoBucket) -> Iterator[FaultyStore]:
    """What stands before the bucket of `aws_bucket`."""
    assert aws_bucket.credentials
    with FaultyStore(aws_bucket.credentials.endpoint_url or "") as running:
        yield running


@pytest.fixture
def troubled(store: FaultyStore, aws_bucket: VideoBucket) -> VideoBucket:
    """The bucket, through the store in trouble."""
    assert aws_bucket.credentials
    through = aws_bucket.credentials.model_copy(update={"endpoint_url": store.url})
    return aws_bucket.model_copy(update={"credentials": through})


@pytest.fixture
def resilient() -> RunSettings:
    """Timeouts and retries for chaos tests."""
    return RunSettings(
        polling=PollingSettings(first_seconds=0.05, interval_seconds=0.1, grace_seconds=5),
        purchases=PurchaseSettings(lookup_window_seconds=6),
        retries=RetrySettings(client_seconds=4, task_delays_seconds=[0.2, 0.5, 1, 2]),
    )


@pytest.fixture
def make(credentials: ToAPIsCredentials, aws_bucket: VideoBucket, resilient: RunSettings) -> Make:
    """Runs `generate_videos` with one-second clips into batch `b`, but for what it is told."""
    flow = cast("Make", agenerate_videos)

    async def make(scenes: list[Any], **told: Any) -> Manifest:
        usual: dict[str, Any] = {
            "variants": [SHORT],
            "batch": "b",
            "credentials": credentials,
            "bucket": aws_bucket,
            "settings": resilient,
            "max_videos": 10_000,
        }
        return await flow(scenes, **usual | told)

    return make


SCRIPT = """
import json, sys
from prefect_toapis import RunSettings, Variant, generate_videos

scenes, settings = json.load(sys.stdin)
generate_videos(
    scenes,
    [Variant(name="short", model="sora-2-vip", duration=1)],
    batch="b",
    on_failure="tolerate",
    settings=RunSettings.model_validate(settings),
)
"""


@pytest.fixture
def start(
    environment_with: Callable[[VideoBucket], dict[str, str]],
    troubled: VideoBucket,
    resilient: RunSettings,
    tmp_path: Path,
) -> Iterator[Start]:
    """Starts a process that makes a batch through the store in trouble; killed at the end."""
    script = tmp_path / "elsewhere.py"
    script.write_text(SCRIPT)
    started: list[subprocess.Popen[str]] = []
    at_the_end = ExitStack()

    def start(scenes: list[Any], **more: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, str(script)],
            env=environment_with(troubled) | more,
            stdin=subprocess.PIPE,
            stderr=(tmp_path / f"elsewhere-{len(started)}.log").open("w"),
            text=True,
        )
        started.append(at_the_end.enter_context(ended(process)))
        assert process.stdin
        process.stdin.write(json.dumps([scenes, resilient.model_dump()]))
        process.stdin.close()
        return process

    with at_the_end:
        yield start


@pytest.fixture
def videos(aws_bucket: VideoBucket) -> Callable[[], dict[str, str]]:
    """The hashes of the videos in the bucket, by key."""

    def videos() -> dict[str, str]:
        keys = [key for key in aws_bucket.list_keys("b/") if key.endswith(".mp4")]
        return {key: hashlib.sha256(aws_bucket.read(key) or b"").hexdigest() for key in keys}

    return videos
