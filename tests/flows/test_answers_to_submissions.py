"""What a batch makes of answers that the provider's pages don't show."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from prefect_toapis import (
    LimitSettings,
    Manifest,
    RunSettings,
    ToAPIsCredentials,
    Variant,
    VideoBucket,
    asubmit_batch,
)
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.errors import BatchFailed, ManifestNotWritten
from prefect_toapis.flows import progress, publish
from prefect_toapis.simulator import Replace, Simulator

Make = Callable[..., Awaitable[Any]]

SIX = [f"scene {number}" for number in range(6)]
EMPTY = [
    (400, {"error": {"code": "insufficient_balance", "message": "Quota used up"}}),
    (403, {"code": "insufficient_user_quota", "message": "Quota used up", "data": None}),
    (429, {"error": {"code": "insufficient_quota", "message": "Quota used up"}}),
    (200, {"success": False, "code": "insufficient_user_quota", "message": "Quota used up"}),
    (402, "<html><title>Quota used up</title></html>"),
    (403, {"detail": "Insufficient balance. Quota used up"}),
]


@pytest.fixture
def one_by_one(quick: RunSettings) -> RunSettings:
    return quick.with_overrides(RunSettings(limits=LimitSettings(max_in_flight=1)))


def answer(status: int, body: Any, prompt: str = "", **more: Any) -> Replace:
    text = body if isinstance(body, str) else json.dumps(body)
    told = {"times": None, **more}
    return Replace(operation="submit", status=status, body=text, prompt=prompt, **told)


@pytest.mark.parametrize(("status", "body"), EMPTY)
async def test_an_empty_balance_stops_the_batch_in_any_shape(
    make: Make, simulator: Simulator, one_by_one: RunSettings, status: int, body: Any
) -> None:
    simulator.faults.add(answer(status, body, prompt="scene 2"))
    with pytest.raises(BatchFailed, match="4 of 6 shots not bought") as stopped:
        await make(SIX, settings=one_by_one)
    assert len(simulator.ledger.submissions) == 3  # and not again and again, as too fast
    assert "Spent: 2 of 6 shots are stored and paid; 4 cost nothing." in str(stopped.value)
    assert "Top up the account" in str(stopped.value)
    assert all("Quota used up" in (row.error or "") for row in stopped.value.manifest.planned)
    simulator.faults.clear()
    assert (await make(SIX)).shots("stored") == len(simulator.ledger.paid) == 6


async def test_a_403_that_is_not_about_the_key_concerns_its_shot_alone(
    make: Make, simulator: Simulator, one_by_one: RunSettings
) -> None:
    page = "<html><title>Attention Required!</title><body>You have been blocked</body></html>"
    simulator.faults.add(answer(403, page, prompt="scene 2"))
    with pytest.raises(BatchFailed, match="1 of 6 shots failed") as failed:
        await make(SIX, settings=one_by_one)
    [row] = failed.value.manifest.failed
    assert "Attention Required! You have been blocked" in (row.error or "")
    assert "Check the base URL and any proxy or firewall" in (row.error or "")
    assert "API key" not in (row.error or "")
    assert row.money == "not spent"
    simulator.faults.clear()
    assert (await make(SIX)).shots("stored") == len(simulator.ledger.paid) == 6


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (409, {"error": {"code": "duplicate", "message": "exists already"}}),
        (404, "<html>no such page</html>"),
        (408, {"error": {"message": "Timeout"}}),
        (425, {"message": "Too early"}),
        (499, ""),
        (307, ""),
    ],
)
async def test_what_was_accepted_all_the_same_is_found_and_not_bought_again(
    make: Make, simulator: Simulator, status: int, body: Any
) -> None:
    simulator.faults.add(answer(status, body, when="after", times=1))
    manifest = await make(["a dog"])
    assert manifest.shots("stored") == 1
    assert len(simulator.ledger.submissions) == len(simulator.ledger.paid) == 1


async def test_a_batch_whose_shots_cost_nothing_says_so(make: Make, simulator: Simulator) -> None:
    simulator.faults.add(answer(400, {"msg": "No"}, prompt="a dog"))
    with pytest.raises(BatchFailed) as failed:
        await make(["a dog", "fail me"])
    assert "Nothing was spent." in str(failed.value)
    assert "paid for" not in str(failed.value)
    assert failed.value.money == "not spent"


async def bought_elsewhere(simulator: Simulator, credentials: ToAPIsCredentials) -> str:
    """A generation without a business id."""
    request = VideoRequest(prompt="elsewhere", model="sora-2-vip", duration=1)
    async with ToAPIsClient(credentials.api_key, simulator.url) as client:
        return (await client.submit(request)).task_id


async def test_one_generation_for_two_submissions_is_stored_once_and_both_rows_say_so(
    make: Make, simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket
) -> None:
    task_id = await bought_elsewhere(simulator, credentials)
    body = {"id": task_id, "status": "queued"}
    simulator.faults.add(answer(200, body, "a dog"), answer(200, body, "a cat"))
    for _ in range(2):  # and a later run doesn't store it either
        with pytest.raises(BatchFailed, match="1 of 3 shots open") as failed:
            await make(["a dog", "a cat", "a hen"])
        rows = {row.status: row for row in failed.value.manifest.rows if row.task_id == task_id}
        assert set(rows) == {"stored", "open"}
        assert f"returned generation {task_id} for {rows['open'].label}" in (
            rows["stored"].note or ""
        )
        assert f"returned generation {task_id} for {rows['stored'].label}" in (
            rows["open"].note or ""
        )
        assert rows["stored"].label in (rows["open"].error or "")
        assert rows["open"].business_id
        assert rows["open"].business_id in (rows["open"].error or "")
        assert rows["open"].money == "maybe spent"
    assert len([key for key in bucket.list_keys("b/") if key.endswith(".mp4")]) == 2


async def test_the_generation_of_a_stored_shot_is_not_stored_for_another(
    make: Make, simulator: Simulator, bucket: VideoBucket
) -> None:
    [stored] = (await make(["a dog"])).stored
    simulator.faults.add(answer(200, {"id": stored.task_id, "status": "queued"}, "a cat"))
    with pytest.raises(BatchFailed, match="1 of 2 shots open"):
        await make(["a dog", "a cat"])
    assert len([key for key in bucket.list_keys("b/") if key.endswith(".mp4")]) == 1


async def test_a_run_that_only_submits_tells_of_a_shared_generation(
    simulator: Simulator,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
) -> None:
    simulator.faults.add(answer(200, {"id": "video_1", "status": "queued"}))
    with pytest.raises(BatchFailed, match="0 of 2 shots were not submitted, and 1 may") as failed:
        await asubmit_batch(
            ["a dog", "a cat"],
            [Variant(name="short", model="sora-2-vip", duration=1)],
            batch="b",
            credentials=credentials,
            bucket=bucket,
            settings=quick,
        )
    assert all("video_1" in (row.note or "") for row in failed.value.manifest.rows)


async def test_a_fault_of_ours_after_purchases_names_what_was_bought(
    make: Make, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    def broken(_: Manifest) -> str:  # no provider and no store brings such a fault about
        raise KeyError("a fault of ours")

    monkeypatch.setattr(Manifest, "to_jsonl", broken)
    with pytest.raises(ManifestNotWritten, match="KeyError") as failed:
        await make(["a dog", "a cat"], on_failure="tolerate")
    assert failed.value.manifest.shots("stored") == 2
    for one in simulator.ledger.paid:
        assert str(one.task_id) in str(failed.value)
        assert str(one.task_id) in log.text
    monkeypatch.undo()
    assert (await make(["a dog", "a cat"])).shots("stored") == 2
    assert len(simulator.ledger.submissions) == 2


async def test_a_fault_of_ours_in_what_is_only_shown_is_a_warning(
    make: Make, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("a fault of ours")

    for name in ("shot_table", "write_gallery", "emit_event"):
        monkeypatch.setattr(publish, name, broken)
    monkeypatch.setattr(progress, "read_render_times", broken)
    monkeypatch.setattr(progress, "acreate_progress_artifact", broken)
    assert (await make(["a dog"])).shots("stored") == 1
    assert log.text.count("KeyError") >= 5
