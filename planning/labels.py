"""Human-readable names: slugs, labels, the names of batches."""

import hashlib
import re
import string
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from prefect_toapis.client.plain_text import printable
from prefect_toapis.planning.spec import BatchSpec, Cast, Scene, Variant

_OWN_SHOWN = 10  # characters of a value in a label
_SLUG = 40  # characters at most
_PROMPT_WORDS = 5
_OWN_SHOWN = 10  # characters of a value in a label
_LABEL = 1000  # characters of a scene, variant or cast in a shot's label
_TEMPLATE = 200  # maximum length of a batch's name before placeholders are filled in
# Folders next to those of the batches.
RESERVED = frozenset({"requests", "generations", "characters", "uploads", "specs"})

_BATCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_DATE = re.compile(r"\{(date|scheduled)(?::([^{}]*))?\}")

_DIGEST = 24  # characters of the hash of a task id that isn't a slug
_HASHED = re.compile(r"(.*-)?[0-9a-f]{24}")  # what `task_folder` returns for ids that aren't slugs
_HEADER_SAFE = string.punctuation.replace("%", "")
_METADATA = 1_000  # characters of a metadata value: S3 keeps 2 KB in all


def slug(text: str) -> str:
    """Return a short ASCII name for use in a key; empty if no character can be kept.

    Example:
        >>> slug("Café in Lisbon!")
        'cafe-in-lisbon'
    """
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", ascii_text.lower())
    return words[:_SLUG].strip("-")


def scene_labels(scenes: Sequence[Scene]) -> list[str]:
    """Return each scene's name, or else the first words of its prompt, or its number."""
    return _distinct([scene.name.strip() or slug(_first_words(scene)) for scene in scenes], "scene")


def rows_by_scene(spec: BatchSpec) -> dict[str, int]:
    """Return the row of each scene that is from a table, by the scene's label."""
    return dict(zip(scene_labels(spec.scenes), spec.table_rows.numbers, strict=False))


def variant_labels(variants: Sequence[Variant]) -> list[str]:
    """Return each variant's name, or else a short form of it: `sora-2-pro-15s-9x16-hd`."""
    return _distinct(
        [variant.name.strip() or slug(_settings(variant)) for variant in variants], "variant"
    )


def cast_labels(casts: Sequence[Cast]) -> list[str]:
    """Return each cast's name, or else the names of its characters."""
    return _distinct([cast.name.strip() or _characters(cast) for cast in casts], "cast")


def shot_label(scene: str, variant: str, cast: str, take: int) -> str:
    """Return the display label of a shot.

    Example:
        >>> shot_label("chase", "tall", "Turbo", 2)
        'chase / tall / Turbo, take 2'
    """
    label = " / ".join(printable(part, _LABEL) for part in (scene, variant, cast) if part)
    return f"{label}, take {take}" if take > 1 else label


@dataclass(frozen=True)
class RunFacts:
    """The values of placeholders in a batch's name.

    Args:
        now: When the run started.
        scheduled: When it was scheduled; the start time if it wasn't.
        run: The id of the flow run.
    """

    now: datetime
    scheduled: datetime
    run: str


