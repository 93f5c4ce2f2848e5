"""Image dimensions from the header, checked before decoding, which takes 4 bytes per pixel."""

import re
from collections.abc import Iterator

MOST_PIXELS = 50_000_000  # half again as many as a frame of an 8K video

_PNG = b"\x89PNG\r\n\x1a\n"
# The chunks of a PNG that are needed. Others (texts, profiles) may decompress into gigabytes.
_PNG_PICTURE = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_SOF = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # JPEG: a frame's header
_ALONE = {0x01, *range(0xD0, 0xD9)}  # JPEG: markers without a length
_VP8_KEY_FRAME = re.compile(rb"...\x9d\x01\x2a", re.DOTALL)


def image_size(image: bytes) -> tuple[int, int] | None:
    r"""Return width and height of a JPEG, PNG, WebP or GIF in pixels; None if unknown.

    Args:
        image: The whole file: in a JPEG, the size may come after large embedded previews.

    Example:
        >>> image_size(b"GIF89a\x40\x01\xf0\x00")
        (320, 240)
    """
    if image.startswith(_PNG):
        return _big(image[16:20], image[20:24])
    if image.startswith((b"GIF87a", b"GIF89a")):
        return _little(image[6:8], image[8:10])
    if image.startswith(b"RIFF") and image[8:12] == b"WEBP":
        return _webp(image[12:16], image[20:30])
    if image.startswith(b"\xff\xd8"):
        return _jpeg(image)
    return None


def pixels_fault(width: int, height: int) -> str | None:
    """Return why an image of this size is not decoded; None if it is.

    Example:
        >>> pixels_fault(16_000, 15_000)
        '16000 x 15000 pixels exceed the limit of 50 million'
    """
    if width * height <= MOST_PIXELS:
        return None
    return f"{width} x {height} pixels exceed the limit of {MOST_PIXELS // 1_000_000} million"


def bare(image: bytes) -> bytes:
    """Return the image without optional PNG chunks, which may decompress into gigabytes.

    Example:
        >>> bare(b"GIF89a...")
        b'GIF89a...'
    """
    if not image.startswith(_PNG):
        return image
    return _PNG + b"".join(part for name, part in _png_chunks(image) if name in _PNG_PICTURE)


def _png_chunks(image: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = len(_PNG)
    while start + 8 <= len(image):
        end = start + 12 + int.from_bytes(image[start : start + 4], "big")
        yield image[start + 4 : start + 8], image[start:end]
        start = end


def _webp(kind: bytes, data: bytes) -> tuple[int, int] | None:
    if kind == b"VP8 " and _VP8_KEY_FRAME.match(data):
        width, height = _little(data[6:8], data[8:10]) or (0, 0)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and len(data) >= 5:
        packed = int.from_bytes(data[1:5], "little")
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    if kind == b"VP8X" and len(data) == 10:
        width, height = _little(data[4:7], data[7:10]) or (0, 0)
        return width + 1, height + 1
    return None


def _jpeg(image: bytes) -> tuple[int, int] | None:
    start = 2
    while start + 4 <= len(image) and image[start] == 0xFF:
        marker = image[start + 1]
        if marker in _SOF:
            found = _big(image[start + 5 : start + 7], image[start + 7 : start + 9])
            return (found[1], found[0]) if found else None
        if marker == 0xFF:  # fill byte
            start += 1
        elif marker in _ALONE:
            start += 2
        else:
            start += 2 + max(2, int.from_bytes(image[start + 2 : start + 4], "big"))
    return None


def _big(first: bytes, second: bytes) -> tuple[int, int] | None:
    return _pair(int.from_bytes(first, "big"), int.from_bytes(second, "big"))


def _little(first: bytes, second: bytes) -> tuple[int, int] | None:
    return _pair(int.from_bytes(first, "little"), int.from_bytes(second, "little"))


def _pair(first: int, second: int) -> tuple[int, int] | None:
    return (first, second) if first and second else None
