"""Planning: turns a batch spec into shots, and reports all faults together. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.client.request_rules import check, ignored, unchecked
from prefect_toapis.client.requests import (
    GenerationRequest,
    VideoRequest,
)
from prefect_toapis.planning.casting import (
    Filling,
    Made,
    ResolvedCast,
    known_as,
    resolve,
    resolve_casts,
    resolve_url,
)
from prefect_toapis.planning.combining import fallback_requests, requested
from prefect_toapis.planning.derived_videos import as_sent
from prefect_toapis.planning.faults import SceneFault, merged, without_numbers
from prefect_toapis.planning.file_references import File
from prefect_toapis.planning.identity import FOLDER_ID, business_id, shot_id
from prefect_toapis.planning.labels import (
    rows_by_scene,
    scene_labels,
    shot_label,
    slug,
    variant_labels,
)
from prefect_toapis.planning.products import Part, product_of, scene_faults, too_much_of
from prefect_toapis.planning.spec import BatchSpec, Character, Scene, Variant

SINGLE = "requests"  # the folder of requests that belong to no batch
_SAMPLE = 2_000  # shots of a plan that is too large, checked for other faults


class Shot(BaseModel):
    """Scene x variant x cast (x take): a `Buyable`, submitted and paid once.

    Args:
        shot_id: Its identity; see `identity.shot_id`.
        batch: The batch it belongs to.
        scene, variant, cast: Labels; the cast is empty for a scene without roles.
        take: 1, 2, ...
        request: What is sent, with the roles resolved, and references in place of files.
        fallbacks: What is sent instead, in this order, if a model refuses or fails to make it.
        folder: Where the bucket keeps its videos, below the bucket's prefix.
        record: Where the bucket keeps its attempts; empty: not looked up yet.
        retake_of: The id of the shot that it replaces, whose video has remarks.
    """

    model_config = ConfigDict(hide_input_in_errors=True, frozen=True)

    shot_id: str
    batch: str
    scene: str
    variant: str
    cast: str = ""
    take: int = 1
    request: GenerationRequest
    fallbacks: list[VideoRequest] = []
    folder: str
    record: str = Field(default="", exclude=True)
    retake_of: str | None = None

    @property
    def label(self) -> str:
        """The display label: `chase / tall / Turbo, take 2`."""
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
        """Return a copy with the folder and record that the bucket has for it."""
        return self.model_copy(update={"folder": folder, "record": record})

    @property
    def candidates(self) -> list[GenerationRequest]:
        """The request and its fallbacks, in their order."""
        return [self.request, *self.fallbacks]

    def with_request(self, request: GenerationRequest) -> "Shot":
        """Return a copy that is made by this request alone."""
        return self.model_copy(update={"request": request, "fallbacks": []})

    @property
    def supports_lookup(self) -> bool:
        """Whether it can be looked up by its business id.

        It is undocumented for remixes and extensions ([A]).
        """
        return isinstance(self.request, VideoRequest)

    def name_in(self, error: ToAPIsError) -> None:
        """Add this shot's label to an error."""
        error.add_context(shot=self.label)

    def unsigned(self) -> "Shot":
        """Return a copy whose request can be rebuilt without signatures; see `VideoRequest`."""
        fallbacks = [request.unsigned() for request in self.fallbacks]
        return self.model_copy(update={"request": self.request.unsigned(), "fallbacks": fallbacks})

    def shown(self) -> "Shot":
        """Return a copy safe to show and store: the URLs in its request have no queries."""
        fallbacks = [request.shown() for request in self.fallbacks]
        return self.model_copy(update={"request": self.request.shown(), "fallbacks": fallbacks})

    def business_id(self, attempt: int) -> str:
        """Return the business id that the provider gets for an attempt."""
        return business_id(self.shot_id, attempt)


