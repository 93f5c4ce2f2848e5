"""What a clip is made from."""

from dataclasses import dataclass


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
    """

    width: int
    height: int
    seconds: int
    caption: Caption | None = None
