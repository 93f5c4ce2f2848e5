"""The flow `collect-batch`: stores completed generations without buying or waiting."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast

import pytest
from prefect.client.orchestration import get_client
from prefect.events.filters import EventFilter, EventResourceFilter
from tests.provider_clock import ProviderClock

from prefect_toapis import (
    Manifest,
    PurchaseSettings,
    RunSettings,
    ToAPIsCredentials,
    Variant,
    VideoBucket,
    acollect_batch,
    asubmit_batch,
)
from prefect_toapis.client.webhooks import Ended, Webhook
from prefect_toapis.errors import BatchFailed, InvalidBatch, StoreError
from prefect_toapis.receiver.app import prefect_event
from prefect_toapis.simulator import Drop, Replace, Simulator, SimulatorSettings

Make = Callable[..., Awaitable[Any]]
RENDERING = 100.0  # seconds, of the provider's clock


@pytest.fixture
def simulator(clock: ProviderClock) -> Iterator[Simulator]:
    settings = SimulatorSettings(
        api_keys=("test-key",), account_group=None, render_seconds=RENDERING
    )
    with Simulator(settings, clock=clock) as running:
        yield running


@pytest.fixture
def submit(
    credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> Callable[..., Awaitable[Manifest]]:
    """Submits a batch, but for what it is told."""
    flow = cast("Callable[..., Awaitable[Manifest]]", asubmit_batch)
    usual: dict[str, Any] = {
        "variants": [Variant(name="short", model="sora-2-vip", duration=1)],
        "credentials": credentials,
        "bucket": bucket,
        "settings": quick,
        "on_failure": "tolerate",
    }
    return lambda scenes, batch="b", **told: flow(scenes, batch=batch, **{**usual, **told})


@pytest.fixture
def collect(
    credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> Callable[..., Awaitable[list[Manifest]]]:
    """Collects every batch of the bucket, but for what it is told."""
    flow = cast("Callable[..., Awaitable[list[Manifest]]]", acollect_batch)
    usual = {"credentials": credentials, "bucket": bucket, "settings": quick}
    return lambda batch=None, **told: flow(batch, **{**usual, **told})


async def test_what_renders_is_left_and_what_is_rendered_is_stored_once(
    submit: Make, collect: Make, simulator: Simulator, clock: ProviderClock, bucket: VideoBucket
) -> None:
    await submit(["a dog", "a cat"])
    [early] = await collect()
    assert len(early.open) == 2
    assert all("is queued" in row.error or "is in progress" in row.error for row in early.open)
    assert not simulator.ledger.downloads
    clock.skip(RENDERING)
    [manifest] = await collect()
    assert manifest.shots("stored") == len(simulator.ledger.submissions) == 2
    kept = bucket.load_manifest("b")
    assert kept.shots("stored") == 2
    assert await collect() == []
    [named] = await collect("b")
    assert named.shots("stored") == simulator.ledger.downloads.total() == 2


async def test_of_all_batches_each_gets_what_has_ended(
    submit: Make, collect: Make, simulator: Simulator, clock: ProviderClock
) -> None:
    await submit(["a dog"], "first")
    clock.skip(RENDERING)
    await submit(["a dog"], "second")
    first, second = await collect()
    assert (first.batch, first.shots("stored")) == ("first", 1)
    assert (second.batch, second.shots("open")) == ("second", 1)
    assert len(simulator.ledger.submissions) == 2


async def test_after_events_only_those_are_asked_for_that_were_told_of(
    submit: Make, collect: Make, simulator: Simulator, clock: ProviderClock
) -> None:
    await submit(["a dog", "a cat"], "first")
    await submit(["a dog"], "second")
    clock.skip(RENDERING)
    assert await collect(event_window_seconds=600) == []
    told = simulator.ledger.paid[0].task_id
    assert told
    await tell(told, *[f"of somebody else {number}" for number in range(60)])  # several pages
    [manifest] = await collect(event_window_seconds=600)
    assert [row.task_id for row in manifest.stored] == [told]
    assert set(simulator.ledger.queries) == {told}
    both = await collect()
    assert [one.shots("stored") for one in both] == [2, 1]


async def tell(first: str, *later: str) -> None:
    """What the receiver does, and then Prefect's database has it."""
    now = time.time()
    events = [
        prefect_event(
            Webhook(f"evt_{task_id}", "generation.completed"),
            Ended(task_id, "completed"),
            now - len(later) + number,
        )
        for number, task_id in enumerate([first, *later])
    ]
    about = EventFilter(resource=EventResourceFilter(id=[f"toapis.generation.{first}"]))
    async with get_client() as client:
        content = [event.model_dump(mode="json") for event in events]
        await client.request("POST", "/events", json=content)
        for _ in range(300):
            if (await client.read_events(about, limit=1)).events:
                return
            await asyncio.sleep(0.1)
    raise AssertionError("the event is not there")


