"""A generation, and what it is at a time: nothing runs while it renders."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.simulator.characters import Character
from prefect_toapis.simulator.clip_spec import Caption, ClipSpec
from prefect_toapis.simulator.dialects import DOCUMENTED, Status, Wording
from prefect_toapis.simulator.ledger import Kind

_QUEUED = 0.1  # the part of the render time that is spent in the queue
_DEFAULT_SECONDS = 10
_DEFAULT_RATIO = "16:9"
_RATIO = re.compile(r"(\d{1,4}):(\d{1,4})")
_MOST_OUTPUTS = 4  # [P]; a model that the catalogue doesn't know may be asked for anything
_WIDEST = 4  # a ratio beyond is drawn as the default


@dataclass(frozen=True)
class Output:
    """A video of a generation, and its path at the media port."""

    video_path: str
    thumbnail_path: str
    clip: ClipSpec


@dataclass(frozen=True)
class Order:
    """What a submission asks to be made.

    Args:
        kind: What it is.
        model: By which model.
        prompt: What a video shows; the URL or task that a character is made from.
        clips: What its videos show; a character has none.
        characters: How many characters come of it.
        thumbnails: Whether each video has one.
        private: Whether its videos can't be remixed.
    """

    kind: Kind
    model: str
    prompt: str = field(repr=False)  # may be a signed URL
    clips: tuple[ClipSpec, ...] = ()
    characters: int = 0
    thumbnails: bool = False
    private: bool = False


@dataclass(frozen=True)
class Handling:
    """What faults make of a generation.

    Args:
        hidden_seconds: For how long after its acceptance no query finds it.
        unnamed_seconds: For how long none by the caller's own id does.
        outputs: How many of its videos are shown once it is completed; None for all.
        partial_seconds: For how long after its completion; None for ever.
    """

    hidden_seconds: float = 0
    unnamed_seconds: float = 0
    outputs: int | None = None
    partial_seconds: float | None = None


@dataclass(frozen=True)
class Generation:
    """An accepted submission. Times are Unix seconds.

    Args:
        task_id: Its id.
        business_id: The caller's own id, if given.
        order: What was asked.
        characters: Those that come of it.
        created_at: When it was accepted.
        finished_at: When it is completed, or fails.
        expires_at: When its results can no longer be fetched.
        fails: Whether it fails in the end.
        visible_at: From when on queries find it.
        handling: How else it isn't as documented.
        wording: How replies about it are worded.
        folder: Where its files lie at the media port; empty: under its id.
    """

    task_id: str
    business_id: str | None
    order: Order
    characters: tuple[Character, ...]
    created_at: float
    finished_at: float
    expires_at: float
    fails: bool
    visible_at: float
    handling: Handling = Handling()
    wording: Wording = DOCUMENTED
    folder: str = ""

    def state(self, now: float) -> tuple[Status, int]:
        """Status and progress (0 to 100) at a time."""
        if now >= self.finished_at:
            return ("failed", 0) if self.fails else ("completed", 100)
        done = (now - self.created_at) / (self.finished_at - self.created_at)
        if done < _QUEUED:
            return "queued", 0
        return "in_progress", max(1, min(99, int(done * 100)))

    @property
    def metadata(self) -> dict[str, str]:
        """The size of a video, as the page writes it: `"320x180"`; nothing for a character."""
        if not self.order.clips:
            return {}
        clip = self.order.clips[0]
        return {"size": f"{clip.width}x{clip.height}"}

    def ready(self, now: float) -> list[Output]:
        """The videos that replies show at a time."""
        handling = self.handling
        lasts = handling.partial_seconds
        if lasts is not None and now >= self.finished_at + lasts:
            return list(self.outputs)
        return list(self.outputs)[: handling.outputs]

    @property
    def outputs(self) -> Iterator[Output]:
        """Its videos, `n` of them."""
        for number, clip in enumerate(self.order.clips, start=1):
            folder = f"/{self.folder or self.task_id}"
            yield Output(f"{folder}/video-{number}.mp4", f"{folder}/thumbnail-{number}.jpg", clip)


def clip_specs(
    request: VideoRequest, catalogue: Catalogue, short_side: int, *, captioned: bool
) -> tuple[ClipSpec, ...]:
    """What the outputs of a request show.

    Args:
        request: A request that was accepted.
        catalogue: Where the defaults of its model are looked up.
        short_side: Of the frames, in pixels.
        captioned: Whether to draw the prompt.
    """
    rules = catalogue.rules_of(request.model)
    defaults: dict[str, Any] = rules.defaults if rules else {}
    asked = request.duration or defaults.get("duration") or _DEFAULT_SECONDS
    # [P]: 1 s shorter with either; [A]: with both as well.
    shorter = bool(request.character_url or request.character_timestamps)
    seconds = max(1, asked - shorter)
    ratio = request.aspect_ratio or defaults.get("aspect_ratio") or _DEFAULT_RATIO
    width, height = frame_size(ratio, short_side)
    return tuple(
        ClipSpec(width, height, seconds, _caption(request, number, ratio) if captioned else None)
        for number in range(1, max(1, min(request.outputs, _MOST_OUTPUTS)) + 1)
    )


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


def _caption(request: VideoRequest, number: int, ratio: str) -> Caption:
    facts = [
        request.model,
        f"{request.duration} s" if request.duration else "",
        ratio,
        request.style or "",
        "HD" if request.hd else "",
        f"{number} of {request.outputs}" if request.outputs > 1 else "",
    ]
    return Caption(request.prompt, "  ·  ".join(fact for fact in facts if fact), number)
