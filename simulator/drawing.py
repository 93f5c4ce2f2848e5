"""The pictures of a clip: light that drifts over a dark ground, and the prompt on it."""

import hashlib
import math
import re

from PIL import Image, ImageDraw, ImageFont

from prefect_toapis.simulator.clip_spec import Caption, ClipSpec

Colour = tuple[int, int, int]

# Ground, then three lights.
_PALETTES: tuple[tuple[Colour, Colour, Colour, Colour], ...] = (
    ((13, 17, 48), (64, 93, 230), (225, 80, 160), (255, 166, 77)),  # dusk
    ((6, 30, 42), (0, 150, 160), (120, 220, 150), (40, 90, 200)),  # lagoon
    ((35, 10, 40), (160, 50, 200), (255, 95, 109), (255, 195, 113)),  # sunset
    ((8, 24, 32), (20, 110, 90), (200, 220, 90), (20, 150, 190)),  # meadow
    ((28, 12, 16), (200, 60, 60), (250, 150, 60), (110, 40, 140)),  # ember
    ((10, 14, 30), (60, 60, 190), (90, 200, 250), (190, 120, 250)),  # ice
    ((22, 20, 40), (120, 80, 220), (60, 200, 200), (240, 120, 180)),  # aurora
    ((30, 22, 14), (200, 120, 50), (240, 210, 140), (90, 120, 160)),  # dune
)
_SHRINK = 8  # light has no edges: it is painted small and enlarged
_EDGE = 181  # what Pillow's radial gradient has in the middle of each side
_LINES = 5
_LEADING = 1.25  # from line to line, in heights of a letter
_SMALLEST = 0.06  # letters of a prompt, as a share of the short side
_LONGEST = 400  # characters of a prompt that are looked at
_HANDLE = re.compile(r"@[\w.]+")


class Scenery:
    """Paints the frames of one clip.

    Args:
        spec: The clip.
    """

    def __init__(self, spec: ClipSpec) -> None:
        self._size = (spec.width, spec.height)
        self._seconds = spec.seconds
        caption = spec.caption
        seed = hashlib.sha256((caption.prompt if caption else "").encode()).digest()
        turn = caption.number - 1 if caption else 0
        self._ground, *self._lights = _PALETTES[(seed[0] + turn) % len(_PALETTES)]
        self._phase = seed[1] / 255 * math.tau
        self._glow = Image.radial_gradient("L").point([_brightness(value) for value in range(256)])
        self._picture = spec.picture
        self._overlay = _write(caption, self._size) if caption else None

    def frame(self, at: float) -> Image.Image:
        """The picture at a time, in seconds."""
        width, height = self._size
        if self._picture == "black":
            return Image.new("RGB", self._size)
        if self._picture == "frozen":
            at = 0
        small = (width // _SHRINK, height // _SHRINK)
        picture = Image.new("RGB", small, self._ground)
        for number, light in enumerate(self._lights):
            picture.paste(light, mask=self._shine(small, number, at))
        picture = picture.resize(self._size, Image.Resampling.BICUBIC)
        if self._overlay:
            picture.paste(self._overlay, mask=self._overlay)
        played = max(1, round(width * at / self._seconds))
        ImageDraw.Draw(picture).rectangle((0, height - 3, played, height), fill=(255, 255, 255))
        return picture

    def _shine(self, size: tuple[int, int], number: int, at: float) -> Image.Image:
        width, height = size
        angle = self._phase + number * math.tau / 3 + at * (0.35 + 0.1 * number)
        x = width * (0.5 + 0.38 * math.cos(angle))
        y = height * (0.5 + 0.34 * math.sin(angle * 1.3))
        scale = 256 / (max(width, height) * (1.7 - 0.2 * number))
        # From a place in the picture to one in the glow; exact to a fraction of a pixel.
        where = (scale, 0, 128 - x * scale, 0, scale, 128 - y * scale)
        return self._glow.transform(size, Image.Transform.AFFINE, where, Image.Resampling.BILINEAR)


def _brightness(distance: int) -> int:
    """Soft in the middle, and nothing at the edge."""
    near = max(0.0, 1 - distance / _EDGE)
    return round(240 * near * near * (3 - 2 * near))


def _write(caption: Caption, size: tuple[int, int]) -> Image.Image:
    """The words on a transparent ground, over a shade that keeps them readable."""
    width, height = size
    margin = round(min(size) * 0.07)
    overlay = Image.new("RGBA", size)
    shade = Image.linear_gradient("L").resize(size).point([value * 2 // 3 for value in range(256)])
    overlay.putalpha(shade)
    draw = ImageDraw.Draw(overlay)
    small = _font(min(size) * 0.042)
    draw.text((margin, margin), "ToAPIs simulator", font=small, fill=(255, 255, 255, 170))

    bottom = height - margin - small.size
    draw.text((margin, bottom), caption.facts, font=small, fill=(255, 255, 255, 200))
    font, lines = lettering(caption.prompt, width - 2 * margin, height * 0.55, min(size))
    step = font.size * _LEADING
    top = bottom - margin * 0.5 - step * len(lines)
    for number, line in enumerate(lines):
        _write_line(draw, (margin, top + number * step), line, font)
    return overlay


def _write_line(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    line: str,
    font: ImageFont.FreeTypeFont,
) -> None:
    x, y = place
    for word in line.split():
        name = _HANDLE.match(word)
        colour = (255, 226, 140, 255) if name else (255, 255, 255, 255)
        draw.text((x + 1, y + 1), word, font=font, fill=(0, 0, 0, 120))
        draw.text((x, y), word, font=font, fill=colour)
        x += font.getlength(word + " ")


def lettering(
    prompt: str, width: float, height: float, short_side: int
) -> tuple[ImageFont.FreeTypeFont, list[str]]:
    """The largest letters in which the prompt fits, else its beginning in the smallest.

    Args:
        prompt: What is written.
        width: That a line may have, in pixels.
        height: That all lines may have, in pixels.
        short_side: Of the frames, in pixels.

    Returns:
        The letters, and the lines. A name such as `@duksvfkf.turbo_whis` is broken only if it
        doesn't fit even in the smallest.
    """
    prompt = prompt if len(prompt) <= _LONGEST else f"{prompt[:_LONGEST]}…"
    names = [word for word in prompt.split() if _HANDLE.match(word)]
    for share in (0.11, 0.09, 0.075, _SMALLEST):
        font = _font(short_side * share)
        if share > _SMALLEST and any(font.getlength(name) > width for name in names):
            continue
        lines = _wrap(prompt, font, width)
        if len(lines) <= _LINES and len(lines) * font.size * _LEADING <= height:
            return font, lines
    font = _font(short_side * _SMALLEST)
    *lines, last = _wrap(prompt, font, width)[:_LINES]
    return font, [*lines, f"{last[:-2]}…"]


def _font(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size=max(9, round(size)))
    if isinstance(font, ImageFont.FreeTypeFont):
        return font
    raise ImportError("Pillow was built without FreeType, which draws the prompts")


def _wrap(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    lines: list[str] = []
    for piece in (piece for word in text.split() for piece in _pieces(word, font, width)):
        longer = f"{lines[-1]} {piece}" if lines else piece
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(piece)
    return lines


def _pieces(word: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """A word that is too long for a line (or a language without spaces), broken."""
    length = font.getlength(word)
    if length <= width:
        return [word]
    step = max(1, int(len(word) * width / length * 0.9))
    return [word[start : start + step] for start in range(0, len(word), step)]
