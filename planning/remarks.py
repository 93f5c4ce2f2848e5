"""What a video should be like by its order, and remarks on how it differs. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.media_facts import MediaFacts
from prefect_toapis.client.model_rules import ModelRules
from prefect_toapis.client.requests import GenerationRequest, VideoRequest, flat_fields

_SECONDS_OFF = 1.0
_SHAPE_OFF = 0.03  # models round to multiples of 8 or 16 pixels
_SHORTENING = 1.0  # [P]: seconds, by a reference video
_RATIO = re.compile(r"([1-9]\d{0,4})\s*[:x*]\s*([1-9]\d{0,4})", re.ASCII)
_SOUND = ("audio", "generate_audio", "generateAudio")  # [D]: by family
_SHAPE = ("aspect_ratio", "size")  # [D]: by family
_REFERENCES = {"character_url", "character_timestamps"}
_EDITS = {"edit", "extend", "video-edit"}  # of `video_operation`, `action`, `task` ([D])


@dataclass(frozen=True)
class Expected:
    """What the order lets expect of each of its videos; None: nothing.

    Args:
        seconds: The ordered length.
        shortening: Seconds by which it may be shorter, as documented.
        shape: The ordered ratio, as written.
        sound: Whether sound was ordered.
    """

    seconds: float | None = None
    shortening: float = 0
    shape: str | None = None
    sound: bool = False


def expected_of(request: GenerationRequest, catalogue: Catalogue) -> Expected:
    """Return what an order lets expect, by its fields or else the model's defaults.

    A length of 0 or -1 is up to the model, and so is that of a video which is edited or extended.
    An undocumented sum: with both a reference video and timestamps, 1 or 2 s may be missing ([P]).

    Args:
        request: What was sent.
        catalogue: Has the models' defaults.

    Example:
        >>> expected_of(VideoRequest(prompt="A dog", duration=10), Catalogue.shipped()).seconds
        10.0
    """
    given = flat_fields(request.given())
    rules = catalogue.rules_of(request.model)
    defaults = rules.defaults if rules and isinstance(request, VideoRequest) else {}
    sent = {**defaults, **given}
    edited = any(sent.get(name) in _EDITS for name in ("video_operation", "action", "task"))
    # Without a value of its own, a video has the shape of what it is made from, and may have the
    # length of a video.
    length = given if rules and _media_fields(rules, {"video"}) & given.keys() else sent
    from_media = rules and _media_fields(rules, {"image", "video"}) & given.keys()
    shape = given if edited or from_media else sent
    return Expected(
        seconds=None if edited else _positive(length.get("duration")),
        shortening=_SHORTENING * len(_REFERENCES & given.keys()),
        shape=next((str(shape[name]) for name in _SHAPE if _ratio(shape.get(name))), None),
        sound=any(sent.get(name) is True for name in _SOUND),
    )


def remarks_on(expected: Expected, facts: MediaFacts) -> list[str]:
    """Return how a video differs from its order; nothing is said of what isn't known.

    Args:
        expected: From the order.
        facts: Of the video.

    Example:
        >>> remarks_on(Expected(seconds=10), MediaFacts(seconds=4.0))
        ['4.0 s long, 10 s were ordered']
    """
    remarks: list[str] = []
    if expected.seconds and facts.seconds is not None and _is_off(expected, facts.seconds):
        remarks.append(f"{facts.seconds:.1f} s long, {expected.seconds:g} s were ordered")
    if facts.width and facts.height and (ordered := _ratio(expected.shape)):
        shape = facts.width / facts.height
        if abs(shape / ordered - 1) > _SHAPE_OFF:
            remarks.append(f"{facts.width} x {facts.height} pixels, {expected.shape} was ordered")
    if expected.sound and facts.has_audio is False:
        remarks.append("no sound track, sound was ordered")
    return remarks


def _media_fields(rules: ModelRules, kinds: Collection[str]) -> set[str]:
    """Return the fields of a model that hold files of some kinds, or objects with such files."""
    return {
        name
        for name, rule in rules.fields.items()
        if rule.media in kinds or any(item.media in kinds for item in rule.items.values())
    }


def _is_off(expected: Expected, seconds: float) -> bool:
    ordered = expected.seconds or 0
    return not ordered - expected.shortening - _SECONDS_OFF <= seconds <= ordered + _SECONDS_OFF


def _positive(duration: Any) -> float | None:
    is_number = isinstance(duration, int | float) and not isinstance(duration, bool)
    return float(duration) if is_number and duration > 0 else None


def _ratio(shape: Any) -> float | None:
    """Return the width of a shape such as `16:9` or `1280x720` by its height."""
    match = _RATIO.fullmatch(shape.strip()) if isinstance(shape, str) else None
    return int(match[1]) / int(match[2]) if match else None