async def test_what_a_run_waits_for_is_left_to_it(
    make: Make, collect: Make, simulator: Simulator, clock: ProviderClock
) -> None:
    running = asyncio.ensure_future(make(["a dog"]))
    await simulator.await_for(lambda: simulator.ledger.queries)
    [seen] = await collect()
    assert seen.shots("open") == 1
    asked = simulator.ledger.queries.total()
    clock.skip(RENDERING)
    manifest = await running
    assert manifest.shots("stored") == simulator.ledger.downloads.total() == 1
    assert simulator.ledger.queries.total() > asked
    assert await collect() == []


@pytest.mark.parametrize("on_failure", ["fail", "tolerate"])
async def test_what_the_provider_failed_is_said_once_and_stops_no_other(
    submit: Make, collect: Make, clock: ProviderClock, on_failure: str
) -> None:
    await submit(["fail me", "a dog"])
    clock.skip(RENDERING)
    if on_failure == "fail":
        with pytest.raises(BatchFailed, match="b: 1 of 2 that have ended are not stored") as failed:
            await collect(on_failure=on_failure)
        manifest = failed.value.manifest
    else:
        [manifest] = await collect(on_failure=on_failure)
    assert (manifest.shots("stored"), manifest.shots("failed")) == (1, 1)
    assert await collect() == []


async def test_a_batch_that_can_not_be_read_stops_no_other(
    submit: Make, collect: Make, clock: ProviderClock, bucket: VideoBucket
) -> None:
    await submit(["a dog"], "a")
    await submit(["a dog"], "b")
    clock.skip(RENDERING)
    bucket.write("a/plan.json", b'{"version": 9}', "application/json")
    with pytest.raises(StoreError, match=r"a/plan\.json was written by a later version"):
        await collect(on_failure="tolerate")
    [manifest] = await collect("b")
    assert manifest.shots("stored") == 1


async def test_a_submission_without_an_answer_is_found_and_stored(
    submit: Make, collect: Make, simulator: Simulator, clock: ProviderClock, quick: RunSettings
) -> None:
    away = Replace(operation="status", status=502, times=None)
    simulator.faults.add(Drop(operation="submit", when="after"), away)
    await submit(["a dog"])
    simulator.faults.clear()
    clock.skip(RENDERING)
    no_window = quick.with_overrides(
        RunSettings(purchases=PurchaseSettings(lookup_window_seconds=0))
    )
    [manifest] = await collect(settings=no_window)
    assert manifest.shots("stored") == len(simulator.ledger.submissions) == 1


@pytest.mark.parametrize(("year", "asked"), [("2090", True), ("2020", True), (None, False)])
async def test_a_submission_is_looked_up_unless_it_was_sent_just_now(  # noqa: PLR0917 - fixtures
    submit: Make,
    collect: Make,
    simulator: Simulator,
    clock: ProviderClock,
    quick: RunSettings,
    bucket: VideoBucket,
    year: str | None,
    asked: bool,
) -> None:
    away = Replace(operation="status", status=502, times=None)
    simulator.faults.add(Drop(operation="submit", when="after"), away)
    await submit(["a dog"])
    simulator.faults.clear()
    clock.skip(RENDERING)
    [key] = [one for one in bucket.list_keys("b/") if one.endswith("/attempt-1.json")]
    record = json.loads(bucket.read(key) or b"")
    if year:
        record["sent_at"] = year + record["sent_at"][4:]
        bucket.write(key, json.dumps(record).encode(), "application/json")
    long_window = quick.with_overrides(
        RunSettings(purchases=PurchaseSettings(lookup_window_seconds=600))
    )
    manifests = await collect("b", settings=long_window)
    assert [one.shots("stored") for one in manifests] == [int(asked)]
    assert len(simulator.ledger.submissions) == 1


async def test_a_batch_that_is_not_there_is_a_fault(collect: Make) -> None:
    assert await collect() == []
    with pytest.raises(InvalidBatch, match=r"there is no s3://.*/nothing/plan\.json"):
        await collect("nothing")
