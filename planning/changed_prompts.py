"""Other prompts for shots of a plan in the bucket, which no longer has the spec. Pure."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.request_rules import MOST_CHARACTERS, check
from prefect_toapis.planning.casting import NO_CAST, resolve, roles_in
from prefect_toapis.planning.faults import merged
from prefect_toapis.planning.identity import shot_id
from prefect_toapis.planning.plan import Shot, duplicate_faults, placed_shot

_SHOWN = 60  # characters of a name in a fault


class Changed(NamedTuple):
    """Shots with other prompts.

    Args:
        shots: All shots, in their order.
        faults: What must be changed first.
    """

    shots: list[Shot]
    faults: list[str]


def with_prompts(shots: Sequence[Shot], prompts: Mapping[str, str], destination: str) -> Changed:
    """Return shots with other prompts; a shot with another prompt is another shot.

    It is the same shot as that of a spec in which the prompt is changed.

    Args:
        shots: Of a plan.
        prompts: By the label of a shot, or by the scene, for all of its shots. As in a scene,
            `{{hero}}` is sent as `{hero}`.
        destination: Bucket and prefix.

    Example:
        >>> from prefect_toapis.planning.plan import plan_batch
        >>> from prefect_toapis.planning.spec import BatchSpec, Scene
        >>> spec = BatchSpec(scenes=[Scene(name="tram", prompt="A tram crashes")])
        >>> plan = plan_batch(spec, "b", "s3://videos")
        >>> changed = with_prompts(plan.shots, {"tram": "A tram climbs"}, "s3://videos")
        >>> changed.shots[0].request.prompt, changed.shots[0].shot_id == plan.shots[0].shot_id
        ('A tram climbs', False)
    """
    names = {name for shot in shots for name in (shot.scene, shot.label)}
    faults = [_unknown(name, names) for name in prompts if name not in names]
    changed: list[Shot] = []
    for shot in shots:
        prompt = prompts.get(shot.label, prompts.get(shot.scene))
        if prompt is None:
            changed.append(shot)
        elif fault := _fault(shot, prompt):
            faults.append(f"{shot.label}: {fault}")
        else:
            changed.append(_changed(shot, prompt, destination))
    replaced = [shot for shot in changed if shot not in shots]
    faults += [
        f"{shot.label}: {fault}"
        for shot in replaced
        for request in shot.candidates
        for fault in check(request, Catalogue.current())
    ]
    return Changed(changed, list(dict.fromkeys([*faults, *merged(duplicate_faults(changed))])))


def _fault(shot: Shot, prompt: str) -> str | None:
    if not prompt.strip():
        return "its new prompt is empty"
    if len(prompt) > MOST_CHARACTERS:
        return f"its new prompt exceeds the limit of {MOST_CHARACTERS:,} characters"
    if shot.cast or roles_in(prompt):
        return "a prompt with characters can only be changed in the spec, which has their roles"
    return None


def _changed(shot: Shot, prompt: str, destination: str) -> Shot:
    sent = resolve(prompt, NO_CAST)
    request, *fallbacks = [
        request.model_copy(update={"prompt": sent}) for request in shot.candidates
    ]
    identity = shot_id(
        destination=destination,
        batch=shot.batch,
        request=request,
        template=prompt,
        roles={},
        take=shot.take,
    )
    new = placed_shot(request, shot.labels, shot.batch, identity, shot.take)
    return new.model_copy(update={"fallbacks": fallbacks})


def _unknown(name: str, names: set[str]) -> str:
    near = get_close_matches(name, sorted(names), n=1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    return f'prompts: the plan has no scene or shot "{printable(name, _SHOWN)}"{hint}'
