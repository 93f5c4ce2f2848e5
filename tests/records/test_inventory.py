"""What a batch's keys tell without being read."""

import pytest

from prefect_toapis.planning.plan import Shot, plan_batch
from prefect_toapis.planning.spec import BatchSpec, Scene
from prefect_toapis.records.inventory import take_inventory
from prefect_toapis.records.layout import attempt_key, record_folder, shot_key


def shot_of(prompt: str, name: str = "") -> Shot:
    spec = BatchSpec(scenes=[Scene(prompt=prompt, name=name)])
    return plan_batch(spec, "b", "s3://videos").shots[0]


DOG, CAT, EMU = shot_of("A dog"), shot_of("A cat"), shot_of("An emu")


def test_sent_and_stored_shots_are_told_apart() -> None:
    keys = [
        "b/plan.json",
        "b/manifest.jsonl",
        "b/index.html",
        attempt_key(DOG.folder, 1),
        f"{DOG.folder}/video-1.mp4",
        shot_key(DOG),
        attempt_key(CAT.folder, 1),
        f"{CAT.folder}/video-1.mp4",  # stored in part only
    ]
    inventory = take_inventory("b", keys)
    assert inventory.is_stored(DOG)
    assert not inventory.is_stored(CAT)
    assert not inventory.is_stored(EMU)
    assert [inventory.was_submitted(shot) for shot in (DOG, CAT, EMU)] == [True, True, False]
    assert set(inventory.folders.values()) == {DOG.folder, CAT.folder}


def test_a_shot_that_has_new_labels_stays_in_its_folder() -> None:
    relabelled = shot_of("A dog", name="Rex")
    assert relabelled.folder != DOG.folder
    inventory = take_inventory("b", [attempt_key(DOG.folder, 1)])
    placed = inventory.with_existing_folder(relabelled)
    assert placed.folder == DOG.folder
    assert placed.label == relabelled.label
    assert placed.record == DOG.folder  # as an earlier release left it
    assert inventory.with_existing_folder(CAT).folder == CAT.folder
    assert inventory.with_existing_folder(CAT).record == f"b/records/{CAT.shot_id}"


def test_of_two_folders_the_one_that_is_done_counts() -> None:
    other = shot_of("A dog", name="Rex")
    keys = [attempt_key(DOG.folder, 1), shot_key(other), attempt_key(other.folder, 1)]
    for order in (keys, keys[::-1]):
        assert take_inventory("b", order).with_existing_folder(DOG).folder == other.folder


def test_folders_without_labels_and_of_others_are_told_apart() -> None:
    keys = ["b/abcdefghijkl/shot.json", "b/notes/shot.json", "b/dog-ABCDEFGHIJKL/shot.json"]
    assert take_inventory("b", keys).stored == {"abcdefghijkl"}


def test_a_batch_that_is_new_has_nothing() -> None:
    assert take_inventory("b", []).folders == {}


def test_a_record_is_found_by_the_id_alone_whatever_the_folder_is_called() -> None:
    record = record_folder("b", DOG.shot_id)
    for keys in ([attempt_key(record, 1)], [attempt_key(record, 1), f"{DOG.folder}/video-1.mp4"]):
        inventory = take_inventory("b", keys)
        assert inventory.was_submitted(shot_of("A dog", name="Rex"))
        assert inventory.with_existing_folder(shot_of("A dog", name="Rex")).record == record


def test_of_two_records_the_one_that_no_label_decides_counts() -> None:
    record = record_folder("b", DOG.shot_id)
    keys = [attempt_key(DOG.folder, 1), attempt_key(record, 1), attempt_key(record, 2)]
    for order in (keys, keys[::-1]):
        inventory = take_inventory("b", order)
        assert inventory.with_existing_folder(DOG).record == record
        assert inventory.attempts[DOG.shot_id[:12]] == {1, 2}


@pytest.mark.parametrize(
    ("keys", "lost"),
    [
        ([], None),
        (["{record}/attempt-1.json"], None),
        (["{record}/attempt-1.json", "{record}/attempt-2.json"], None),
        (["{record}/attempt-2.json"], 1),
        (["{record}/attempt-1.json", "{record}/attempt-3.json"], 2),
        (["{record}/attempt-1-send-2.json"], 1),
        (["{record}/attempt-01.json"], 1),
        (["{record}/Attempt-1.json"], 1),
        (["{record}/attempt-\u0661.json"], 1),
        (["{record}/attempt-1.json.bak"], 1),
        (["{record}/"], 1),
        (["{record}/attempt-1.json", "{record}/attempt-1.json.bak"], None),
        (["{folder}/attempt-1.json", "{record}/attempt-1.json.bak"], None),
        (["{folder}/video-1.mp4"], 1),
        (["{folder}/shot.json", "{folder}/video-1.mp4"], None),
        (["{folder}/attempt-1.json", "{folder}/video-1.mp4"], None),
    ],
)
def test_an_attempt_that_must_have_been_there_is_missed(keys: list[str], lost: int | None) -> None:
    record = record_folder("b", DOG.shot_id)
    named = [key.format(record=record, folder=DOG.folder) for key in keys]
    assert take_inventory("b", named).lost_attempt(DOG) == lost
