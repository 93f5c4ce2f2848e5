"""Scenes with the casts and variants that they are multiplied by, not yet multiplied."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prefect_toapis.client.request_rules import MOST_CHARACTERS
from prefect_toapis.planning.casting import (
    Filling,
    ResolvedCast,
    resolved_length,
    role_of_url,
    roles_in,
    unfilled,
    url_fault,
)
from prefect_toapis.planning.combining import requested
from prefect_toapis.planning.derived_videos import derived_faults
from prefect_toapis.planning.faults import SceneFault, without_numbers
from prefect_toapis.planning.labels import scene_labels, variant_labels
from prefect_toapis.planning.spec import BatchSpec, Scene, Variant

MOST_SHOTS = 100_000  # of a batch

_MOST_TRIED = 500_000  # casts times distinct sets of roles: takes a few seconds


@dataclass(frozen=True)
class Part:
    """A scene with the casts and variants that it is multiplied by, and its row in a table."""

    label: str
    scene: Scene
    casts: Sequence[ResolvedCast]
    variants: Sequence[tuple[str, Variant]]
    row: int = 0

    @property
    def videos(self) -> int:
        """The number of videos."""
        derived = self.scene.source is not None
        return len(self.casts) * sum(
            variant.takes * (1 if derived else variant.most_outputs) for _, variant in self.variants
        )

    @property
    def shots(self) -> int:
        """The number of shots."""
        return len(self.casts) * sum(variant.takes for _, variant in self.variants)


def product_of(
    spec: BatchSpec, filling: Filling, wrong: list[SceneFault], rows: Mapping[str, int]
) -> list[Part]:
    """Return the scenes with their casts and variants, not yet multiplied.

    Args:
        spec: Of the batch.
        filling: The casts by the roles that they fill.
        wrong: Scenes with a role that no cast fills are added.
        rows: Of the scenes that are from a table, by label.
    """
    variants = list(zip(variant_labels(spec.variants), spec.variants, strict=True))
    parts: list[Part] = []
    for label, scene in zip(scene_labels(spec.scenes), spec.scenes, strict=True):
        if filling.tried > _MOST_TRIED:
            break
        roles = _roles(scene)
        casts = filling.of(roles)
        if not casts:
            text = _unfilled_fault(roles, filling.roles)
            wrong.append(SceneFault(text, f'scene "{label}"', rows.get(label, 0)))
            casts = [unfilled(roles)]
        parts.append(Part(label, scene, casts, variants, rows.get(label, 0)))
    return parts


def too_much_of(spec: BatchSpec, product: Sequence[Part], filling: Filling) -> str | None:
    """Return why a plan is too large, without building it; None if it isn't."""
    videos, is_cut = sum(part.videos for part in product), filling.tried > _MOST_TRIED
    if videos > spec.max_videos:
        count = f"at least {videos}" if is_cut else f"{videos}"
        return f"max_videos={spec.max_videos}: the plan has {count} videos; raise it if intended"
    if is_cut:
        return (
            "too many combinations of roles and casts to try "
            f"(limit: {_MOST_TRIED:,}); split the batch"
        )
    shots = sum(part.shots for part in product)
    if shots > MOST_SHOTS:
        return f"{shots:,} shots exceed the limit of {MOST_SHOTS:,} per batch; split the batch"
    return None


def scene_faults(part: Part) -> Iterator[SceneFault]:
    """Yield the faults of a scene that can't be found in its requests."""
    scene = part.scene
    faults = [(cast.label, fault) for cast in part.casts for fault in _cast_faults(scene, cast)]
    if scene.source is not None:
        faults += [
            (name, "a remix or an extension takes no fallbacks")
            for name, variant in part.variants
            if variant.fallbacks
        ]
        asked = [(name, requested(scene, variant)) for name, variant in part.variants]
        faults += derived_faults(scene, asked)
    for name, fault in faults:
        about = f'scene "{part.label}"{f" with {name}" if name else ""}'
        yield SceneFault(fault, about, part.row, without_numbers(fault) if part.row else "")


def _cast_faults(scene: Scene, cast: ResolvedCast) -> Iterator[str]:
    if fault := url_fault(scene.character_url, cast):
        yield f"character_url: {fault}"
    if (length := resolved_length(scene.prompt, cast)) > MOST_CHARACTERS:
        yield f"prompt: {length:,} characters exceed the limit of {MOST_CHARACTERS:,}"


def _roles(scene: Scene) -> list[str]:
    """Return the roles that a scene names in its prompt or `character_url`."""
    by_url = role_of_url(scene.character_url)
    return list(dict.fromkeys([*roles_in(scene.prompt), *([by_url] if by_url else [])]))


def _unfilled_fault(roles: Sequence[str], filled: Collection[str]) -> str:
    missing = [role for role in roles if role not in filled] or roles
    names = ", ".join(f"{{{role}}}" for role in missing)
    return (
        f"no cast fills {names}; add the role to a cast, "
        f"or write {{{{{missing[0]}}}}} for literal braces"
    )
