"""Another model for a shot: only after an attempt that certainly bought nothing."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.provider_clock import ProviderClock

from prefect_toapis import (
    BatchFailed,
    Fallback,
    InvalidBatch,
    PurchaseSettings,
    RetrySettings,
    RunSettings,
    Scene,
    ToAPIsCredentials,
    Variant,
    VideoBucket,
    acollect_batch,
)
from prefect_toapis.blocks import BucketStore
from prefect_toapis.planning.pricing import Price
from prefect_toapis.records.attempts import Attempt, read_record
from prefect_toapis.simulator import Drop, Refuse, Simulator

Make = Callable[..., Awaitable[Any]]

WITH = [
    Fallback(model="kling-v3", mode="pro", duration=5),
    Fallback(model="seedance-2", duration=5),
]
VARIANT = Variant(name="wide", model="sora-2-vip", duration=1, fallbacks=WITH)
REFUSED = Refuse(operation="submit", status=422, code="content_policy_violation")


def models(simulator: Simulator) -> list[str]:
    """The models that submissions named, in their order."""
    return [str(submission.model) for submission in simulator.ledger.submissions]


async def attempts(bucket: VideoBucket) -> list[Attempt]:
    """What the record of the only shot of batch `b` has."""
    [found] = (await read_record("b", BucketStore(bucket))).values()
    return list(found)


async def test_a_model_that_refuses_is_followed_by_the_next(
    make: Make, simulator: Simulator, bucket: VideoBucket
) -> None:
    simulator.faults.add(REFUSED)
    manifest = await make(["A dog"], variants=[VARIANT])
    assert models(simulator) == ["sora-2-vip", "kling-v3"]
    assert len(simulator.ledger.paid) == 1
    (row,) = manifest.rows
    assert (row.status, row.model, row.variant) == ("stored", "kling-v3", "wide")
    assert row.request == {"duration": 5, "mode": "pro"}
    assert row.note == "made by kling-v3 in place of sora-2-vip"
    assert [attempt.state for attempt in await attempts(bucket)] == ["rejected", "accepted"]
    again = await make(["A dog"], variants=[VARIANT])
    assert len(simulator.ledger.submissions) == 2
    assert again.rows[0].model == "kling-v3"


async def test_a_generation_that_fails_is_made_by_the_next_model(
    make: Make, simulator: Simulator, bucket: VideoBucket
) -> None:
    simulator.faults.add(REFUSED)
    manifest = await make(["A dog, fail me"], variants=[VARIANT], on_failure="tolerate")
    assert models(simulator) == ["sora-2-vip", "kling-v3", "seedance-2"]
    assert [attempt.state for attempt in await attempts(bucket)] == ["rejected", "failed", "failed"]
    (row,) = manifest.rows
    assert (row.status, row.money) == ("failed", "not spent")


@pytest.mark.parametrize(
    "fault",
    [
        Drop(operation="submit", when="after"),
        Refuse(operation="submit", status=500, when="after"),
        Refuse(operation="submit", status=404, code="model_not_found", when="after"),
    ],
    ids=["dropped", "500", "404"],
)
async def test_no_other_model_follows_an_unknown_outcome(
    make: Make, simulator: Simulator, fault: Drop | Refuse
) -> None:
    simulator.faults.add(fault)
    manifest = await make(["A dog"], variants=[VARIANT])
    assert models(simulator) == ["sora-2-vip"]
    assert len(simulator.ledger.paid) == 1
    assert (manifest.rows[0].model, manifest.rows[0].note) == ("sora-2-vip", None)


async def test_an_unknown_outcome_that_stays_unknown_ends_without_another_model(
    make: Make, simulator: Simulator, quick: RunSettings
) -> None:
    simulator.faults.add(Drop(operation="submit", when="before"))
    stop = RunSettings(purchases=PurchaseSettings(on_absent="stop", lookup_window_seconds=1))
    with pytest.raises(BatchFailed):
        await make(["A dog"], variants=[VARIANT], settings=quick.with_overrides(stop))
    assert set(models(simulator)) <= {"sora-2-vip"}


@pytest.mark.parametrize(("status", "code"), [(401, "unauthorized"), (402, "insufficient_quota")])
async def test_no_other_model_follows_a_refused_account(
    make: Make, simulator: Simulator, status: int, code: str
) -> None:
    simulator.faults.add(Refuse(operation="submit", status=status, code=code))
    with pytest.raises(BatchFailed):
        await make(["A dog"], variants=[VARIANT])
    assert models(simulator) == ["sora-2-vip"]
    manifest = await make(["A dog"], variants=[VARIANT])
    assert models(simulator) == ["sora-2-vip", "sora-2-vip"]
    assert manifest.rows[0].model == "sora-2-vip"


async def test_a_later_run_goes_on_with_the_candidate_that_is_next(
    make: Make, simulator: Simulator
) -> None:
    plain = Variant(name="wide", model="sora-2-vip", duration=1)
    simulator.faults.add(REFUSED)
    with pytest.raises(BatchFailed):
        await make(["A dog"], variants=[plain])
    manifest = await make(["A dog"], variants=[VARIANT])
    assert models(simulator) == ["sora-2-vip", "kling-v3"]
    assert manifest.shots("stored") == 1, "the same shot, with fallbacks or without"


async def test_all_models_refuse_and_only_a_wish_tries_them_again(
    make: Make, simulator: Simulator, quick: RunSettings
) -> None:
    simulator.faults.add(REFUSED.model_copy(update={"times": 3}))
    with pytest.raises(BatchFailed, match="1 of 1 shots failed"):
        await make(["A dog"], variants=[VARIANT])
    tried = ["sora-2-vip", "kling-v3", "seedance-2"]
    assert models(simulator) == tried
    with pytest.raises(BatchFailed):
        await make(["A dog"], variants=[VARIANT])
    assert models(simulator) == tried
    every = quick.with_overrides(RunSettings(retries=RetrySettings(failed_shots="all")))
    manifest = await make(["A dog"], variants=[VARIANT], settings=every)
    assert models(simulator) == [*tried, "sora-2-vip"]
    assert manifest.rows[0].note is None


async def test_what_a_fallback_bought_is_collected_as_its_own(
    leave: Make,
    clock: ProviderClock,
    simulator: Simulator,
    bucket: VideoBucket,
    credentials: ToAPIsCredentials,
    quick: RunSettings,
) -> None:
    simulator.faults.add(REFUSED)
    await leave(["A dog"], variants=[VARIANT])
    assert models(simulator) == ["sora-2-vip", "kling-v3"]
    clock.skip(60)
    [manifest] = await acollect_batch("b", credentials=credentials, bucket=bucket, settings=quick)
    (row,) = manifest.stored
    assert (row.model, row.note) == ("kling-v3", "made by kling-v3 in place of sora-2-vip")
    assert len(simulator.ledger.paid) == 1


async def test_a_fallback_that_was_edited_since_is_still_what_made_the_video(
    make: Make, leave: Make, clock: ProviderClock, simulator: Simulator
) -> None:
    simulator.faults.add(REFUSED)
    await leave(["A dog"], variants=[VARIANT])
    clock.skip(60)
    manifest = await make(["A dog"], variants=[VARIANT.model_copy(update={"fallbacks": []})])
    assert [row.model for row in manifest.stored] == ["kling-v3"]
    assert len(simulator.ledger.paid) == 1


async def test_the_files_of_a_fallback_are_uploaded(
    make: Make, simulator: Simulator, tmp_path: Path
) -> None:
    picture = tmp_path / "cat.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    other = Fallback(model="kling-v3", duration=5, reference_images=[str(picture)])
    simulator.faults.add(REFUSED)
    manifest = await make(["A dog"], variants=[VARIANT.model_copy(update={"fallbacks": [other]})])
    assert [row.model for row in manifest.stored] == ["kling-v3"]
    (upload,) = simulator.ledger.uploads
    assert simulator.ledger.paid[0].body["reference_images"] == [upload.url]


async def test_the_budget_counts_the_dearest_model(
    make: Make, simulator: Simulator, quick: RunSettings
) -> None:
    prices = [
        Price(model="sora-2-vip", credits=10),
        Price(model="kling-v3", credits=50),
        Price(model="seedance-2", credits=20),
    ]
    priced = quick.with_overrides(RunSettings(purchases=PurchaseSettings(prices=prices)))
    with pytest.raises(InvalidBatch, match="this run would spend 50 credits"):
        await make(["A dog"], variants=[VARIANT], settings=priced, budget_credits=40)
    simulator.faults.add(REFUSED)
    manifest = await make(["A dog"], variants=[VARIANT], settings=priced, budget_credits=50)
    assert [row.credits for row in manifest.rows] == [50]
    assert models(simulator) == ["sora-2-vip", "kling-v3"]


async def test_the_faults_of_a_fallback_are_found_before_anything_is_bought(
    make: Make, simulator: Simulator
) -> None:
    wrong = Variant(model="sora-2-vip", duration=1, fallbacks=[Fallback(model="veo3.1-fast")])
    with pytest.raises(InvalidBatch, match=r"duration=1 with veo3\.1-fast: choose 8 seconds"):
        await make(["A dog"], variants=[wrong])
    with pytest.raises(InvalidBatch, match="fallbacks"):
        await make([Scene(prompt="At night", remix_of="video_1")], variants=[VARIANT])
    assert simulator.ledger.submissions == []
