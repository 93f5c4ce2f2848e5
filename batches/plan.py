"""From what a user asks for to the shots of a batch: pure, and all faults in one go."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from prefect_toapis.batches.casting import (
    Players,
    filling,
    known_as,
    players_of,
    resolve,
    roles_in,
)
from prefect_toapis.batches.identity import FOLDER_ID, business_id, shot_id
from prefect_toapis.batches.naming import scene_labels, shot_label, slug, variant_labels
from prefect_toapis.batches.spec import BatchSpec, Character, Scene, Variant
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.requests import SceneFields, VariantFields, VideoRequest
from prefect_toapis.client.rules import check, is_known

SINGLE = "requests"  # the folder of requests that belong to no batch


class Shot(BaseModel):
    """One scene x one variant x one cast (x take): a `Buyable`, what is bought once.

    Args:
        shot_id: Its identity; see `identity.shot_id`.
        batch: The batch it belongs to.
        scene, variant, cast: Labels; the cast is empty for a scene without roles.
        take: 1, 2, ...
        request: What is sent, with the roles resolved.
        folder: Where the bucket keeps it, below the bucket's prefix.
    """

    model_config = ConfigDict(frozen=True)

    shot_id: str
    batch: str
    scene: str
    variant: str
    cast: str = ""
    take: int = 1
    request: VideoRequest
    folder: str

    @property
    def label(self) -> str:
        """As people see it: `chase / tall / Turbo, take 2`."""
        return shot_label(self.scene, self.variant, self.cast, self.take)

    @property
    def id(self) -> str:
        """Its identity."""
        return self.shot_id

    @property
    def findable(self) -> bool:
        """True: the provider tells of a video by its business id ([D])."""
        return True

    def name_in(self, error: ToAPIsError) -> None:
        """Have an error say that it is about this shot."""
        error.about(shot=self.label)

    def unsigned(self) -> "Shot":
        """The same shot, safe to keep: the URLs in its request carry no signatures."""
        return self.model_copy(update={"request": self.request.unsigned()})

    def business_id(self, attempt: int) -> str:
        """The id of an attempt as the provider sees it."""
        return business_id(self.shot_id, attempt)


@dataclass(frozen=True)
class Plan:
    """The shots of a batch, what stands in their way, and what is worth knowing.

    Args:
        missing: The characters that must be made before a shot can be, by the shot's id.
    """

    batch: str
    shots: list[Shot] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: dict[str, list[Character]] = field(default_factory=dict)

    @property
    def videos(self) -> int:
        """How many videos it makes: `n` for each shot."""
        return sum(max(shot.request.n, 0) for shot in self.shots)


def plan_batch(
    spec: BatchSpec, batch: str, destination: str, usernames: Mapping[str, str] | None = None
) -> Plan:
    """Plan a batch.

    Args:
        spec: What is asked for.
        batch: The batch's name.
        destination: Bucket and prefix, as `s3://bucket/prefix`: part of the shots' identity.
        usernames: Of the characters that were made, by name. Without them the shots are the
            same, but their prompts can't be sent yet.

    Returns:
        The plan. It may be carried out if it has no faults.

    Example:
        >>> plan = plan_batch(BatchSpec(scenes=[Scene(prompt="A dog")]), "b", "s3://videos")
        >>> [shot.label for shot in plan.shots]
        ['a-dog / sora-2']
    """
    catalogue = Catalogue.shipped()
    everybody, faults = players_of(spec.characters, spec.casts, usernames)
    unmade = {
        known_as(one): one
        for one in spec.characters
        if not one.exists and one.name not in (usernames or {})
    }
    missing: dict[str, list[Character]] = {}
    if not spec.scenes:
        faults.append("scenes: there is none; give at least one prompt")
    if not spec.variants:
        faults.append("variants: there is none; leave it out for the default")
    shots: list[Shot] = []
    variants = list(zip(variant_labels(spec.variants), spec.variants, strict=True))
    for scene_name, scene in zip(scene_labels(spec.scenes), spec.scenes, strict=True):
        roles = roles_in(scene.prompt)
        casts = filling(roles, everybody)
        if not casts:
            faults.append(_unfilled(scene_name, roles, everybody))
            casts = [Players("?", {role: ["?"] for role in roles})]  # to see the other faults
        for variant_name, variant in variants:
            for players in casts:
                labels = (scene_name, variant_name, players.label)
                takes = list(_takes(scene, variant, players, labels, batch, destination))
                shots += takes
                if needed := _needed(players, unmade):
                    missing |= {shot.shot_id: needed for shot in takes}
    plan = Plan(batch, shots, faults, _notes(spec, shots, catalogue), missing)
    faults += _request_faults(shots, catalogue)
    faults += _doubles(shots)
    if plan.videos > spec.max_videos:
        faults.append(
            f"max_videos={spec.max_videos}: the plan makes {plan.videos} videos; "
            "raise it if that is what you want"
        )
    return plan


def single_shot(request: VideoRequest, destination: str) -> Shot:
    """The shot of a request that belongs to no batch: it is kept under `requests/`.

    Args:
        request: What to buy; the same request is the same shot.
        destination: Bucket and prefix, as `s3://bucket/prefix`.
    """
    scene = Scene(prompt=request.prompt.replace("{", "{{").replace("}", "}}"))
    variant = Variant(model=request.model)
    identity = shot_id(
        destination=destination,
        batch=SINGLE,
        request=request,
        template=request.prompt,
        roles={},
        take=1,
    )
    labels = (scene_labels([scene])[0], variant_labels([variant])[0], "")
    return _shot(request, labels, SINGLE, identity, 1)


def _takes(
    scene: Scene,
    variant: Variant,
    players: Players,
    labels: tuple[str, str, str],
    batch: str,
    destination: str,
) -> Iterator[Shot]:
    request = VideoRequest(
        **scene.model_dump(include=set(SceneFields.model_fields) - {"prompt"}),
        **variant.model_dump(include=set(VariantFields.model_fields)),
        prompt=resolve(scene.prompt, players),
    )
    for take in range(1, variant.takes + 1):
        identity = shot_id(
            destination=destination,
            batch=batch,
            request=request,
            template=scene.prompt,
            roles=players.roles,
            take=take,
        )
        yield _shot(request, labels, batch, identity, take)


def _shot(
    request: VideoRequest, labels: tuple[str, str, str], batch: str, identity: str, take: int
) -> Shot:
    scene, variant, cast = labels
    names = [slug(label) for label in labels] + [identity[:FOLDER_ID]]
    return Shot(
        shot_id=identity,
        batch=batch,
        scene=scene,
        variant=variant,
        cast=cast,
        take=take,
        request=request,
        folder=f"{batch}/{'-'.join(filter(None, names))}",
    )


def _needed(players: Players, unmade: Mapping[str, Character]) -> list[Character]:
    playing = dict.fromkeys(one for role in players.roles.values() for one in role)
    return [unmade[one] for one in playing if one in unmade]


def _request_faults(shots: Sequence[Shot], catalogue: Catalogue) -> list[str]:
    """Each broken rule once, with the shots it breaks."""
    broken: dict[str, list[str]] = {}
    for shot in shots:
        for fault in check(shot.request, catalogue):
            broken.setdefault(str(fault), []).append(shot.label)
    return [
        f"{labels[0]}{f' (and {len(labels) - 1} more)' if labels[1:] else ''}: {fault}"
        for fault, labels in broken.items()
    ]


def _doubles(shots: Sequence[Shot]) -> list[str]:
    first: dict[str, Shot] = {}
    faults: list[str] = []
    for shot in shots:
        other = first.setdefault(shot.shot_id, shot)
        if other is not shot:
            faults.append(
                f"{other.label} and {shot.label}: the same shot twice; "
                "to buy it twice on purpose, set takes on the variant"
            )
    return faults


def _unfilled(label: str, roles: Sequence[str], everybody: Sequence[Players]) -> str:
    filled = {role for players in everybody for role in players.roles}
    missing = [role for role in roles if role not in filled] or roles
    names = ", ".join(f"{{{role}}}" for role in missing)
    return (
        f'scene "{label}": no cast fills {names}; add it to a cast, '
        f"or write {{{{{missing[0]}}}}} for text in braces"
    )


def _notes(spec: BatchSpec, shots: Sequence[Shot], catalogue: Catalogue) -> list[str]:
    unknown = dict.fromkeys(s.request.model for s in shots if not is_known(s.request, catalogue))
    notes = [
        f"{model}: the catalogue doesn't know it; its rules are unchecked" for model in unknown
    ]
    if (spec.characters or spec.casts) and not any(shot.cast for shot in shots):
        notes.append("no scene names a role such as {character}: no character will appear")
    return notes
