"""The shape of a video as it was ordered: width, height, seconds, sound."""

import re
from typing import Final

from prefect_toapis.simulator.clip_spec import Caption, ClipSpec
from prefect_toapis.simulator.model_rules import Ordered

_AUTOMATIC_SECONDS = 5  # where the provider chooses the duration
_DEFAULT_RATIO = "16:9"
_RATIO_FIELDS = ("aspect_ratio", "size")
_RATIO = re.compile(r"(\d{1,4})[:x](\d{1,4})")
_LINES = re.compile(r"(\d{3,4})[pP]")
_K_LINES: Final = {"2k": 1440, "4k": 2160}
_MODE_LINES: Final = {"std": 720, "pro": 1080}  # [D]: Kling's modes
_DEFAULT_LINES = 720
_HD_LINES = 1080
_FEWEST_LINES, _MOST_LINES = 64, 2160
_MOST_OUTPUTS = 4  # [P]; a model that isn't documented may be asked for anything
_LONGEST_SECONDS = 60  # likewise
_WIDEST = 4  # a ratio beyond is drawn as the default


def clip_specs(
    ordered: Ordered, short_side: int | None, *, captioned: bool
) -> tuple[ClipSpec, ...]:
    """What the outputs of a request show.

    Args:
        ordered: A request that was accepted.
        short_side: Of the frames, in pixels; None: the ordered size.
        captioned: Whether to draw the prompt.
    """
    ratio = ratio_of(ordered)
    width, height = frame_size(ratio, short_side or lines_of(ordered))
    seconds, count = seconds_of(ordered), outputs_of(ordered)
    return tuple(
        ClipSpec(
            width,
            height,
            seconds,
            _caption(ordered, number, ratio, count) if captioned else None,
            "tones" if has_sound(ordered) else "none",
        )
        for number in range(1, count + 1)
    )


def ratio_of(ordered: Ordered) -> str:
    """The aspect ratio, as it was ordered or by default; a size such as 1280x720 is one, too."""
    found = [ordered.sent.get(name) for name in _RATIO_FIELDS]
    found += [ordered.value(name) for name in _RATIO_FIELDS]
    return next((shape for shape in found if isinstance(shape, str) and shape), _DEFAULT_RATIO)


def lines_of(ordered: Ordered) -> int:
    """The shorter side, in pixels: of 720p it is 720.

    Example:
        >>> from prefect_toapis.simulator.documented_models import DOCUMENTED
        >>> lines_of(Ordered("MiniMax-H3", DOCUMENTED["MiniMax-H3"], {"resolution": "768p"}))
        768
    """
    wanted = str(ordered.value("resolution") or ordered.value("quality") or "").lower()
    if wanted in _K_LINES:
        return _K_LINES[wanted]
    if match := _LINES.fullmatch(wanted):
        return min(max(int(match[1]), _FEWEST_LINES), _MOST_LINES) & ~1
    if ordered.value("hd") is True:
        return _HD_LINES
    return _MODE_LINES.get(str(ordered.value("mode")), _DEFAULT_LINES)


def seconds_of(ordered: Ordered) -> int:
    """How long the video is, in seconds; an automatic duration is 5."""
    wanted = ordered.value("duration")
    if not isinstance(wanted, int) or wanted <= 0:
        wanted = _AUTOMATIC_SECONDS
    # [P]: 1 s shorter with either; [A]: with both as well.
    shorter = ordered.has("character_url") or ordered.has("character_timestamps")
    return max(1, min(wanted, _LONGEST_SECONDS) - shorter)


def outputs_of(ordered: Ordered) -> int:
    """How many videos there are."""
    wanted = ordered.value("n")
    return max(1, min(wanted, _MOST_OUTPUTS)) if isinstance(wanted, int) else 1


def has_sound(ordered: Ordered) -> bool:
    """Whether the video has sound: where a field decides it, only if it is ordered."""
    return not ordered.rules.sound or ordered.value(ordered.rules.sound) is True


def frame_size(aspect_ratio: str, short_side: int) -> tuple[int, int]:
    """Width and height in pixels, both even.

    Example:
        >>> frame_size("16:9", 180), frame_size("9:16", 180)
        ((320, 180), (180, 320))
    """
    match = _RATIO.fullmatch(aspect_ratio)
    wide, high = (int(match[1]), int(match[2])) if match else (16, 9)
    if not (wide and high and 1 / _WIDEST <= wide / high <= _WIDEST):
        wide, high = 16, 9
    long_side = round(short_side * max(wide, high) / min(wide, high) / 2) * 2
    return (long_side, short_side) if wide >= high else (short_side, long_side)


def _caption(ordered: Ordered, number: int, ratio: str, count: int) -> Caption:
    duration = ordered.sent.get("duration")
    words = [ordered.value(name) for name in ("resolution", "mode", "style")]
    facts = [
        ordered.model,
        f"{duration} s" if duration else "",
        ratio,
        *(word for word in words if isinstance(word, str)),
        "HD" if ordered.value("hd") else "",
        f"{number} of {count}" if count > 1 else "",
    ]
    text = "  ·  ".join(fact for fact in facts if fact)
    return Caption(str(ordered.value("prompt") or ""), text, number)
