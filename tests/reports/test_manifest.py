"""The table of a batch."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.planning.plan import Shot, plan_batch
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.records.layout import shot_key
from prefect_toapis.records.stored_shots import StoredShot, StoredVideo, Unstored
from prefect_toapis.reports.manifest import Manifest, ManifestRow
from prefect_toapis.reports.manifest_rows import build_manifest

URI = "s3://videos/b"
NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
SIGNED = "https://m.example/dog.png?v=2&X-Amz-Signature=5ec2e7"


def shots_of(**spec: Any) -> list[Shot]:
    return plan_batch(BatchSpec.model_validate(spec), "b", "s3://videos").shots


def stored(shot: Shot, outputs: int = 1) -> StoredShot:
    return StoredShot(
        shot=shot.unsigned(),
        task_id="video_1",
        business_id=shot.business_id(2),
        attempt=2,
        submitted_at=NOON - timedelta(minutes=3),
        stored_at=NOON,
        videos=[
            StoredVideo(
                output=number,
                key=f"{shot.folder}/video-{number}.mp4",
                uri=f"s3://videos/{shot.folder}/video-{number}.mp4",
                size=number * 100,
                sha256=f"{number:064x}",
                content_type="video/mp4",
            )
            for number in range(1, outputs + 1)
        ],
    )


def built(plan: list[Shot], done: list[StoredShot], unstored: dict[str, Unstored]) -> Manifest:
    return build_manifest("b", URI, plan, done, unstored)


def test_each_output_and_each_shot_without_one_has_a_row_in_the_order_of_the_plan() -> None:
    plan = shots_of(scenes=["one", "two", "three", "four"], variants=[{"name": "v", "n": 2}])
    one, two, three, four = plan
    unstored = {
        one.shot_id: Unstored(status="failed", reason="refused", business_id="pt-1"),
        three.shot_id: Unstored(status="open", reason="still rendering", task_id="video_3"),
    }
    manifest = built(plan, [stored(two, 2)], unstored)
    assert [(row.label, row.status, row.output) for row in manifest.rows] == [
        ("one / v", "failed", None),
        ("two / v", "stored", 1),
        ("two / v", "stored", 2),
        ("three / v", "open", None),
        ("four / v", "planned", None),
    ]
    assert manifest.rows[0].error == "refused"
    assert manifest.rows[0].business_id == "pt-1"
    assert manifest.rows[3].task_id == "video_3"
    assert manifest.rows[3].elapsed_seconds is None
    assert [len(rows) for rows in (manifest.stored, manifest.failed)] == [2, 1]
    assert [row.shot_id for row in manifest.open] == [three.shot_id]
    assert [row.shot_id for row in manifest.planned] == [four.shot_id]
    assert manifest.shots() == 4
    assert manifest.shots("stored") == 1
    assert manifest.shots("failed", "open", "planned") == 3


def test_a_row_tells_how_to_find_check_and_reproduce_a_video() -> None:
    (shot,) = shots_of(
        scenes=[{"prompt": "{character} runs", "image_urls": [SIGNED]}],
        variants=[{"name": "v", "duration": 10, "takes": 1}],
        characters=[{"name": "Turbo", "username": "a.turbo"}],
    )
    (row,) = built([shot], [stored(shot)], {}).rows
    assert row == ManifestRow(
        batch="b",
        shot_id=shot.shot_id,
        scene="character-runs",
        variant="v",
        cast="Turbo",
        status="stored",
        output=1,
        uri=f"s3://videos/{shot.folder}/video-1.mp4",
        key=f"{shot.folder}/video-1.mp4",
        size=100,
        sha256=f"{1:064x}",
        content_type="video/mp4",
        model="sora-2",
        prompt="@a.turbo runs",
        request={"duration": 10, "image_urls": ["https://m.example/dog.png"]},
        task_id="video_1",
        business_id=shot.business_id(2),
        attempt=2,
        submitted_at=NOON - timedelta(minutes=3),
        stored_at=NOON,
        money="spent",
    )
    assert row.elapsed_seconds == 180


def test_fewer_outputs_than_ordered_are_noted() -> None:
    (shot,) = shots_of(scenes=["A dog"], variants=[{"n": 3}])
    rows = built([shot], [stored(shot, 1)], {}).rows
    assert [row.note for row in rows] == [
        (
            "1 of 3 ordered videos were returned, 2 missing; "
            "`prefect-toapis reconcile b` requests the rest"
        )
    ]
    assert [row.note for row in built([shot], [stored(shot, 3)], {}).rows] == [None] * 3
    assert [row.note for row in built([shot], [stored(shot, 4)], {}).rows] == [None] * 4


def test_what_an_earlier_plan_made_stays_and_is_marked() -> None:
    (old,) = shots_of(scenes=["An old dog"])
    (new,) = shots_of(scenes=["A new dog"])
    manifest = built([new], [stored(old), stored(new)], {})
    assert [(row.scene, row.in_plan) for row in manifest.rows] == [
        ("a-new-dog", True),
        ("an-old-dog", False),
    ]
    assert manifest.shots("stored") == 1
    assert len(manifest.stored) == 2


def test_a_shot_that_was_renamed_carries_its_new_labels() -> None:
    (old,) = shots_of(scenes=[{"name": "first", "prompt": "A dog"}])
    (new,) = shots_of(scenes=[{"name": "second", "prompt": "A dog"}], variants=[{"name": "v"}])
    (row,) = built([new], [stored(old)], {}).rows
    assert row.label == "second / v"
    assert row.key == f"{old.folder}/video-1.mp4"
    assert row.in_plan


def test_takes_have_rows_of_their_own() -> None:
    plan = shots_of(scenes=["A dog"], variants=[{"name": "v", "takes": 2}])
    rows = built(plan, [stored(shot) for shot in plan], {}).rows
    assert [row.label for row in rows] == ["a-dog / v", "a-dog / v, take 2"]
    assert [row.label for row in rows] == [shot.label for shot in plan]


def test_a_stored_shot_survives_json_with_fields_of_a_later_version() -> None:
    (shot,) = shots_of(scenes=["A dog"])
    written = json.loads(stored(shot).model_dump_json(exclude_none=True))
    assert StoredShot.model_validate(written | {"credits": 20}) == stored(shot)
    assert shot_key(shot) == f"{shot.folder}/shot.json"


def test_a_batch_survives_jsonl() -> None:
    plan = shots_of(scenes=["one", "two", "three"], variants=[{"n": 2}])
    unstored = {plan[1].shot_id: Unstored(status="failed", reason="no")}
    manifest = built(plan, [stored(plan[0], 2)], unstored)
    text = manifest.to_jsonl()
    assert len(text.splitlines()) == 4
    assert Manifest.from_jsonl(text, uri=URI) == manifest
    assert "null" not in text


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4))
def test_any_prompt_survives_jsonl(prompts: list[str]) -> None:
    plan = [
        shot.model_copy(update={"request": shot.request.model_copy(update={"prompt": prompt})})
        for shot, prompt in zip(shots_of(scenes=["a", "b", "c", "d"]), prompts, strict=False)
    ]
    manifest = built(plan, [], {})
    text = manifest.to_jsonl()
    assert text.count("\n") == len(plan)
    assert Manifest.from_jsonl(text, uri=URI) == manifest


def test_other_line_ends_in_a_prompt_are_no_end_of_a_row() -> None:
    (shot,) = shots_of(scenes=["one\u2028two\x85three\x0bfour"])
    manifest = built([shot], [], {})
    assert Manifest.from_jsonl(manifest.to_jsonl(), uri=URI) == manifest


def test_what_earlier_plans_left_behind_is_open_and_not_in_the_plan() -> None:
    planned, left, late = shots_of(scenes=["one", "two", "three"])
    manifest = build_manifest(
        "b", URI, [planned], [stored(planned), stored(late)], {}, [left, late]
    )
    statuses = [(row.scene, row.status, row.in_plan) for row in manifest.rows]
    assert statuses == [("one", "stored", True), ("two", "open", False), ("three", "stored", False)]
    assert "prefect-toapis reconcile" in (manifest.open[0].error or "")


def test_the_manifest_has_no_signatures() -> None:
    plan = shots_of(
        scenes=[{"prompt": "A dog", "image_urls": [SIGNED], "character_url": SIGNED}],
        variants=[{"model": "new", "extra": {"refs": [SIGNED]}}],
    )
    for done in ([], [stored(plan[0])]):
        assert "5ec2e7" not in built(plan, done, {}).to_jsonl()
