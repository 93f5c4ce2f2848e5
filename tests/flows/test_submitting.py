"""Submitting a batch, and leaving it to render."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from prefect_toapis import (
    Manifest,
    RetrySettings,
    RunSettings,
    ToAPIsCredentials,
    Variant,
    VideoBucket,
    asubmit_batch,
)
from prefect_toapis.errors import BatchFailed
from prefect_toapis.simulator import Drop, Replace, Simulator

Make = Callable[..., Awaitable[Any]]


@pytest.fixture
def submit(
    credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> Callable[..., Awaitable[Manifest]]:
    """Submits batch `b`, but for what it is told."""
    flow = cast("Callable[..., Awaitable[Manifest]]", asubmit_batch)
    usual: dict[str, Any] = {
        "variants": [Variant(name="short", model="sora-2-vip", duration=1)],
        "batch": "b",
        "credentials": credentials,
        "bucket": bucket,
        "settings": quick,
    }
    return lambda scenes, **told: flow(scenes, **{**usual, **told})


async def test_everything_is_bought_and_nothing_waited_for(
    submit: Make, simulator: Simulator, bucket: VideoBucket
) -> None:
    manifest = await submit(["a dog", "a cat"])
    paid = {one.task_id for one in simulator.ledger.paid}
    assert len(paid) == len(simulator.ledger.submissions) == 2
    assert {row.task_id for row in manifest.open} == paid
    assert all("collect-batch stores it" in (row.error or "") for row in manifest.open)
    assert not simulator.ledger.queries
    assert not simulator.ledger.downloads
    kept = bucket.load_manifest("b")
    assert {row.task_id for row in kept.open} == paid


async def test_submitted_again_it_buys_nothing(submit: Make, simulator: Simulator) -> None:
    await submit(["a dog"])
    manifest = await submit(["a dog", "a cat"])
    assert len(manifest.open) == len(simulator.ledger.submissions) == 2


async def test_an_ordinary_run_of_the_batch_waits_for_what_was_submitted(
    submit: Make, make: Make, simulator: Simulator
) -> None:
    await submit(["a dog", "a cat"])
    manifest = await make(["a dog", "a cat"])
    assert manifest.shots("stored") == len(simulator.ledger.submissions) == 2
    again = await submit(["a dog", "a cat"])
    assert again.shots("stored") == len(simulator.ledger.submissions) == 2


async def test_a_submission_without_an_answer_is_looked_up(
    submit: Make, simulator: Simulator
) -> None:
    simulator.faults.add(Drop(operation="submit", when="after"))
    manifest = await submit(["a dog"])
    assert [row.task_id for row in manifest.open] == [simulator.ledger.paid[0].task_id]
    assert len(simulator.ledger.submissions) == 1


@pytest.mark.parametrize("on_failure", ["fail", "tolerate"])
async def test_what_is_refused_fails_the_run_and_stops_no_other(
    submit: Make, simulator: Simulator, on_failure: str
) -> None:
    simulator.faults.add(
        Replace(
            operation="submit",
            status=422,
            body='{"error": {"code": "content_policy_violation", "message": "No dogs"}}',
            prompt="a dog",
        )
    )
    told = {
        "settings": RunSettings(retries=RetrySettings(task_delays_seconds=[])),
        "on_failure": on_failure,
    }
    if on_failure == "fail":
        with pytest.raises(BatchFailed, match="1 of 2 shots were not submitted") as failed:
            await submit(["a dog", "a cat"], **told)
        manifest = failed.value.manifest
    else:
        manifest = await submit(["a dog", "a cat"], **told)
    assert (manifest.shots("failed"), manifest.shots("open")) == (1, 1)


async def test_a_dry_run_buys_nothing(
    submit: Make, simulator: Simulator, bucket: VideoBucket
) -> None:
    manifest = await submit(["a dog"], dry_run=True)
    assert manifest.shots("planned") == 1
    assert not simulator.ledger.submissions
    assert not [key for key in bucket.list_keys("b/") if key.endswith(".json")]
