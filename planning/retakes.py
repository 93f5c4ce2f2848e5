"""Retakes: shots bought once more, because the video of a first take has remarks. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from prefect_toapis.planning.plan import Plan, Shot, plan_batch
from prefect_toapis.planning.products import MOST_SHOTS


def possible_retakes(plan: Plan) -> dict[str, Shot]:
    """Return what is bought if a shot of a plan's spec is bought once more, by the shot's id.

    It is the same shot with the next free take: with two takes, 3 replaces 1, and 4 replaces 2.

    Args:
        plan: Of a spec; one from the bucket alone has no retakes.

    Example:
        >>> from prefect_toapis.planning.spec import BatchSpec, Scene
        >>> plan = plan_batch(BatchSpec(scenes=[Scene(prompt="A dog")]), "b", "s3://videos")
        >>> [shot.label for shot in possible_retakes(plan).values()]
        ['a-dog / sora-2, take 2']
    """
    spec = plan.spec
    doubled = [variant.model_copy(update={"takes": 2 * variant.takes}) for variant in spec.variants]
    update = {"variants": doubled, "max_videos": 4 * MOST_SHOTS}
    more = plan_batch(spec.model_copy(update=update), plan.batch, plan.destination, plan.made)
    takes: dict[tuple[str, str, str], list[Shot]] = {}
    for shot in more.shots:
        takes.setdefault(shot.labels, []).append(shot)
    return {
        shot.shot_id: again.model_copy(update={"retake_of": shot.shot_id})
        for shots in takes.values()
        for shot, again in zip(shots[: len(shots) // 2], shots[len(shots) // 2 :], strict=False)
    }


def with_retakes(plan: Plan, retakes: Mapping[str, str]) -> Plan:
    """Return a plan with retakes, which stand behind its other shots.

    Args:
        plan: Of a spec.
        retakes: Their ids, by the id of the shot that each replaces. Left out are those that the
            plan can't have, because it has other takes than the plan they were bought for.
    """
    if not retakes:
        return plan
    replaced = {retake: shot_id for shot_id, retake in retakes.items()}
    shots = [
        shot.model_copy(update={"retake_of": replaced.get(shot.shot_id, shot.retake_of)})
        for shot in plan.shots
    ]
    planned = {shot.shot_id for shot in shots}
    shots += [
        shot
        for shot_id, shot in possible_retakes(plan).items()
        if retakes.get(shot_id) == shot.shot_id and shot.shot_id not in planned
    ]
    missing = {
        shot.shot_id: plan.missing[shot.retake_of]
        for shot in shots
        if shot.retake_of in plan.missing
    }
    return replace(
        plan,
        shots=shots,
        missing={**plan.missing, **missing},
        retakes={**plan.retakes, **retakes},
    )
