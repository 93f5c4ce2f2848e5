"""A generation, and what it is at a time: nothing runs while it renders."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from prefect_toapis.simulator.characters import Character
from prefect_toapis.simulator.clip_spec import ClipSpec, DefectKind, with_defect
from prefect_toapis.simulator.dialects import DOCUMENTED, Status, Wording
from prefect_toapis.simulator.ledger import Kind

_QUEUED = 0.1  # the part of the render time that is spent in the queue


@dataclass(frozen=True)
class Output:
    """A video of a generation, and its path at the media port."""

    video_path: str
    thumbnail_path: str
    clip: ClipSpec


@dataclass(frozen=True)
class Failure:
    """Why a generation fails."""

    code: str = "generation_failed"
    message: str = "Content violates the content policy"


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
        off_peak: Whether it may take up to 48 hours.
        failure: Why it fails while it is rendered; None if it doesn't.
        price: In credits; None for the usual one.
    """

    kind: Kind
    model: str
    prompt: str = field(repr=False)  # may be a signed URL
    clips: tuple[ClipSpec, ...] = ()
    characters: int = 0
    thumbnails: bool = False
    private: bool = False
    off_peak: bool = False
    failure: Failure | None = None
    price: float | None = None


@dataclass(frozen=True)
class Handling:
    """What faults make of a generation.

    Args:
        hidden_seconds: For how long after its acceptance no query finds it.
        unnamed_seconds: For how long none by the caller's own id does.
        outputs: How many of its videos are shown once it is completed; None for all.
        partial_seconds: For how long after its completion; None for ever.
        defect: What is wrong with its videos; None for nothing.
        defect_number: With which of them, from 1; None for all.
    """

    hidden_seconds: float = 0
    unnamed_seconds: float = 0
    outputs: int | None = None
    partial_seconds: float | None = None
    defect: DefectKind | None = None
    defect_number: int | None = None


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
        failure: Why it fails in the end; None if it doesn't.
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
    failure: Failure | None
    visible_at: float
    handling: Handling = Handling()
    wording: Wording = DOCUMENTED
    folder: str = ""

    def state(self, now: float) -> tuple[Status, int]:
        """Status and progress (0 to 100) at a time."""
        if now >= self.finished_at:
            return ("failed", 0) if self.failure else ("completed", 100)
        done = (now - self.created_at) / (self.finished_at - self.created_at)
        if done < _QUEUED:
            return "queued", 0
        return "in_progress", max(1, min(99, int(done * 100)))

    @property
    def metadata(self) -> dict[str, str]:
        """The size of a video as ordered, `"320x180"`; nothing for a character."""
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
        """Its videos, `n` of them, as they are delivered."""
        folder = f"/{self.folder or self.task_id}"
        for number, clip in enumerate(self.order.clips, start=1):
            meant = self.handling.defect_number in {None, number}
            made = with_defect(clip, self.handling.defect if meant else None)
            yield Output(f"{folder}/video-{number}.mp4", f"{folder}/thumbnail-{number}.jpg", made)
