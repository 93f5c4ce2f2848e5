"""What a model requires of the files in its fields, beyond the limits of uploads."""

import io
import struct
from typing import NamedTuple

import imagesize
from pydantic import BaseModel, ConfigDict, Field

from prefect_toapis.client.media import HEAD, SUFFIXES, Kind, media_type


class MediaContent(NamedTuple):
    """What is known of a file's content.

    Args:
        kind: Image or video.
        media_type: Such as `image/png`; None if unknown.
        size: In bytes.
        pixels: Width and height of an image; None if unknown.
    """

    kind: Kind
    media_type: str | None
    size: int
    pixels: tuple[int, int] | None = None


def media_content(content: bytes, kind: Kind) -> MediaContent:
    """What is known of a file's content, from its first bytes.

    Args:
        content: Of the whole file.
        kind: Image or video.

    Example:
        >>> gif = b"GIF89a" + bytes([64, 0, 36, 0]) + bytes(20)
        >>> media_content(gif, "image")
        MediaContent(kind='image', media_type='image/gif', size=30, pixels=(64, 36))
    """
    found = media_type(content[:HEAD], kind)
    pixels = _pixels(content) if kind == "image" and found else None
    return MediaContent(kind, found, len(content), pixels)


def _pixels(content: bytes) -> tuple[int, int] | None:
    try:
        width, height = imagesize.get(io.BytesIO(content))
    except (ValueError, LookupError, ArithmeticError, EOFError, struct.error):  # it is damaged
        return None
    return (width, height) if width > 0 and height > 0 else None


class MediaLimits(BaseModel):
    """What a file must be like.

    Args:
        formats: The accepted formats by their usual suffix; empty: those of uploads.
        megabytes: The largest size; uploads have a limit of their own.
        sizes: The accepted sizes of an image in pixels, as `1280x720`; empty: any.
        sides: The shortest and the longest side of an image in pixels.
        ratio: The smallest and the largest width of an image, divided by its height.

    Example:
        >>> limits = MediaLimits(sizes=("1280x720", "720x1280"))
        >>> limits.fault(MediaContent("image", "image/png", 900_000, (640, 480)))
        'it is 640x480 pixels; this model takes 1280x720 or 720x1280'
    """

    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid", frozen=True)

    formats: tuple[str, ...] = ()
    megabytes: float | None = Field(default=None, gt=0)
    sizes: tuple[str, ...] = ()
    sides: tuple[int, int] | None = None
    ratio: tuple[float, float] | None = None

    def fault(self, content: MediaContent) -> str | None:
        """Why a model rejects a file; None if it accepts it, as far as is known."""
        suffix = SUFFIXES.get(content.media_type or "", "of another format")
        if self.formats and suffix not in self.formats:
            return f"it is {suffix}; this model takes {_either(self.formats)}"
        if self.megabytes and content.size > self.megabytes * 1024 * 1024:
            limit = f"the {self.megabytes:g} MB limit of this model"
            return f"{content.size / 1_000_000:.1f} MB exceeds {limit}"
        return self._pixels_fault(*content.pixels) if content.pixels else None

    def _pixels_fault(self, width: int, height: int) -> str | None:
        size = f"{width}x{height}"
        if self.sizes and size not in self.sizes:
            return f"it is {size} pixels; this model takes {_either(self.sizes)}"
        if (
            self.sides
            and not self.sides[0] <= min(width, height) <= max(width, height) <= self.sides[1]
        ):
            shortest, longest = self.sides
            return f"it is {size} pixels; this model takes sides of {shortest} to {longest}"
        if self.ratio and not self.ratio[0] <= width / max(height, 1) <= self.ratio[1]:
            low, high = self.ratio
            return f"it is {size} pixels; this model takes ratios of {low:g} to {high:g}"
        return None


def _either(options: tuple[str, ...]) -> str:
    *most, last = options
    return f"{', '.join(most)} or {last}" if most else last
