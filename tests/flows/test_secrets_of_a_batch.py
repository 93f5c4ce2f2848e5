"""Neither the keys nor the signed URLs of a batch show anywhere."""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from prefect import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.sorting import LogSort
from prefect.settings import PREFECT_SERVER_DATABASE_CONNECTION_URL
from pydantic import SecretStr

from prefect_toapis import RetrySettings, RunSettings, ToAPIsCredentials, Variant, VideoBucket
from prefect_toapis.simulator import Replace, Simulator, SimulatorSettings, Truncate

Make = Callable[..., Awaitable[Any]]

KEY = "sk-of-the-tests-4f1e9c"


@pytest.fixture
def provider() -> Iterator[Simulator]:
    settings = SimulatorSettings(api_keys=(KEY,), account_group=None, render_seconds=0.2)
    with Simulator(settings) as running:
        yield running


def signatures(provider: Simulator) -> set[str]:
    """Those of every URL that the provider hands out."""
    headers = {"Authorization": f"Bearer {KEY}"}
    replies = [
        httpx.get(f"{provider.url}/v1/videos/generations/{paid.task_id}", headers=headers).text
        for paid in provider.ledger.paid
    ]
    return set(re.findall(r"signature=([0-9a-f]{64})", " ".join(replies)))


async def test_no_key_and_no_signature_in_logs_bucket_states_and_database(
    make: Make,
    provider: Simulator,
    bucket: VideoBucket,
    quick: RunSettings,
    log: pytest.LogCaptureFixture,
) -> None:
    noisy = ["", "prefect", "prefect.flow_runs", "prefect.task_runs", "prefect_toapis"]
    for name in noisy:
        log.set_level(logging.DEBUG, logger=name)
    html = "<html>Please sign in</html>"
    echo = json.dumps({"error": {"code": "invalid_request", "message": f"Bearer {KEY} is no"}})
    provider.faults.add(
        Truncate(prompt="broken off", at_bytes=500),
        Replace(operation="media", prompt="refused", status=403, times=None),
        Replace(operation="media", prompt="a page", status=200, body=html, times=None),
        Replace(operation="media", prompt="out of order", status=500, times=None),
        Replace(operation="submit", prompt="echo", status=400, body=echo),
    )
    manifest = await make(
        ["a dog", "broken off", "refused", "a page", "out of order", "fail me", "echo"],
        variants=[Variant(model="sora-2-vip", duration=1, thumbnail=True)],
        credentials=ToAPIsCredentials(api_key=SecretStr(KEY), base_url=provider.url),
        settings=quick.with_overrides(
            RunSettings(retries=RetrySettings(task_delays_seconds=[0.1]))
        ),
        on_failure="tolerate",
    )
    assert (manifest.shots("stored"), manifest.shots("open"), manifest.shots("failed")) == (2, 3, 2)
    store = bucket.credentials
    assert store
    assert store.aws_secret_access_key
    signed = signatures(provider)
    assert len(signed) >= 10
    secrets = {KEY, store.aws_secret_access_key.get_secret_value(), "signature=", *signed}
    run = re.findall(r"runs/flow-run/([0-9a-f-]{36})", log.text)[0]
    kept = {
        "log": log.text,
        "manifest": manifest.model_dump_json(),
        "states": await states(UUID(run)),
        "database": database(),
        **{
            key: (bucket.read(key) or b"").decode()
            for key in bucket.list_keys("b/")
            if key.endswith(("json", "jsonl", "html"))
        },
    }
    assert sum("attempt" in place for place in kept) == 7
    assert "DEBUG" in kept["log"]
    assert "not a video" in kept["log"]
    assert "not a video" in kept["states"]
    leaks = {
        (place, secret) for place, text in kept.items() for secret in secrets if secret in text
    }
    assert leaks == set()


async def states(run: UUID) -> str:
    """What the server knows of a flow run: its tasks, their states and all the logs."""
    of_run = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
    logs_of_run = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run]))
    async with get_client() as client:
        for _ in range(300):
            tasks = await client.read_task_runs(flow_run_filter=of_run)
            logs = await client.read_logs(logs_of_run, sort=LogSort.TIMESTAMP_DESC)
            ended = any("Finished in state" in log.message and not log.task_run_id for log in logs)
            if ended and all(task.state and task.state.is_final() for task in tasks):
                known = [await client.read_flow_run(run), *tasks, *logs]
                return " ".join(one.model_dump_json() for one in known)
            await asyncio.sleep(0.1)
    raise TimeoutError("the server doesn't know how the run ended")


def database() -> str:
    """The server's database, byte by byte."""
    path = Path(str(PREFECT_SERVER_DATABASE_CONNECTION_URL.value()).partition("///")[2])
    files = list(path.parent.glob(f"{path.name}*"))
    assert files
    return "".join(file.read_bytes().decode("latin-1") for file in files)
