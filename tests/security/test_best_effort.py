"""What isn't needed to buy or store a video may be broken, and ends no run that bought one."""

import json
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from pydantic import JsonValue
from tests.chaos.faulty_store import FaultyStore, Refusal
from tests.cli.conftest import COMMAND, account
from tests.flows.conftest import at_a_server, leave, make
from tests.provider_clock import ProviderClock

from prefect_toapis import Manifest, RunSettings, ToAPIsCredentials, VideoBucket, acollect_batch
from prefect_toapis.flows.progress import Progress, progress_artifact
from prefect_toapis.records.layout import RENDER_TIMES_FILE
from prefect_toapis.simulator import Rewrite, Simulator

__all__ = ["account", "at_a_server", "leave", "make"]  # fixtures

Make = Callable[..., Awaitable[Any]]
KIND = "sora-2-vip 1"  # what `make` makes


def assert_made(manifest: Manifest, simulator: Simulator, count: int = 1) -> None:
    """All is stored, and paid once."""
    assert len(manifest.stored) == len(manifest.rows) == count
    assert len(simulator.ledger.paid) == len(simulator.ledger.submissions) == count


RENDER_TIMES = {
    "next to nothing": json.dumps({KIND: [1e-200] * 3}),
    "the smallest number": json.dumps({KIND: [5e-324]}),
    "infinite": f'{{"{KIND}": [Infinity, NaN, 1e999, -1e999]}}',
    "huge": json.dumps({KIND: [10**400, 1e308, 1e17]}),
    "a number that is too long": f'{{"{KIND}": [{"9" * 5000}]}}',
    "deep": "[" * 100_000,
    "many": json.dumps({f"kind {number}": [1.0] for number in range(5000)}),
    "null": "null",
    "another form": json.dumps({KIND: {"seconds": [1]}, "\ud800": [3.0]}),
    "no JSON": "<html>",
}


@pytest.mark.parametrize("content", RENDER_TIMES.values(), ids=RENDER_TIMES)
async def test_render_times_of_any_content_end_no_run(
    make: Make, simulator: Simulator, bucket: VideoBucket, content: str
) -> None:
    bucket.write(RENDER_TIMES_FILE, content.encode(), "application/json")
    rendering: dict[str, JsonValue] = {"status": "in_progress", "progress": 50, "result": None}
    simulator.faults.add(Rewrite(operation="status", members=rendering, times=2))
    assert_made(await make(["a dog"]), simulator)
    assert json.loads(bucket.read(RENDER_TIMES_FILE) or b"")[KIND]


EXTREMES: dict[str, JsonValue] = {
    "next to nothing": 1e-300,
    "huge": 1e308,
    "longer than a float": 10**400,
    "negative": -1,
    "not a number": "NaN",
    "infinite": "Infinity",
    "the first year": "0001-01-01T00:00:00Z",
    "the last year": "9999-12-31T23:59:59-23:59",
    "a zone that is none": "2026-01-01T00:00:00+99:99",
    "a fraction of a microsecond": 1768380222.0000001,
    "a list": [[[]]],
    "an object": {"seconds": 10**400},
}


@pytest.mark.parametrize("member", ["progress", "created_at", "completed_at", "expires_at"])
async def test_extreme_numbers_and_times_in_replies_end_no_run(
    make: Make, simulator: Simulator, bucket: VideoBucket, member: str
) -> None:
    for name, value in EXTREMES.items():
        members: dict[str, JsonValue] = {member: value}
        rendering = {"status": "in_progress", "result": None, **members}
        simulator.faults.add(
            Rewrite(operation="status", prompt=f"'{name}'", members=rendering),
            Rewrite(operation="status", prompt=f"'{name}'", members=members, times=None),
        )
    manifest = await make([f"a dog '{name}'" for name in EXTREMES])
    assert_made(manifest, simulator, len(EXTREMES))
    assert bucket.load_manifest("b").rows == manifest.rows


@pytest.mark.parametrize("percent", [1e-300, 1e308, float("nan"), float("inf"), -5.0])
async def test_a_run_that_is_ended_says_why_whatever_its_progress(percent: float) -> None:
    progress = Progress(phases={"a": "rendering"}, percent={"a": percent}, began={"a": 0.0})

    @flow
    async def ended() -> None:
        async with progress_artifact(progress, "b", RunSettings()):
            raise KeyError("the reason")

    with pytest.raises(KeyError, match="the reason"):
        await ended()