@dataclass(frozen=True)
class Plan:
    """The shots of a batch, with faults and notes.

    Args:
        batch: Name of the batch.
        shots: All shots, in the order of the spec.
        faults: What must be changed before anything can be submitted.
        notes: What the user should know; doesn't block the batch.
        missing: The characters that must be made before a shot can be, by the shot's id.
        spec: What the shots were made of; one without scenes if the bucket's plan has them.
        destination: Bucket and prefix.
        made: The characters that were made, by name.
        files: Where the contents are that the spec refers to, by reference.
        retakes: The ids of retakes among the shots, by the id of the shot that each replaces.
        incomplete: The ids of shots that can only be submitted from their spec: from the bucket's
            plan, which has no URLs' queries, and no characters that weren't made.
    """

    batch: str
    shots: list[Shot] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: dict[str, list[Character]] = field(default_factory=dict)
    spec: BatchSpec = field(default_factory=BatchSpec)
    destination: str = ""
    made: Mapping[str, Made] = field(default_factory=dict)
    files: Mapping[str, File] = field(default_factory=dict)
    retakes: Mapping[str, str] = field(default_factory=dict)
    incomplete: Collection[str] = ()

    def with_characters(self, made: Mapping[str, Made]) -> "Plan":
        """The same shots, planned with more characters that were made, by name."""
        known = {**self.made, **made}
        return replace(plan_batch(self.spec, self.batch, self.destination, known), files=self.files)

    @property
    def videos(self) -> int:
        """The number of videos: `n` for each shot, the highest of its candidates."""
        return sum(max(request.outputs for request in shot.candidates) for shot in self.shots)


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
        spec: The spec, with files replaced by references and remixes by task ids.
        batch: The batch's name.
        destination: Bucket and prefix, as `s3://bucket/prefix`: part of the shots' identity.
        made: The characters that were made, by name. Without them the shots are the same, but
            their requests can't be sent yet.
        private: Whether the API is at a private address, so that private URLs are allowed.

    Returns:
        The plan; it can be run if it has no faults.

    Example:
        >>> plan = plan_batch(BatchSpec(scenes=[Scene(prompt="A dog")]), "b", "s3://videos")
        >>> [shot.label for shot in plan.shots]
        ['a-dog / sora-2']
    """
    catalogue = Catalogue.current()
    known, rows = made or {}, rows_by_scene(spec)
    casts, faults = resolve_casts(spec.characters, spec.casts, known, private=private)
    unmade = {
        known_as(character): character
        for character in spec.characters
        if not character.exists and character.name not in known
    }
    if not spec.scenes:
        faults.append("scenes: empty; give at least one prompt")
    if not spec.variants:
        faults.append("variants: empty; omit the field to use the default")
    casting = Filling(casts)
    wrong: list[SceneFault] = []
    product = product_of(spec, casting, wrong, rows)
    too_much = too_much_of(spec, product, casting)
    shots: list[Shot] = []
    missing: dict[str, list[Character]] = {}
    for part in product:
        if too_much and len(shots) >= _SAMPLE:
            break
        wrong += scene_faults(part)
        for shot, cast in _shots(part, batch, destination):
            shots.append(shot)
            if needed := _needed(cast, unmade):
                missing[shot.shot_id] = needed
            if too_much and len(shots) >= _SAMPLE:
                break
    notes = _notes(spec, shots, catalogue)
    plan = Plan(batch, shots, faults, notes, missing, spec, destination, known)
    wrong += _request_faults(shots, catalogue, rows, private=private)
    wrong += duplicate_faults(shots, rows)
    faults += merged(wrong, spec.table_rows.table)
    if too_much:
        faults.append(too_much)
    return plan


def single_shot(request: GenerationRequest, destination: str) -> Shot:
    """Return the shot of a request outside any batch, stored under `requests/`.

    Args:
        request: What to submit; the same request is the same shot.
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
    return placed_shot(request, labels, SINGLE, identity, 1)


