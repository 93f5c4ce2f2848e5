"""The example with an event, run as it stands: at a server with triggers, after a real batch."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socket import socket
from typing import Any

import httpx
import pytest
from tests.environments import of_a_user, unmeasured
from tests.prefect_database import with_database
from tests.processes import ended

from prefect_toapis import ToAPIsCredentials, VideoBucket

EXAMPLE = Path(__file__).parents[2] / "examples" / "on_batch_completed.py"
SPEC = """
batch: lisbon
scenes: [{name: tram, prompt: A tram}, {name: nap, prompt: A cat sleeps}]
variants: [{name: wide, duration: 10}]
settings: {polling: {first_seconds: 0.1, interval_seconds: 0.1}}
"""


@pytest.fixture
def environment(
    tmp_path: Path, credentials: ToAPIsCredentials, bucket: VideoBucket
) -> dict[str, str]:
    """Of a user with a server, an account and a bucket of his own."""
    own = unmeasured(of_a_user())
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = bucket.credentials
    assert given
    assert given.aws_secret_access_key
    return own | {
        "HOME": str(tmp_path),
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(with_database(tmp_path / "prefect")),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "TOAPIS_API_KEY": credentials.api_key.get_secret_value(),
        "TOAPIS_BASE_URL": credentials.base_url,
        "TOAPIS_BUCKET": bucket.uri(),
        "AWS_ACCESS_KEY_ID": given.aws_access_key_id or "",
        "AWS_SECRET_ACCESS_KEY": given.aws_secret_access_key.get_secret_value(),
        "AWS_ENDPOINT_URL_S3": given.endpoint_url or "",
        "AWS_REGION": "us-east-1",
    }


@contextmanager
def running(environment: dict[str, str], *command: str) -> Iterator[None]:
    home = environment["HOME"]
    with Path(home, "log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, *command], env=environment, cwd=home, stdout=log, stderr=log
        )
        with ended(process):
            yield
            process.terminate()
            process.wait(30)


def awaited(
    environment: dict[str, str], path: str, condition: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """The first of the server's objects that meets a condition, as soon as there is one."""
    for _ in range(240):
        try:
            found = httpx.post(f"{environment['PREFECT_API_URL']}{path}", json={}, timeout=10)
        except httpx.HTTPError:
            found = httpx.Response(503, json=[])  # it isn't up yet
        for one in found.json():
            if condition(one):
                return dict(one)
        time.sleep(0.5)
    raise AssertionError(Path(environment["HOME"], "log").read_text())


def handed_over(run: dict[str, Any]) -> bool:
    return bool(run["name"].startswith("hand over") and run["state_type"] == "COMPLETED")


@pytest.mark.long
def test_a_batch_that_has_completed_starts_the_flow_with_what_the_event_says(
    environment: dict[str, str], bucket: VideoBucket, tmp_path: Path
) -> None:
    spec = tmp_path / "lisbon.yaml"
    spec.write_text(SPEC)
    with ExitStack() as services:
        services.enter_context(running(environment, "-m", "prefect", "server", "start"))
        awaited(environment, "/block_types/filter", bool)
        services.enter_context(running(environment, str(EXAMPLE)))
        awaited(environment, "/automations/filter", bool)
        subprocess.run(
            [sys.executable, "-m", "prefect_toapis.cli", "generate", str(spec)],
            env=environment,
            cwd=tmp_path,
            check=True,
            capture_output=True,
            timeout=120,
        )
        run = awaited(environment, "/flow_runs/filter", handed_over)
    assert run["name"] == "hand over lisbon"
    assert run["parameters"] == {
        "batch": "lisbon",
        "manifest": bucket.uri("lisbon/manifest.jsonl"),
        "failed": 0,
    }
    listed = (tmp_path / "lisbon.txt").read_text().split()
    assert listed == [row.uri for row in bucket.load_manifest("lisbon").stored]
    assert len(listed) == 2