@pytest.mark.parametrize("run", ["not-a-run", "", "\u202e", "9" * 1000])
async def test_a_record_that_names_no_run_is_collected(  # noqa: PLR0917
    leave: Make,
    simulator: Simulator,
    clock: ProviderClock,
    bucket: VideoBucket,
    credentials: ToAPIsCredentials,
    quick: RunSettings,
    run: str,
) -> None:
    await leave(["a dog"])
    [key] = [one for one in bucket.list_keys("b/records/") if one.endswith("/attempt-1.json")]
    record = json.loads(bucket.read(key) or b"")
    bucket.write(key, json.dumps({**record, "run": run}).encode(), "application/json")
    clock.skip(60)
    [manifest] = await acollect_batch("b", credentials=credentials, bucket=bucket, settings=quick)
    assert_made(manifest, simulator)


@pytest.mark.parametrize("seconds", [1e308, float("nan")])
async def test_where_events_can_not_be_asked_for_all_is_collected(  # noqa: PLR0917
    leave: Make,
    simulator: Simulator,
    clock: ProviderClock,
    log: pytest.LogCaptureFixture,
    bucket: VideoBucket,
    credentials: ToAPIsCredentials,
    quick: RunSettings,
    seconds: float,
) -> None:
    await leave(["a dog"])
    clock.skip(60)
    [manifest] = await acollect_batch(
        "b",
        credentials=credentials,
        bucket=bucket,
        settings=quick,
        event_window_seconds=seconds,
    )
    assert_made(manifest, simulator)
    assert "Prefect's events can't be read" in log.text


HOSTILE_NAMES = [
    "../../x",
    "\u0000",
    "\u202e\u001b[31m",
    "x" * 5000,
    "a/b",
    "*",
    "é" * 300,
]


async def test_characters_of_any_name_end_no_run(make: Make, simulator: Simulator) -> None:
    for number, name in enumerate(HOSTILE_NAMES):
        one: JsonValue = {"username": name, "display_name": name, "id": 10**400}
        members: dict[str, JsonValue] = {"characters": [one, one]}
        prompt = f"dog {number} "
        simulator.faults.add(
            Rewrite(operation="status", prompt=prompt, members=members, times=None)
        )
    manifest = await make([f"dog {number} runs" for number in range(len(HOSTILE_NAMES))])
    assert_made(manifest, simulator, len(HOSTILE_NAMES))


PICTURES = {
    "cut": b"\xff\xd8\xff\xe0" + bytes(100),
    "no picture": b"\xff\xd8\xff" + b"<html>" * 100,
    "empty": b"",
}


@pytest.mark.parametrize("content", PICTURES.values(), ids=PICTURES)
async def test_a_damaged_poster_hides_no_other(
    make: Make,
    simulator: Simulator,
    bucket: VideoBucket,
    log: pytest.LogCaptureFixture,
    content: bytes,
) -> None:
    first = await make(["a dog", "a cat"])
    damaged = first.stored[0].thumbnail_key
    assert damaged
    bucket.write(damaged, content, "image/jpeg")
    assert_made(await make(["a dog", "a cat"]), simulator, 2)
    assert "can't show" not in log.text


SPEC = """
batch: b
scenes: [{prompt: A dog}]
variants: [{name: short, model: sora-2-vip, duration: 1}]
settings: {polling: {first_seconds: 0.1, interval_seconds: 0.1}}
"""


@pytest.fixture
def broken_prefect(account: dict[str, str]) -> Iterator[FaultyStore]:
    """A Prefect server that takes neither artifacts nor, without web sockets, events."""
    url = account["PREFECT_API_URL"].removesuffix("/api")
    with FaultyStore(url) as running:
        running.refusal = Refusal("POST|PATCH", r"/artifacts/", status=500, lasting=False)
        yield running


def test_prefect_may_take_neither_artifacts_nor_events(
    account: dict[str, str],
    broken_prefect: FaultyStore,
    tmp_path: Path,
    simulator: Simulator,
    bucket: VideoBucket,
) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    ended = subprocess.run(
        [*COMMAND, "generate", "spec.yaml", "--verbose"],
        env=account | {"PREFECT_API_URL": f"{broken_prefect.url}/api"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert broken_prefect.failed
    assert "Prefect can't show the batch" in ended.stdout + ended.stderr
    assert_made(bucket.load_manifest("b"), simulator)