def _shots(part: Part, batch: str, destination: str) -> Iterator[tuple[Shot, ResolvedCast]]:
    """Yield the shots of a scene, each with its cast."""
    for variant_name, variant in part.variants:
        asked = requested(part.scene, variant)
        to_send = as_sent(part.scene, asked)
        others = fallback_requests(part.scene, variant)
        for cast in part.casts:
            request = as_sent(part.scene, _resolved(asked, cast))
            fallbacks = [_resolved(other, cast) for other in others]
            for take in range(1, variant.takes + 1):
                identity = shot_id(
                    destination=destination,
                    batch=batch,
                    request=to_send,
                    template=part.scene.prompt,
                    roles=cast.roles,
                    take=take,
                )
                labels = (part.label, variant_name, cast.label)
                shot = placed_shot(request, labels, batch, identity, take)
                yield shot.model_copy(update={"fallbacks": fallbacks}), cast


def _resolved(asked: VideoRequest, cast: ResolvedCast) -> VideoRequest:
    url = resolve_url(asked.character_url, cast)
    return asked.model_copy(update={"prompt": resolve(asked.prompt, cast), "character_url": url})


def placed_shot(
    request: GenerationRequest,
    labels: tuple[str, str, str],
    batch: str,
    identity: str,
    take: int,
) -> Shot:
    """Return a shot with its folder, which is named after its labels and identity.

    Args:
        request: What is sent.
        labels: Scene, variant and cast.
        batch: The batch's name.
        identity: From `shot_id`.
        take: 1, 2, ...
    """
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


def _needed(cast: ResolvedCast, unmade: Mapping[str, Character]) -> list[Character]:
    playing = dict.fromkeys(name for role in cast.roles.values() for name in role)
    return [unmade[name] for name in playing if name in unmade]


def _request_faults(
    shots: Sequence[Shot], catalogue: Catalogue, rows: Mapping[str, int], *, private: bool
) -> Iterator[SceneFault]:
    """Yield each rule that a shot breaks.

    Args:
        shots: Of a batch.
        catalogue: The known models.
        rows: Of the scenes that are from a table, by label. A rule that many rows break is one
            fault, whatever their values.
        private: Whether the API is at a private address, so that private URLs are allowed.
    """
    for shot in shots:
        row = rows.get(shot.scene, 0)
        for request in shot.candidates:
            for fault in check(request, catalogue, private=private):
                kind = without_numbers(f"{fault.field} {fault.rule}") + fault.model
                yield SceneFault(str(fault), shot.label, row, kind if row else "")


def duplicate_faults(
    shots: Sequence[Shot], rows: Mapping[str, int] = MappingProxyType({})
) -> Iterator[SceneFault]:
    """Yield the shots that are planned more than once.

    Args:
        shots: Of a batch.
        rows: Of the scenes that are from a table, by label.
    """
    first: dict[str, Shot] = {}
    for shot in shots:
        other = first.setdefault(shot.shot_id, shot)
        if other is shot:
            continue
        text = "duplicate shot; to buy several takes, set takes on the variant"
        about = f"{other.label} and {shot.label}"
        # The cause is a scene given twice, or else a variant.
        cause = other.scene if other.scene != shot.scene else f"{other.variant} {shot.variant}"
        for scene in dict.fromkeys([other.scene, shot.scene]):
            yield SceneFault(text, about, rows.get(scene, 0), cause)


def _notes(spec: BatchSpec, shots: Sequence[Shot], catalogue: Catalogue) -> list[str]:
    requests = [request for shot in shots for request in shot.candidates]
    sentences = [unchecked(request, catalogue) for request in requests]
    sentences += [note for request in requests for note in ignored(request, catalogue)]
    notes = [sentence for sentence in dict.fromkeys(sentences) if sentence]
    if (spec.characters or spec.casts) and not any(shot.cast for shot in shots):
        notes.append("no scene names a role such as {character}: no character will appear")
    return notes
