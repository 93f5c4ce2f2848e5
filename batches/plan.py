"""From what a user asks for to the shots of a batch: pure, and all faults in one go."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from prefect_toapis.batches.casting import (
    Filling,
    Made,
    ResolvedCast,
    known_as,
    players_of,
    resolve,
    resolve_url,
    resolved_length,
    role_of_url,
    roles_in,
    unfilled,
    url_fault,
)
from prefect_toapis.batches.identity import FOLDER_ID, business_id, shot_id
from prefect_toapis.batches.naming import scene_labels, shot_label, slug, variant_labels
from prefect_toapis.batches.spec import BatchSpec, Character, Scene, Variant
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.requests import (
    RemixRequest,
    SceneFields,
    VariantFields,
    VideoRequest,
)
from prefect_toapis.client.rules import MOST_CHARACTERS, check, unchecked

SINGLE = "requests"  # the folder of requests that belong to no batch
MOST_SHOTS = 100_000  # of a batch

_MOST_TRIED = 500_000  # casts, for each set of roles that scenes name: some seconds
_SAMPLE = 2_000  # shots of a plan that is too large, for finding its other faults
_FIELDS_SHOWN = 200  # characters of a list of fields
_REMIXED = {"prompt", "model", "duration", "aspect_ratio"}


class Shot(BaseModel):
    """One scene x one variant x one cast (x take): a `Buyable`, what is bought once.

    Args:
        shot_id: Its identity; see `identity.shot_id`.
        batch: The batch it belongs to.
        scene, variant, cast: Labels; the cast is empty for a scene without roles.
        take: 1, 2, ...
        request: What is sent, with the roles resolved, and references in place of files.
        folder: Where the bucket keeps its videos, below the bucket's prefix.
        record: Where the bucket keeps its attempts; empty: not looked up yet.
    """

    model_config = ConfigDict(hide_input_in_errors=True, frozen=True)

    shot_id: str
    batch: str
    scene: str
    variant: str
    cast: str = ""
    take: int = 1
    request: VideoRequest | RemixRequest
    folder: str
    record: str = Field(default="", exclude=True)

    @property
    def label(self) -> str:
        """As people see it: `chase / tall / Turbo, take 2`."""
        return shot_label(self.scene, self.variant, self.cast, self.take)

    @property
    def id(self) -> str:
        """Its identity."""
        return self.shot_id

    @property
    def labels(self) -> tuple[str, str, str]:
        """Scene, variant and cast."""
        return self.scene, self.variant, self.cast

    def placed(self, folder: str, record: str) -> "Shot":
        """The same shot, where the bucket has it."""
        return self.model_copy(update={"folder": folder, "record": record})

    @property
    def supports_lookup(self) -> bool:
        """Whether the provider tells of it by its business id: of a remix no source says ([A])."""
        return isinstance(self.request, VideoRequest)

    def name_in(self, error: ToAPIsError) -> None:
        """Have an error say that it is about this shot."""
        error.about(shot=self.label)

    def unsigned(self) -> "Shot":
        """The same shot, from which its request can be made again; see `VideoRequest.unsigned`."""
        return self.model_copy(update={"request": self.request.unsigned()})

    def shown(self) -> "Shot":
        """The same shot, safe to show and to keep: the URLs in its request have no queries."""
        return self.model_copy(update={"request": self.request.shown()})

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
    spec: BatchSpec,
    batch: str,
    destination: str,
    made: Mapping[str, Made] | None = None,
    *,
    private: bool = False,
) -> Plan:
    """Plan a batch.

    Args:
        spec: What is asked for, with references in place of files, and the task ids of remixes.
        batch: The batch's name.
        destination: Bucket and prefix, as `s3://bucket/prefix`: part of the shots' identity.
        made: The characters that were made, by name. Without them the shots are the same, but
            their requests can't be sent yet.
        private: Whether the API is at a private address, so that references may be, too.

    Returns:
        The plan. It may be carried out if it has no faults.

    Example:
        >>> plan = plan_batch(BatchSpec(scenes=[Scene(prompt="A dog")]), "b", "s3://videos")
        >>> [shot.label for shot in plan.shots]
        ['a-dog / sora-2']
    """
    catalogue = Catalogue.current()
    known = made or {}
    everybody, faults = players_of(spec.characters, spec.casts, known, private=private)
    unmade = {
        known_as(character): character
        for character in spec.characters
        if not character.exists and character.name not in known
    }
    if not spec.scenes:
        faults.append("scenes: there is none; give at least one prompt")
    if not spec.variants:
        faults.append("variants: there is none; leave it out for the default")
    casting = Filling(everybody)
    product = _product(spec, casting, faults)
    too_much = _too_much(spec, product, casting)
    shots: list[Shot] = []
    missing: dict[str, list[Character]] = {}
    for part in product:
        if too_much and len(shots) >= _SAMPLE:
            break
        faults += _scene_faults(part)
        for shot, players in _shots(part, batch, destination):
            shots.append(shot)
            if needed := _needed(players, unmade):
                missing[shot.shot_id] = needed
            if too_much and len(shots) >= _SAMPLE:
                break
    plan = Plan(batch, shots, faults, _notes(spec, shots, catalogue), missing)
    faults += _request_faults(shots, catalogue, private=private)
    faults += _doubles(shots)
    if too_much:
        faults.append(too_much)
    return plan


@dataclass(frozen=True)
class _Part:
    """A scene with all that it is multiplied by."""

    label: str
    scene: Scene
    casts: Sequence[ResolvedCast]
    variants: Sequence[tuple[str, Variant]]

    @property
    def videos(self) -> int:
        """How many videos it makes."""
        remix = self.scene.remix_of is not None
        return len(self.casts) * sum(
            variant.takes * (1 if remix else max(variant.n, 0)) for _, variant in self.variants
        )

    @property
    def shots(self) -> int:
        """How many shots it makes."""
        return len(self.casts) * sum(variant.takes for _, variant in self.variants)


def _product(spec: BatchSpec, filling: Filling, faults: list[str]) -> list[_Part]:
    """The scenes, each with its casts and variants; none of their products is made yet."""
    variants = list(zip(variant_labels(spec.variants), spec.variants, strict=True))
    parts: list[_Part] = []
    for label, scene in zip(scene_labels(spec.scenes), spec.scenes, strict=True):
        if filling.tried > _MOST_TRIED:
            break
        roles = _roles(scene)
        casts = filling.of(roles)
        if not casts:
            faults.append(_unfilled(label, roles, filling.roles))
            casts = [unfilled(roles)]
        parts.append(_Part(label, scene, casts, variants))
    return parts


def _too_much(spec: BatchSpec, product: Sequence[_Part], filling: Filling) -> str | None:
    """Why a plan is too large, by reckoning alone; None if it isn't."""
    videos, is_cut = sum(part.videos for part in product), filling.tried > _MOST_TRIED
    if videos > spec.max_videos:
        makes = f"at least {videos}" if is_cut else f"{videos}"
        return (
            f"max_videos={spec.max_videos}: the plan makes {makes} videos; "
            "raise it if that is what you want"
        )
    if is_cut:
        return (
            f"the scenes name so many sets of roles that more than {_MOST_TRIED:,} casts would "
            "have to be tried for them; split the batch"
        )
    shots = sum(part.shots for part in product)
    if shots > MOST_SHOTS:
        return f"the plan makes {shots:,} shots, and a batch may have {MOST_SHOTS:,}; split it"
    return None


