"""What a batch raises, as people read it and as programs use it."""

import pickle

import pytest

from prefect_toapis.client.errors import Money, ToAPIsError, Transient
from prefect_toapis.errors import BatchFailed, InvalidBatch, StoreUnavailable
from prefect_toapis.reports.manifest import Manifest, ManifestRow, RowStatus


def manifest_of(*statuses: RowStatus) -> Manifest:
    rows = [
        ManifestRow(
            batch="b",
            shot_id=str(number),
            scene=f"scene-{number}",
            variant="v",
            status=status,
            model="sora-2",
            prompt="A dog",
        )
        for number, status in enumerate(statuses)
    ]
    return Manifest(batch="b", uri="s3://videos/b", rows=rows)


def test_a_plan_that_cannot_be_carried_out_lists_what_to_change() -> None:
    error = InvalidBatch(["n=5: too many", "scenes: there is none"])
    assert str(error) == (
        "Nothing was spent. 2 problems to fix before anything is submitted:\n"
        "  - n=5: too many\n"
        "  - scenes: there is none"
    )
    assert "1 problem to fix before" in str(InvalidBatch(["x"]))
    assert isinstance(error, ValueError)
    assert error.money == "not spent"


def test_a_message_shows_20_faults_and_how_many_more_there_are() -> None:
    faults = [f"row {number}: {'x' * 1_900}" for number in range(300)]
    error = InvalidBatch(faults)
    assert error.faults == faults
    lines = str(error).splitlines()
    assert lines[0] == "Nothing was spent. 300 problems to fix before anything is submitted:"
    assert len(lines) == 22
    assert lines[-1] == "  and 280 more (see the artifact of the run, --json, or .faults)"
    assert len(str(error)) < 11_000
    assert "more" not in str(InvalidBatch(faults[:20]))
    assert pickle.loads(pickle.dumps(error)).faults == faults


@pytest.mark.parametrize(
    ("statuses", "money"),
    [
        (["failed", "stored"], "spent"),
        (["open", "stored"], "spent"),
        (["open", "failed"], "maybe spent"),
        (["failed", "planned"], "not spent"),
    ],
)
def test_a_batch_with_failures_tells_whether_money_was_spent(
    statuses: list[RowStatus], money: Money
) -> None:
    error = BatchFailed("1 of 2 shots failed", manifest_of(*statuses))
    assert error.money == money
    assert error.manifest.shots() == 2
    assert str(error).startswith("1 of 2 shots failed. ")


@pytest.mark.parametrize(
    "error",
    [
        InvalidBatch(["one", "two"]),
        BatchFailed("1 of 1 shots failed", manifest_of("failed")),
        StoreUnavailable("no answer", business_id="pt-1", money="spent"),
    ],
)
def test_an_error_comes_whole_out_of_another_process(error: ToAPIsError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_a_store_that_is_out_of_order_is_worth_another_try() -> None:
    assert isinstance(StoreUnavailable("no answer"), Transient)
