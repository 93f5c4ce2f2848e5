"""What a run does about remarks: nothing, fail, or buy one more take within the budget."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import pytest
from tests.chaos.faulty_store import FaultyStore, Refusal
from tests.clip_server import serving
from tests.defective_clips import Clip
from tests.provider_replies import completed

from prefect_toapis import (
    Manifest,
    ManifestNotWritten,
    Price,
    PurchaseSettings,
    RunSettings,
    ToAPIsCredentials,
    Variant,
    VideoBucket,
    VideosRemarked,
)
from prefect_toapis.flows.collect import acollect_batch
from prefect_toapis.simulator import Simulator

Make = Callable[..., Awaitable[Any]]

SHORT = {"short": Clip(seconds=2)}
FOUR = [Variant(name="v", model="sora-2-vip", duration=4)]
PRICES = [Price(model="sora-2-vip", credits=40)]
REMARK = "2.0 s long, 4 s were ordered"


def on_remark(
    settings: RunSettings, action: Literal["record", "fail", "retake"], *, priced: bool = False
) -> RunSettings:
    purchases = PurchaseSettings(prices=PRICES if priced else [])
    return settings.with_overrides(RunSettings(on_remark=action, purchases=purchases))


def takes(manifest: Manifest) -> list[tuple[str, int, str, bool]]:
    return [(row.scene, row.take, row.status, bool(row.remarks)) for row in manifest.rows]


async def test_by_default_nothing_is_decided(make: Make, simulator: Simulator) -> None:
    with serving(simulator, SHORT):
        manifest = await make(["short", "a dog"], variants=FOUR)
    assert takes(manifest) == [("short", 1, "stored", True), ("a-dog", 1, "stored", False)]
    assert len(simulator.ledger.paid) == 2


async def test_a_run_that_is_to_fail_does_so_whatever_on_failure_is(
    make: Make, simulator: Simulator, quick: RunSettings
) -> None:
    told: dict[str, Any] = {"variants": FOUR, "settings": on_remark(quick, "fail")}
    with serving(simulator, SHORT):
        for _ in range(2):  # again, without buying
            with pytest.raises(VideosRemarked) as raised:
                await make(["short", "a dog"], on_failure="tolerate", **told)
    assert str(raised.value).startswith(f"1 of 2 videos have remarks: short / v: {REMARK}")
    assert "Spent: 2 of 2 shots are stored and paid." in str(raised.value)
    assert raised.value.manifest.shots("stored") == len(simulator.ledger.paid) == 2
    assert await make(["a dog"], **told)


async def test_collecting_fails_for_what_it_stores_itself(
    make: Make,
    leave: Make,
    simulator: Simulator,
    quick: RunSettings,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
) -> None:
    settings = on_remark(quick, "fail")

    async def collect() -> list[Manifest]:
        collected: list[Manifest] = await acollect_batch(
            "b", credentials=credentials, bucket=bucket, settings=settings, on_failure="tolerate"
        )
        return collected

    with serving(simulator, SHORT):
        left = await leave(["short"], variants=FOUR)
        completed(simulator, left.rows[0].task_id)
        with pytest.raises(VideosRemarked, match=f"b: 1 of 1 videos have remarks: .*{REMARK}"):
            await collect()
    [manifest] = await collect()
    assert takes(manifest) == [("short", 1, "stored", True)]


async def test_one_more_take_is_bought_and_never_a_second(
    make: Make, simulator: Simulator, quick: RunSettings, bucket: VideoBucket
) -> None:
    told: dict[str, Any] = {"variants": FOUR, "settings": on_remark(quick, "retake")}
    with serving(simulator, SHORT):
        manifest = await make(["short", "a dog"], **told)
        assert len(simulator.ledger.paid) == len(simulator.ledger.submissions) == 3
        both = [
            ("short", 1, "stored", True),
            ("a-dog", 1, "stored", False),
            ("short", 2, "stored", True),
        ]
        assert takes(manifest) == both
        assert manifest.rows[2].retake_of == manifest.rows[0].shot_id
        plan = json.loads(bucket.read("b/plan.json") or b"")
        assert [shot.get("take", 1) for shot in plan["shots"]] == [1, 1, 2]
        again = await make(["short", "a dog"], **told)
        assert takes(again) == both
        assert again.plan == "3 shots: 3 stored, 0 to buy"
        recorded = await make(["short", "a dog"], variants=FOUR, settings=quick)
        assert takes(recorded) == both
        fewer = await make(["short"], **told)  # the retake is still of a shot of the plan
        assert [row.take for row in fewer.rows if row.in_plan] == [1, 2]
    assert len(simulator.ledger.paid) == 3


async def test_a_retake_that_was_bought_is_not_bought_again_whatever_became_of_the_run(
    make: Make, simulator: Simulator, quick: RunSettings, bucket: VideoBucket
) -> None:
    settings = on_remark(quick, "retake")
    with serving(simulator, SHORT):
        manifest = await make(["short"], variants=FOUR, settings=settings)
        for name in ("shot.json", "video-1.mp4", "thumbnail-1.jpg"):
            delete(bucket, f"{manifest.rows[1].key.rpartition('/')[0]}/{name}")
        again = await make(["short"], variants=FOUR, settings=quick)
    assert takes(again) == [("short", 1, "stored", True), ("short", 2, "stored", True)]
    assert again.rows[1].task_id == manifest.rows[1].task_id
    assert len(simulator.ledger.paid) == 2


async def test_a_run_that_fails_during_a_retake_names_its_generation(
    make: Make, simulator: Simulator, quick: RunSettings, store: FaultyStore, troubled: VideoBucket
) -> None:
    told: dict[str, Any] = {"variants": FOUR, "settings": on_remark(quick, "retake")}
    with serving(simulator, SHORT):
        await make(["short"], variants=FOUR, bucket=troubled)
        store.refusal = Refusal("PUT", r"shot\.json")
        store.begin_again()
        with pytest.raises(ManifestNotWritten) as raised:
            await make(["short"], bucket=troubled, **told)
    assert [row.take for row in raised.value.manifest.rows] == [1, 2]
    paid = [str(submission.task_id) for submission in simulator.ledger.paid]
    assert len(paid) == 2
    assert all(task_id in str(raised.value) for task_id in paid)


async def test_a_later_run_retakes_what_an_earlier_one_stored(
    make: Make, simulator: Simulator, quick: RunSettings
) -> None:
    with serving(simulator, SHORT):
        await make(["short"], variants=FOUR)
        manifest = await make(["short"], variants=FOUR, settings=on_remark(quick, "retake"))
    assert [row.take for row in manifest.rows] == [1, 2]
    assert len(simulator.ledger.paid) == 2


@pytest.mark.parametrize(
    ("limits", "bought"),
    [
        ({"max_videos": 2}, 2),
        ({"max_videos": 3}, 3),
        ({"budget_credits": 80}, 2),
        ({"budget_credits": 120}, 3),
        ({"budget_credits": 1_000}, 4),
    ],
    ids=str,
)
async def test_no_more_is_bought_than_the_limits_allow(
    make: Make,
    simulator: Simulator,
    quick: RunSettings,
    limits: dict[str, Any],
    bought: int,
    log: pytest.LogCaptureFixture,
) -> None:
    settings = on_remark(quick, "retake", priced=True)
    with serving(simulator, SHORT):
        manifest = await make(["short", "short two"], variants=FOUR, settings=settings, **limits)
    assert len(manifest.rows) == len(simulator.ledger.paid) == bought
    exceeding = "; the others exceed max_videos or the budget"
    assert (exceeding in log.text) is (bought < 4)


async def test_a_retake_that_was_planned_and_not_sent_is_dropped_without_the_setting(
    make: Make, simulator: Simulator, quick: RunSettings, bucket: VideoBucket
) -> None:
    with serving(simulator, SHORT):
        await make(["short"], variants=FOUR, settings=on_remark(quick, "retake"))
        plan = json.loads(bucket.read("b/plan.json") or b"")
        retake = plan["shots"][1]["shot_id"]
        for key in bucket.list_keys("b/"):  # as if the run had ended before it sent anything
            if retake[:12] in key:
                delete(bucket, key)
        manifest = await make(["short"], variants=FOUR, settings=quick)
    assert takes(manifest) == [("short", 1, "stored", True)]
    assert len(simulator.ledger.paid) == 2


def delete(bucket: VideoBucket, key: str) -> None:
    assert bucket.credentials
    client = bucket.credentials.get_client()
    client.delete_object(Bucket=bucket.bucket_name, Key=f"{bucket.prefix}/{key}")
