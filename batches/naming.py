"""Names that people read: slugs, labels, the names of batches."""

import hashlib
import re
import string
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from prefect_toapis.batches.spec import Cast, Scene, Variant
from prefect_toapis.client.plain_text import printable

_SLUG = 40  # characters at most
_PROMPT_WORDS = 5
_LABEL = 1000  # characters of a scene, variant or cast in a shot's label
_TEMPLATE = 200  # characters of a batch's name at most, before its {date} and so on are filled in
# Folders beside the batches.
RESERVED = frozenset({"requests", "generations", "characters", "uploads"})

_DIGEST = 24  # characters
_HASHED = re.compile(r"(.*-)?[0-9a-f]{24}")  # what `task_folder` makes of what is no slug
_HEADER_SAFE = string.punctuation.replace("%", "")
_METADATA = 1_000  # characters: S3 keeps 2 KB in all

_BATCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_DATE = re.compile(r"\{(date|scheduled)(?::([^{}]*))?\}")


def slug(text: str) -> str:
    """A short ASCII name for a key; empty if nothing of the text can be kept.

    Example:
        >>> slug("Café in Lisbon!")
        'cafe-in-lisbon'
    """
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", ascii_text.lower())
    return words[:_SLUG].strip("-")


def task_folder(task_id: str) -> str:
    """The name of the folder for a generation without a shot: no two ids have the same.

    Args:
        task_id: The provider's id, of any characters.

    Example:
        >>> task_folder("a-b"), task_folder("A/B")
        ('a-b', 'a-b-998d3ed8983acf3905221679')
    """
    name = slug(task_id)
    if name and name == task_id and not _HASHED.fullmatch(name):
        return name
    digest = hashlib.sha256(task_id.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return "-".join(filter(None, [name, digest]))


def as_metadata(text: str) -> str:
    """A text as S3 keeps it beside an object: printable ASCII, what else there is as `%C3%BC`.

    Args:
        text: Of any characters; 1,000 of the result are kept.

    Example:
        >>> as_metadata("video_1"), as_metadata("für 1%")
        ('video_1', 'f%C3%BCr%201%25')
    """
    return quote(text, safe=_HEADER_SAFE, errors="replace")[:_METADATA]


def scene_labels(scenes: Sequence[Scene]) -> list[str]:
    """Each scene's name, or the first words of its prompt, or its number."""
    return _distinct([scene.name.strip() or slug(_first_words(scene)) for scene in scenes], "scene")


def variant_labels(variants: Sequence[Variant]) -> list[str]:
    """Each variant's name, or its settings in short: `sora-2-pro-15s-9x16-hd`."""
    return _distinct(
        [variant.name.strip() or slug(_settings(variant)) for variant in variants], "variant"
    )


def cast_labels(casts: Sequence[Cast]) -> list[str]:
    """Each cast's name, or its characters'."""
    return _distinct([cast.name.strip() or _characters(cast) for cast in casts], "cast")


def shot_label(scene: str, variant: str, cast: str, take: int) -> str:
    """A shot as people see it.

    Example:
        >>> shot_label("chase", "tall", "Turbo", 2)
        'chase / tall / Turbo, take 2'
    """
    label = " / ".join(printable(part, _LABEL) for part in (scene, variant, cast) if part)
    return f"{label}, take {take}" if take > 1 else label


def _distinct(labels: list[str], what: str) -> list[str]:
    """A label that came before, or is empty, gets the number of its place."""
    given = set(labels)
    distinct: dict[str, None] = {}  # in order
    for place, label in enumerate(labels, 1):
        name = label
        while not name or name in distinct or (name != label and name in given):
            name = f"{name or what}-{place}"
        distinct[name] = None
    return list(distinct)


def _first_words(scene: Scene) -> str:
    return " ".join(re.sub(r"[{}@]", " ", scene.prompt).split()[:_PROMPT_WORDS])


def _settings(variant: Variant) -> str:
    parts = [
        variant.model,
        f"{variant.duration}s" if variant.duration else "",
        (variant.aspect_ratio or "").replace(":", "x"),
        variant.style or "",
        "hd" if variant.hd else "",
        f"n{variant.n}" if variant.n != 1 else "",
    ]
    return "-".join(filter(None, parts))


def _characters(cast: Cast) -> str:
    return " + ".join(role.character for role in cast.roles)


@dataclass(frozen=True)
class RunFacts:
    """What a batch's name may speak of.

    Args:
        now: When the run began.
        scheduled: When it was due; the same where it wasn't scheduled.
        run: The id of the flow run.
    """

    now: datetime
    scheduled: datetime
    run: str


def batch_name(template: str | None, facts: RunFacts, time_zone: str) -> str:
    """The name of a batch.

    Args:
        template: May hold `{date}` (of the run), `{scheduled}` (the date it was due) and `{run}`.
            `{scheduled:Europe/Lisbon}` is the date there, in step with a schedule's time zone.
            None: a new batch, named `{date}-` and the first characters of the run's id.
        facts: What the template speaks of.
        time_zone: Where the other dates are.

    Raises:
        ValueError: The name can't be part of a key, or the time zone isn't known.

    Example:
        >>> from datetime import timezone
        >>> noon = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
        >>> batch_name("nightly-{scheduled}", RunFacts(noon, noon, "8f3c"), "Europe/Lisbon")
        'nightly-2026-11-22'
    """
    if template is not None and len(template) > _TEMPLATE:
        raise ValueError(f"batch={template[:_SLUG]!r}...: a name of {_TEMPLATE} characters at most")
    zone = _zone(time_zone)
    moments = {"date": facts.now, "scheduled": facts.scheduled}

    def date(word: re.Match[str]) -> str:
        there = _zone(word[2]) if word[2] else zone
        return f"{moments[word[1]].astimezone(there):%Y-%m-%d}"

    name = template if template is not None else f"{{date}}-{facts.run[:8]}"
    name = _DATE.sub(date, name).replace("{run}", facts.run)
    if name in RESERVED:
        raise ValueError(f"batch={template!r}: the bucket keeps other things there; choose another")
    if not _BATCH.fullmatch(name):
        raise ValueError(
            f"batch={template!r}: use letters, digits, '.', '_' and '-' (80 at most), "
            "and {date}, {scheduled} or {run}"
        )
    return name


def is_batch_name(name: str) -> bool:
    """Whether a batch may be called that, once its {date} and so on are filled in.

    Example:
        >>> is_batch_name("nightly-2026-11-22"), is_batch_name("../x")
        (True, False)
    """
    return _BATCH.fullmatch(name) is not None and name not in RESERVED


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"time_zone={name!r}: no such zone; write Europe/Lisbon") from None
