"""Finishing what runs left open, without buying."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from prefect_toapis import (
    Manifest,
    PurchaseSettings,
    RunSettings,
    ToAPIsCredentials,
    VideoBucket,
    areconcile_batch,
)
from prefect_toapis.errors import BatchFailed, InvalidBatch
from prefect_toapis.simulator import Drop, Hide, Replace, Simulator

Make = Callable[..., Awaitable[Any]]


@pytest.fixture
def reconcile(
    credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> Callable[..., Awaitable[Manifest]]:
    """Reconciles batch `b`, but for what it is told."""
    flow = cast("Callable[..., Awaitable[Manifest]]", areconcile_batch)
    usual = {"credentials": credentials, "bucket": bucket, "settings": quick}
    return lambda **told: flow(**{"batch": "b", **usual, **told})


async def test_what_is_open_is_shown_then_stored_and_nothing_is_bought(
    leave: Make, reconcile: Make, simulator: Simulator, log: pytest.LogCaptureFixture
) -> None:
    await leave(["a dog", "a cat"])
    shown = await reconcile(dry_run=True)
    task_ids = {paid.task_id for paid in simulator.ledger.paid}
    assert {row.task_id for row in shown.open} == task_ids
    assert all(f"generation {row.task_id} is " in row.error for row in shown.open)
    assert all("its result is available " in row.error for row in shown.open)
    manifest = await reconcile()
    assert manifest.shots("stored") == 2
    assert len(simulator.ledger.submissions) == 2
    assert "a-dog / short: generation " in log.text
    again = await reconcile()
    assert again.shots("stored") == 2
    assert simulator.ledger.downloads.total() == 2


async def test_shots_of_an_earlier_plan_are_finished_too(
    leave: Make,
    make: Make,
    reconcile: Make,
    simulator: Simulator,
    log: pytest.LogCaptureFixture,
) -> None:
    await leave(["a dog"])
    edited = await make(["a bigger dog"])
    assert [(row.scene, row.status, row.in_plan) for row in edited.rows] == [
        ("a-bigger-dog", "stored", True),
        ("a-dog", "open", False),
    ]
    assert "not in this plan: a-dog / short. `prefect-toapis reconcile b` finishes them" in log.text
    manifest = await reconcile()
    assert [(row.scene, row.status, row.in_plan) for row in manifest.rows] == [
        ("a-bigger-dog", "stored", True),
        ("a-dog", "stored", False),
    ]
    assert len(simulator.ledger.submissions) == len(simulator.ledger.paid) == 2


async def test_a_submission_without_an_answer_is_looked_up_and_stored(
    make: Make, reconcile: Make, simulator: Simulator
) -> None:
    away = Replace(operation="status", status=502, times=None)
    simulator.faults.add(Drop(operation="submit", when="after"), away)
    await make(["a dog"], on_failure="tolerate")
    simulator.faults.clear()
    manifest = await reconcile()
    assert manifest.shots("stored") == len(simulator.ledger.submissions) == 1


async def test_what_can_not_be_found_stays_open_with_its_id_and_is_not_sent_again(
    make: Make, reconcile: Make, quick: RunSettings, simulator: Simulator
) -> None:
    simulator.faults.add(Hide(seconds=3600), Drop(operation="submit", when="after"))
    brief = quick.with_overrides(
        RunSettings(purchases=PurchaseSettings(lookup_window_seconds=0.2, on_absent="stop"))
    )
    await make(["a dog"], on_failure="tolerate", settings=brief)
    resend = brief.with_overrides(RunSettings(purchases=PurchaseSettings(on_absent="resend")))
    with pytest.raises(BatchFailed, match="1 of 1 are still open") as failed:
        await reconcile(settings=resend)
    [row] = failed.value.manifest.open
    assert row.business_id == simulator.ledger.paid[0].business_id
    assert len(simulator.ledger.submissions) == 1


async def test_what_failed_keeps_its_reason_and_is_not_tried_again(
    make: Make, reconcile: Make, simulator: Simulator
) -> None:
    await make(["fail me", "a dog"], on_failure="tolerate")
    manifest = await reconcile()
    [row] = manifest.failed
    assert row.error.startswith("attempt 1 was failed: ")
    assert len(simulator.ledger.submissions) == 2


async def test_a_batch_that_is_not_there_is_a_fault(reconcile: Make) -> None:
    with pytest.raises(InvalidBatch, match=r"there is no s3://.*/nothing/plan\.json"):
        await reconcile(batch="nothing")
