"""Generations that come back with fewer videos than were ordered."""

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast

import pytest
from tests.provider_clock import ProviderClock
from tests.provider_replies import completed

from prefect_toapis import (
    Manifest,
    PollingSettings,
    RunSettings,
    ToAPIsCredentials,
    Variant,
    VideoBucket,
    areconcile_batch,
)
from prefect_toapis.simulator import Replace, Simulator, SimulatorSettings

Make = Callable[..., Awaitable[Any]]
TWO = {"variants": [Variant(name="two", model="sora-2-vip", duration=1, n=2)]}
NOTE = (
    "1 of 2 ordered videos were returned, 1 missing; `prefect-toapis reconcile b` requests the rest"
)


@pytest.fixture
def simulator(clock: ProviderClock) -> Iterator[Simulator]:
    """A provider that draws a number on each video: no two are the same."""
    settings = SimulatorSettings(
        api_keys=("test-key",), account_group=None, render_seconds=0.2, draw_prompts=True
    )
    with Simulator(settings, clock=clock) as running:
        yield running


@pytest.fixture
def reconcile(
    credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> Callable[..., Awaitable[Manifest]]:
    """Reconciles batch `b`, but for what it is told."""
    flow = cast("Callable[..., Awaitable[Manifest]]", areconcile_batch)
    usual = {"credentials": credentials, "bucket": bucket, "settings": quick}
    return lambda **told: flow(**{"batch": "b", **usual, **told})


@pytest.fixture
def make_short(leave: Make, make: Make, simulator: Simulator) -> Make:
    """Makes a shot of which only one of the ordered two videos comes, and returns its row."""

    async def make_short(missing: int = 1) -> Any:
        began = await leave(["a dog"], **TWO)
        reply = completed(simulator, began.open[0].task_id)
        del reply["result"]["data"][missing]
        body = json.dumps(reply)
        simulator.faults.add(Replace(operation="status", status=200, body=body, times=None))
        [row] = (await make(["a dog"], **TWO)).rows
        return row

    return make_short


async def test_those_that_came_are_stored_and_the_row_says_how_many_are_missing(
    make_short: Make, simulator: Simulator
) -> None:
    row = await make_short()
    assert (row.status, row.output, row.note) == ("stored", 1, NOTE)
    assert len(simulator.ledger.paid) == 1
    assert simulator.ledger.queries[row.task_id] > 3  # it was asked for again


async def test_the_second_comes_within_the_grace(
    leave: Make, make: Make, simulator: Simulator, quick: RunSettings
) -> None:
    began = await leave(["a dog"], **TWO)
    reply = completed(simulator, began.open[0].task_id)
    del reply["result"]["data"][1]
    simulator.faults.add(Replace(operation="status", status=200, body=json.dumps(reply), times=2))
    long_grace = quick.with_overrides(RunSettings(polling=PollingSettings(grace_seconds=30)))
    manifest = await make(["a dog"], **TWO, settings=long_grace)
    assert [(row.output, row.note) for row in manifest.rows] == [(1, None), (2, None)]


@pytest.mark.parametrize("missing", [0, 1])
async def test_reconcile_adds_the_rest_and_keeps_what_is_there(
    make_short: Make, reconcile: Make, simulator: Simulator, bucket: VideoBucket, missing: int
) -> None:
    before = await make_short(missing)
    still = await reconcile()
    assert [row.note for row in still.rows] == [NOTE]
    simulator.faults.clear()
    shown = await reconcile(dry_run=True)
    assert [row.note for row in shown.rows] == [NOTE]
    first, second = (await reconcile()).rows
    assert (first.output, second.output, first.note) == (1, 2, None)
    assert (first.key, first.sha256) == (before.key, before.sha256)
    assert second.sha256 != first.sha256
    assert {key for key in bucket.list_keys("b/") if key.endswith(".mp4")} == {
        first.key,
        second.key,
    }
    assert len(simulator.ledger.submissions) == len(simulator.ledger.paid) == 1
    again = await reconcile()
    assert again.shots("stored") == 1
    assert len(again.rows) == 2


async def test_a_rest_that_can_not_be_fetched_changes_nothing(
    make_short: Make,
    reconcile: Make,
    simulator: Simulator,
    bucket: VideoBucket,
    log: pytest.LogCaptureFixture,
) -> None:
    row = await make_short()
    before = {key: bucket.read(key) for key in bucket.list_keys("b/") if "a-dog" in key}
    simulator.faults.clear()
    simulator.faults.add(Replace(operation="media", status=403, times=None))
    manifest = await reconcile()
    assert [one.note for one in manifest.rows] == [NOTE]
    assert "a-dog / two: the rest isn't stored: " in log.text
    simulator.faults.clear()
    simulator.faults.add(Replace(operation="status", status=404, body='{"error": "gone"}'))
    manifest = await reconcile()
    assert [one.note for one in manifest.rows] == [NOTE]
    after = {key: bucket.read(key) for key in bucket.list_keys("b/") if "a-dog" in key}
    assert after == before
    assert len(simulator.ledger.submissions) == 1
    assert row.task_id == simulator.ledger.paid[0].task_id


async def test_a_video_that_is_gone_from_the_bucket_comes_back_with_the_rest(
    make_short: Make, reconcile: Make, simulator: Simulator, bucket: VideoBucket
) -> None:
    before = await make_short()
    client = bucket.credentials.get_client()  # type: ignore[union-attr]
    client.delete_object(Bucket=bucket.bucket_name, Key=f"{bucket.prefix}/{before.key}")
    simulator.faults.clear()
    rows = (await reconcile()).rows
    assert [row.output for row in rows] == [1, 2]
    assert all(bucket.head(row.key) for row in rows)
