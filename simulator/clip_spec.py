"""What a clip is made from, and how it can differ from what was ordered."""

from dataclasses import dataclass, replace
from typing import Literal

Sound = Literal["tones", "silence", "none"]
"""`none`: the file has no audio track."""

Picture = Literal["moving", "frozen", "black"]

DefectKind = Literal["half_length", "wrong_shape", "silent", "no_audio", "black", "frozen"]
"""`wrong_shape`: portrait for landscape, and the reverse; `silent`: an audio track without any
sound; `no_audio`: no audio track."""

_NOT_SQUARE = 16 / 9


@dataclass(frozen=True)
class Caption:
    """What is written on the frames.

    Args:
        prompt: What the video shows, and what its colours are drawn from.
        facts: How it was made, in one line.
        number: Which of the generation's outputs it is, from 1.
    """

    prompt: str
    facts: str
    number: int = 1


@dataclass(frozen=True)
class ClipSpec:
    """What a clip is made from; equal ones are encoded once.

    Args:
        width: In pixels, even.
        height: In pixels, even.
        seconds: How long it is.
        caption: What is written on it; None for a plain moving picture.
        sound: What is heard.
        picture: Whether it moves.
    """

    width: int
    height: int
    seconds: float
    caption: Caption | None = None
    sound: Sound = "tones"
    picture: Picture = "moving"


def with_defect(clip: ClipSpec, kind: DefectKind | None) -> ClipSpec:
    """The clip as it is delivered, when another one was ordered.

    Args:
        clip: As ordered.
        kind: What is wrong with it; None for nothing.

    Example:
        >>> with_defect(ClipSpec(320, 180, 10), "half_length").seconds
        5.0
    """
    square = clip.width == clip.height
    width = round(clip.width * _NOT_SQUARE) & ~1 if square else clip.height
    delivered: dict[DefectKind | None, ClipSpec] = {
        None: clip,
        "half_length": replace(clip, seconds=clip.seconds / 2),
        "wrong_shape": replace(clip, width=width, height=clip.width),
        "silent": replace(clip, sound="silence"),
        "no_audio": replace(clip, sound="none"),
        "black": replace(clip, picture="black"),
        "frozen": replace(clip, picture="frozen"),
    }
    return delivered[kind]