def single_shot(request: VideoRequest | RemixRequest, destination: str) -> Shot:
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


def _shots(part: _Part, batch: str, destination: str) -> Iterator[tuple[Shot, ResolvedCast]]:
    """The shots of a scene, each with its cast."""
    for variant_name, variant in part.variants:
        asked = _asked(part.scene, variant)
        to_send = _as_sent(part.scene, asked)
        for players in part.casts:
            request = _as_sent(part.scene, _resolved(asked, players))
            for take in range(1, variant.takes + 1):
                identity = shot_id(
                    destination=destination,
                    batch=batch,
                    request=to_send,
                    template=part.scene.prompt,
                    roles=players.roles,
                    take=take,
                )
                labels = (part.label, variant_name, players.label)
                yield _shot(request, labels, batch, identity, take), players


def _asked(scene: Scene, variant: Variant) -> VideoRequest:
    """What a scene and a variant ask for together, roles unresolved."""
    fields = {
        **{name: getattr(scene, name) for name in SceneFields.model_fields},
        **{name: getattr(variant, name) for name in VariantFields.model_fields},
    }
    return VideoRequest.model_validate(fields)


def _resolved(asked: VideoRequest, players: ResolvedCast) -> VideoRequest:
    url = resolve_url(asked.character_url, players)
    return asked.model_copy(update={"prompt": resolve(asked.prompt, players), "character_url": url})


