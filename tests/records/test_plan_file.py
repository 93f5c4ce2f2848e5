"""`plan.json`: the latest plan, and what earlier ones left behind."""

from typing import Any

import pytest

from prefect_toapis.errors import StoreError
from prefect_toapis.planning.plan import Shot, plan_batch
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.records.inventory import take_inventory
from prefect_toapis.records.plan_file import PlanFile, orphaned_shots, read_plan

SIGNED = "https://m.example/dog.png?v=2&X-Amz-Signature=5ec2e7"


def shots_of(**spec: Any) -> list[Shot]:
    return plan_batch(BatchSpec.model_validate(spec), "b", "s3://videos").shots


def plan_of(shots: list[Shot], left: list[Shot]) -> PlanFile:
    return PlanFile(
        batch="b", plan="1 shot: 0 stored", destination="s3://videos", shots=shots, left=left
    )


def read(content: bytes) -> PlanFile:
    return read_plan(content, "b/plan.json", "s3://videos/b/plan.json")


def test_what_is_kept_has_no_signatures_and_is_read_again() -> None:
    (shot,) = shots_of(scenes=[{"prompt": "Ein Café", "image_urls": [SIGNED]}])
    content = plan_of([shot], [shot]).to_json()
    assert b"5ec2e7" not in content
    assert "Café" in content.decode()
    assert b'"version": 1' in content
    assert read(content) == plan_of([shot.shown()], [shot.shown()])


def test_shards_are_kept_and_a_plan_without_them_has_none() -> None:
    shots = shots_of(scenes=["1", "2"])
    split = plan_of(shots, []).model_copy(update={"shards": [[one.shot_id] for one in shots]})
    assert read(split.to_json()) == split
    assert b"shards" not in plan_of(shots, []).to_json()
    assert read(plan_of(shots, []).to_json()).shards == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"batch": 1}', b"[]"])
def test_a_damaged_plan_is_named(content: bytes) -> None:
    with pytest.raises(StoreError, match=r"b/plan\.json is damaged"):
        read(content)


def test_left_behind_is_what_was_sent_and_is_neither_stored_nor_planned_any_more() -> None:
    planned, stored, sent, unsent, older = shots_of(scenes=["1", "2", "3", "4", "5"])
    keys = [f"{shot.folder}/attempt-1.json" for shot in (planned, stored, sent)]
    keys += [f"{stored.folder}/shot.json", "b/other-name-" + older.folder[-12:] + "/attempt-1.json"]
    inventory = take_inventory("b", keys)
    earlier = plan_of([planned, stored, sent, unsent], [older])
    left = orphaned_shots(earlier, [planned], inventory)
    assert [shot.shot_id for shot in left] == [sent.shot_id, older.shot_id]
    assert left[1].folder == "b/other-name-" + older.folder[-12:]  # where the bucket has it
    assert orphaned_shots(None, [planned], inventory) == []
