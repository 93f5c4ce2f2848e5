"""A retake is the same shot with the next free take."""

from typing import Any

from prefect_toapis.planning.plan import Plan, plan_batch
from prefect_toapis.planning.retakes import possible_retakes, with_retakes
from prefect_toapis.planning.spec import BatchSpec


def planned(**spec: Any) -> Plan:
    return plan_batch(BatchSpec.model_validate(spec), "b", "s3://videos")


def test_a_retake_has_the_next_free_take_and_its_identity() -> None:
    plan = planned(
        scenes=["dog", "cat"], variants=[{"name": "v"}, {"name": "w", "takes": 2, "n": 2}]
    )
    retakes = possible_retakes(plan)
    labels = {shot.label: retakes[shot.shot_id].label for shot in plan.shots}
    assert labels == {
        "dog / v": "dog / v, take 2",
        "dog / w": "dog / w, take 3",
        "dog / w, take 2": "dog / w, take 4",
        "cat / v": "cat / v, take 2",
        "cat / w": "cat / w, take 3",
        "cat / w, take 2": "cat / w, take 4",
    }
    twice = planned(scenes=["dog", "cat"], variants=[{"name": "v", "takes": 2}])
    assert retakes[plan.shots[0].shot_id].shot_id == twice.shots[1].shot_id
    assert all(retake.retake_of == shot_id for shot_id, retake in retakes.items())


def test_a_plan_at_its_limit_has_retakes_too() -> None:
    plan = planned(scenes=["dog", "cat"], max_videos=2)
    assert len(possible_retakes(plan)) == 2


def test_a_plan_is_extended_by_known_retakes_alone() -> None:
    plan = planned(scenes=["dog", "cat"])
    [dog, cat] = plan.shots
    again = possible_retakes(plan)[dog.shot_id]
    extended = with_retakes(plan, {dog.shot_id: again.shot_id, cat.shot_id: "another"})
    assert extended.shots == [dog, cat, again]
    assert with_retakes(extended, {dog.shot_id: again.shot_id}).shots == extended.shots
    assert with_retakes(plan, {}) is plan


def test_a_retake_needs_the_characters_of_its_shot() -> None:
    turbo = {"name": "Turbo", "url": "https://m.example/turbo.mp4", "timestamps": "1,3"}
    plan = planned(scenes=["{character} runs"], characters=[turbo])
    [shot] = plan.shots
    again = possible_retakes(plan)[shot.shot_id]
    extended = with_retakes(plan, {shot.shot_id: again.shot_id})
    assert extended.missing[again.shot_id] == plan.missing[shot.shot_id]


def test_a_take_that_is_planned_by_now_is_known_as_the_retake() -> None:
    before = planned(scenes=["dog"])
    again = possible_retakes(before)[before.shots[0].shot_id]
    plan = with_retakes(
        planned(scenes=["dog"], variants=[{"takes": 2}]),
        {before.shots[0].shot_id: again.shot_id},
    )
    assert [(shot.take, shot.retake_of) for shot in plan.shots] == [
        (1, None),
        (2, before.shots[0].shot_id),
    ]