def _as_sent(scene: Scene, request: VideoRequest) -> VideoRequest | RemixRequest:
    """The request, or the remix that the scene makes of it."""
    if scene.remix_of is None:
        return request
    given = request.given().keys() & _REMIXED
    fields = {name: getattr(request, name) for name in given}  # not as `extra` would have them
    return RemixRequest(task_id=scene.remix_of, **fields)


def _shot(
    request: VideoRequest | RemixRequest,
    labels: tuple[str, str, str],
    batch: str,
    identity: str,
    take: int,
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


def _roles(scene: Scene) -> list[str]:
    """The roles that a scene names, in its prompt or as its `character_url`."""
    by_url = role_of_url(scene.character_url)
    return list(dict.fromkeys([*roles_in(scene.prompt), *([by_url] if by_url else [])]))


def _scene_faults(part: _Part) -> list[str]:
    """What is wrong with a scene that its requests don't show."""
    scene, who = part.scene, f'scene "{part.label}" with'
    faults = [
        f"{who} {players.label}: {fault}"
        for players in part.casts
        for fault in _cast_faults(scene, players)
    ]
    if scene.remix_of is None:
        return faults
    for name, variant in part.variants:
        asked = _asked(scene, variant)
        if given := (asked.given().keys() - _REMIXED) | asked.extra.keys():
            fields = printable(", ".join(sorted(given)), _FIELDS_SHOWN)
            faults.append(
                f"{who} {name}: {fields}: a remix takes no such fields, "
                "only prompt, model, duration and aspect_ratio"
            )
    return faults


def _cast_faults(scene: Scene, players: ResolvedCast) -> Iterator[str]:
    if fault := url_fault(scene.character_url, players):
        yield f"character_url: {fault}"
    if (length := resolved_length(scene.prompt, players)) > MOST_CHARACTERS:
        yield f"prompt: it gets {length:,} characters; {MOST_CHARACTERS:,} at most"


def _needed(players: ResolvedCast, unmade: Mapping[str, Character]) -> list[Character]:
    playing = dict.fromkeys(name for role in players.roles.values() for name in role)
    return [unmade[name] for name in playing if name in unmade]


def _request_faults(shots: Sequence[Shot], catalogue: Catalogue, *, private: bool) -> list[str]:
    """Each broken rule once, with the shots it breaks."""
    broken: dict[str, list[str]] = {}
    for shot in shots:
        for fault in check(shot.request, catalogue, private=private):
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


def _unfilled(label: str, roles: Sequence[str], filled: Collection[str]) -> str:
    missing = [role for role in roles if role not in filled] or roles
    names = ", ".join(f"{{{role}}}" for role in missing)
    return (
        f'scene "{label}": no cast fills {names}; add it to a cast, '
        f"or write {{{{{missing[0]}}}}} for text in braces"
    )


def _notes(spec: BatchSpec, shots: Sequence[Shot], catalogue: Catalogue) -> list[str]:
    sentences = [unchecked(shot.request, catalogue) for shot in shots]
    notes = [sentence for sentence in dict.fromkeys(sentences) if sentence]
    if (spec.characters or spec.casts) and not any(shot.cast for shot in shots):
        notes.append("no scene names a role such as {character}: no character will appear")
    return notes
