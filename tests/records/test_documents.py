"""The documents in a bucket: none is believed blindly, and a fault names the object."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.records.conftest import SENT

from prefect_toapis.errors import DocumentDamaged, DocumentTooNew
from prefect_toapis.planning.plan import plan_batch
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.records.attempts import Attempt, read_attempt
from prefect_toapis.records.layout import attempt_key, belongs_to, owner_of, record_folder
from prefect_toapis.records.plan_file import PlanFile, plan_from_record, read_plan
from prefect_toapis.records.store import Entry
from prefect_toapis.records.stored_shots import missing_files, read_stored

(SHOT,) = plan_batch(BatchSpec.model_validate({"scenes": ["A dog"]}), "b", "s3://videos").shots
(OTHER,) = plan_batch(BatchSpec.model_validate({"scenes": ["A cat"]}), "b", "s3://videos").shots
RECORD = record_folder("b", SHOT.shot_id)
KEY = attempt_key(RECORD, 1)
ATTEMPT: dict[str, Any] = {
    "version": 1,
    "shot_id": SHOT.shot_id,
    "attempt": 1,
    "business_id": SHOT.business_id(1),
    "state": "accepted",
    "request": {"model": "sora-2", "prompt": "A dog"},
    "sent_at": "2026-11-22T12:00:00Z",
    "task_id": "video_1",
}
VIDEO = {
    "output": 1,
    "key": f"{SHOT.folder}/video-1.mp4",
    "uri": f"s3://videos/{SHOT.folder}/video-1.mp4",
    "size": 10,
    "sha256": "ab" * 32,
    "content_type": "video/mp4",
}
STORED: dict[str, Any] = {
    "version": 1,
    "shot": SHOT.model_dump(mode="json"),
    "task_id": "video_1",
    "business_id": SHOT.business_id(1),
    "attempt": 1,
    "stored_at": "2026-11-22T12:00:00Z",
    "videos": [VIDEO],
}


def attempt_of(content: bytes) -> Attempt:
    return read_attempt(content, KEY, f"s3://videos/{KEY}")


def changed(fields: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps(fields | changes).encode()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"  \n", "it is empty"),
        (b"\x00" * 100, "it is not JSON"),
        (changed(ATTEMPT)[:-7], "it is not JSON"),
        (b"\xff\xfe{}", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]", "it is not a JSON object"),
        (b"null", "it is not a JSON object"),
        (b"<html>Sign in</html>", "it is not JSON"),
        (b"{}", "shot_id: Field required"),
        (changed(ATTEMPT, version="2"), "its version is not a positive integer"),
        (changed(ATTEMPT, version=True), "its version is not a positive integer"),
        (changed(ATTEMPT, version=0), "its version is not a positive integer"),
        (changed(ATTEMPT, state="bought"), "state: Input should be"),
        (changed(ATTEMPT, sent_at="2026-11-22T12:00:00"), "sent_at: Input should have timezone"),
        (changed(ATTEMPT, sent_at="0001-01-01T00:00:00Z"), "sent_at: .* not plausible"),
        (changed(ATTEMPT, sent_at="9999-12-31T23:59:59Z"), "sent_at: .* not plausible"),
        (changed(ATTEMPT, sends=0), "sends: "),
        (changed(ATTEMPT, task_id=None), "it is accepted, but has no task_id"),
        (changed(ATTEMPT, task_id=""), "task_id: "),
        (changed(ATTEMPT, task_id="v" * 501), "task_id: "),
        (changed(ATTEMPT, state="failed", task_id=None), "it is failed, but has no task_id"),
        (changed(ATTEMPT, request={"n": "two"}), "request: .*n has the wrong type"),
        (changed(ATTEMPT, request={"duration": float("inf")}), "it is not JSON"),
        (changed(ATTEMPT).replace(b'"A dog"', b"1e999"), "it is not JSON"),
        (changed(ATTEMPT, labels=["\ud800", "", ""]), "it contains an unpaired surrogate"),
        (changed(ATTEMPT, request={"prompt": "\udfff"}), "it contains an unpaired surrogate"),
        (
            changed(ATTEMPT, request={"x": json.loads("[" * 200 + "]" * 200)}),
            "more than 100 levels deep",
        ),
        (changed(ATTEMPT, state="rejected"), "it is rejected, but has a task_id"),
        (changed(ATTEMPT, state="sending"), "it is sending, but has a task_id"),
        (changed(ATTEMPT, folder=""), "its folder is outside the batch, or of another shot"),
        (
            changed(ATTEMPT, folder="../b/dog-abcdefghijkl"),
            "its folder is outside the batch, or of another shot",
        ),
        (
            changed(ATTEMPT, folder=SHOT.folder.replace("b/", "c/")),
            "its folder is outside the batch, or of another shot",
        ),
        (changed(ATTEMPT, folder="b/dog"), "its folder is outside the batch, or of another shot"),
        (
            changed(ATTEMPT, folder=OTHER.folder),
            "its folder is outside the batch, or of another shot",
        ),
        (changed(ATTEMPT, shot_id=OTHER.shot_id), "another shot"),
        (changed(ATTEMPT, attempt=2), "it belongs to attempt 2"),
        (changed(ATTEMPT, business_id=OTHER.business_id(1)), "its business id doesn't match"),
    ],
)
def test_a_damaged_attempt_is_an_error_that_names_the_object(content: bytes, why: str) -> None:
    with pytest.raises(DocumentDamaged, match=why) as raised:
        attempt_of(content)
    assert f"s3://videos/{KEY} is damaged" in str(raised.value)
    assert raised.value.uri == f"s3://videos/{KEY}"
    assert "Restore an earlier version" in str(raised.value)


def test_a_good_attempt_is_read_and_what_later_releases_add_is_left_out() -> None:
    found = attempt_of(changed(ATTEMPT, price={"credits": 20}))
    assert (found.task_id, found.sent_at) == ("video_1", SENT)


def test_an_attempt_names_the_folder_of_its_videos() -> None:
    assert attempt_of(changed(ATTEMPT, folder=SHOT.folder)).folder == SHOT.folder


def test_an_attempt_in_the_folder_of_an_earlier_release_is_read() -> None:
    key = attempt_key(SHOT.folder, 1)
    assert read_attempt(changed(ATTEMPT), key, key).shot_id == SHOT.shot_id


def test_a_later_version_is_refused_before_anything_else_is_looked_at() -> None:
    with pytest.raises(DocumentTooNew, match="written by a later version of prefect-toapis"):
        attempt_of(b'{"version": 2, "sent": "in another form"}')


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"videos": []}, "it names no videos"),
        ({"videos": [VIDEO | {"key": "other/video-1.mp4"}]}, "outside its folder"),
        ({"videos": [VIDEO | {"key": f"{SHOT.folder}/../x.mp4"}]}, "outside its folder"),
        ({"videos": [VIDEO | {"thumbnail_key": "b/index.html"}]}, "outside its folder"),
        ({"shot": OTHER.model_dump(mode="json")}, "another shot"),
        ({"stored_at": "2026-11-22T12:00:00"}, "stored_at: "),
        ({"videos": [VIDEO | {"size": -1}]}, "size: "),
    ],
)
def test_a_damaged_shot_is_an_error(changes: dict[str, Any], why: str) -> None:
    key = f"{SHOT.folder}/shot.json"
    assert read_stored(changed(STORED), key, key).task_id == "video_1"
    with pytest.raises(DocumentDamaged, match=why):
        read_stored(changed(STORED, **changes), key, key)


def test_a_video_that_is_gone_or_has_another_size_is_missed() -> None:
    stored = read_stored(changed(STORED), f"{SHOT.folder}/shot.json", "")
    key = str(VIDEO["key"])
    assert missing_files(stored, {key: Entry(10, SENT)}) == []
    assert missing_files(stored, {key: Entry(9, SENT)}) == [key]
    assert missing_files(stored, {}) == [key]


def test_a_plan_of_another_batch_or_with_folders_outside_is_damaged() -> None:
    def read(plan: PlanFile) -> PlanFile:
        return read_plan(plan.to_json(), "b/plan.json", "s3://videos/b/plan.json")

    plan = PlanFile(batch="b", destination="s3://videos", shots=[SHOT])
    assert read(plan).shots == [SHOT]
    for changes in ({"batch": "c"}, {"shots": [SHOT.placed("c/dog", "")]}):
        with pytest.raises(DocumentDamaged):
            read(plan.model_copy(update=changes))
    foreign: list[tuple[dict[str, Any], str]] = [
        ({"shots": [SHOT.model_copy(update={"batch": "c"})]}, "belongs to batch c"),
        ({"shards": [[SHOT.shot_id], [OTHER.shot_id]]}, "which is not in the plan"),
    ]
    for fields, why in foreign:
        with pytest.raises(DocumentDamaged, match=why):
            read(plan.model_copy(update=fields))
    with pytest.raises(DocumentDamaged, match="the folder of another shot"):
        read(plan.model_copy(update={"shots": [SHOT.placed(OTHER.folder, "")]}))


def test_a_plan_is_made_from_the_record_in_place_of_one_that_is_gone() -> None:
    placed = SHOT.placed(SHOT.folder, RECORD)
    kept = {"labels": SHOT.labels, "take": 1, "folder": SHOT.folder}
    attempts = {RECORD: [attempt_of(changed(ATTEMPT, **kept))]}
    assert plan_from_record("b", "s3://videos", attempts).shots == [placed]
    earlier = {SHOT.folder: [attempt_of(changed(ATTEMPT))]}
    (shot,) = plan_from_record("b", "s3://videos", earlier).shots
    assert (shot.shot_id, shot.folder, shot.record) == (SHOT.shot_id, SHOT.folder, SHOT.folder)
    assert shot.request == SHOT.request


@pytest.mark.parametrize(
    ("folder", "owner"),
    [
        ("b/dog-abcdefghijkl", "abcdefghijkl"),
        ("b/abcdefghijkl", "abcdefghijkl"),
        (RECORD, SHOT.shot_id),
        ("b/dog", None),
        ("b", None),
    ],
)
def test_a_folder_names_its_owner(folder: str, owner: str | None) -> None:
    assert owner_of(folder) == owner
    assert belongs_to(owner or "x", folder)
    assert owner is None or not belongs_to("z" * 26, folder)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(
    st.binary(max_size=60)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries({}, optional=dict.fromkeys(ATTEMPT, json_values)).map(
        lambda changes: changed(ATTEMPT, **changes)
    )
    | st.integers(0, 250).map(lambda cut: changed(ATTEMPT)[:cut])
)
def test_whatever_lies_there_is_an_attempt_or_an_error_of_ours(content: bytes) -> None:
    try:
        found = attempt_of(content)
    except (DocumentDamaged, DocumentTooNew):
        return
    assert found.shot_id == SHOT.shot_id