def batch_name(template: str | None, facts: RunFacts, time_zone: str) -> str:
    """Fill in the placeholders of a batch's name.

    Args:
        template: May contain `{date}` (of the run), `{scheduled}` (the scheduled date) and
            `{run}`. `{scheduled:Europe/Lisbon}` is the date in that time zone. None: a new batch,
            named `{date}-` and the first characters of the run's id.
        facts: The values of the placeholders.
        time_zone: For placeholders without a time zone.

    Raises:
        ValueError: The name isn't valid in a key, or the time zone is unknown.

    Example:
        >>> from datetime import timezone
        >>> noon = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
        >>> batch_name("nightly-{scheduled}", RunFacts(noon, noon, "8f3c"), "Europe/Lisbon")
        'nightly-2026-11-22'
    """
    if template is not None and len(template) > _TEMPLATE:
        raise ValueError(
            f"batch={template[:_SLUG]!r}...: exceeds the limit of {_TEMPLATE} characters for names"
        )
    zone = _zone(time_zone)
    moments = {"date": facts.now, "scheduled": facts.scheduled}

    def date(word: re.Match[str]) -> str:
        there = _zone(word[2]) if word[2] else zone
        return f"{moments[word[1]].astimezone(there):%Y-%m-%d}"

    name = template if template is not None else f"{{date}}-{facts.run[:8]}"
    name = _DATE.sub(date, name).replace("{run}", facts.run)
    if name in RESERVED:
        raise ValueError(f"batch={template!r}: the name is reserved; choose another")
    if not _BATCH.fullmatch(name):
        raise ValueError(
            f"batch={template!r}: use letters, digits, '.', '_' and '-' (80 at most), "
            "and {date}, {scheduled} or {run}"
        )
    return name


def batch_of_file(path: str) -> str:
    """Return the name of the batch of a spec file or table that doesn't name one.

    Args:
        path: Of the file, or `s3://bucket/key`.

    Example:
        >>> batch_of_file("specs/Lisbon at night.csv"), batch_of_file("s3://studio/nightly.yaml")
        ('lisbon-at-night', 'nightly')
    """
    name = path.rpartition("/")[2]
    stem = name.rpartition(".")[0] or name
    if is_batch_name(stem):
        return stem
    plain = slug(stem)
    if not plain or plain in RESERVED:
        digest = hashlib.sha256(stem.encode("utf-8", "surrogatepass")).hexdigest()
        return "-".join(filter(None, [plain, digest[:8]]))
    return plain


def batch_of_spec(name: str | None, path: str, run: str, *, new: bool) -> str:
    """Return the name of a spec file's batch, with its placeholders.

    Args:
        name: As the caller or the file gives it; None: the file's own name.
        path: Of the file, or `s3://bucket/key`.
        run: The id of the flow run.
        new: Whether to begin another batch, by adding the start of the run's id.

    Example:
        >>> batch_of_spec(None, "specs/lisbon.csv", "8f3c2a1b-77d0", new=True)
        'lisbon-8f3c2a1b'
    """
    base = batch_of_file(path) if name is None else name
    return f"{base}-{run[:8]}" if new else base


def is_batch_name(name: str) -> bool:
    """Return whether a name is valid for a batch, after placeholders are filled in.

    Example:
        >>> is_batch_name("nightly-2026-11-22"), is_batch_name("../x")
        (True, False)
    """
    return _BATCH.fullmatch(name) is not None and name not in RESERVED


def task_folder(task_id: str) -> str:
    """Return the folder name of a generation without a shot, unique for each id.

    Args:
        task_id: The provider's id; it may contain any characters.

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
    """Encode a text for S3 object metadata: printable ASCII, the rest percent-encoded.

    Args:
        text: Any text; the result is cut to 1,000 characters.

    Example:
        >>> as_metadata("video_1"), as_metadata("für 1%")
        ('video_1', 'f%C3%BCr%201%25')
    """
    return quote(text, safe=_HEADER_SAFE, errors="replace")[:_METADATA]


def _distinct(labels: list[str], what: str) -> list[str]:
    """Append the position to labels that are empty or duplicates."""
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
        f"n{variant.outputs}" if variant.outputs != 1 else "",
        *(_own_setting(name, value) for name, value in variant.extra.items()),
    ]
    return "-".join(filter(None, parts))


def _own_setting(name: str, value: object) -> str:
    """The value of a field that only some models have, if it is short; empty otherwise."""
    if isinstance(value, bool):
        return name if value else f"no-{name}"
    if isinstance(value, (int, float)):
        return f"{name}-{value}"
    return value if isinstance(value, str) and len(value) <= _OWN_SHOWN else ""


def _characters(cast: Cast) -> str:
    return " + ".join(role.character for role in cast.roles)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"time_zone={name!r}: unknown time zone; use a name such as Europe/Lisbon"
        ) from None
