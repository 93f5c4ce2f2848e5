"""Thumbnails: first frames of videos, and resized images, with bounded memory."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame


MOST_PIXELS = 50_000_000  # half again as many as a frame of an 8K video

_PNG = b"\x89PNG\r\n\x1a\n"
# The chunks of a PNG that are needed. Others (texts, profiles) may decompress into gigabytes.
_PNG_PICTURE = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_SOF = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # JPEG: a frame's header
_ALONE = {0x01, *range(0xD0, 0xD9)}  # JPEG: markers without a length
_VP8_KEY_FRAME = re.compile(rb"...\x9d\x01\x2a", re.DOTALL)

POSTER_TYPE = "image/jpeg"
_POSTER = 640  # pixels

# Only formats that are stored: FFmpeg also reads playlists, which name other files and hosts.
# No decoders for images embedded in videos: a PNG's texts may decompress into gigabytes.
VIDEO_OPTIONS = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm",
    "codec_whitelist": "h264,hevc,vp8,vp9,av1,libdav1d,libaom-av1,libvpx,libvpx-vp9,mpeg4,prores,"
    "mjpeg,aac,mp3,mp3float,opus,libopus,vorbis,libvorbis,flac,alac,pcm_s16le,pcm_s16be",
}
_IMAGES = {
    "format_whitelist": "jpeg_pipe,png_pipe,webp_pipe,gif_pipe,gif",
    "codec_whitelist": "mjpeg,png,webp,vp8,gif",
}
DECODER_OPTIONS = {"max_pixels": str(MOST_PIXELS)}  # for FFmpeg's decoders
_FINE, _COARSE = 3, 6  # JPEG quantiser: 2 is best, 31 is worst


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
        return _jpeg_size(image)
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


def pyav_is_installed() -> bool:
    """Return whether PyAV is installed."""
    return find_spec("av") is not None


def first_frame(file: IO[bytes]) -> bytes:
    """Return a video's first frame as a JPEG, at most 640 pixels wide.

    Args:
        file: A seekable file; if the video's index is at the start, little more than the first
            frame is read.

    Raises:
        ImportError: PyAV isn't installed.
        ValueError: The file has no picture, or has too many pixels.
        Exception: Exceptions raised by the file are propagated.

    Example:
        ```python
        with open("video-1.mp4", "rb") as file:
            Path("thumbnail-1.jpg").write_bytes(first_frame(file))
        ```
    """
    with _first_picture(file, VIDEO_OPTIONS) as frame:
        return _jpeg(frame, _POSTER / frame.width, _FINE)


def small_poster(image: bytes, width: int = 240) -> bytes:
    """Return an image as a JPEG small enough for a `data:` URI: about 4 to 8 KB.

    Args:
        image: A JPEG, PNG, WebP or GIF with at most 50 million pixels.
        width: Width and height of the square that it must fit in, in pixels.

    Raises:
        ImportError: PyAV isn't installed.
        ValueError: The file has no picture, or has too many pixels.

    Example:
        ```python
        small = small_poster(bucket.read(row.thumbnail_key))
        ```
    """
    if fault := pixels_fault(*(image_size(image) or (0, 0))):
        raise ValueError(fault)
    with _first_picture(io.BytesIO(bare(image)), _IMAGES) as frame:
        return _jpeg(frame, width / max(frame.width, frame.height), _COARSE)


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


def _jpeg_size(image: bytes) -> tuple[int, int] | None:
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


@contextmanager
def _first_picture(file: IO[bytes], allowed: dict[str, str]) -> "Iterator[VideoFrame]":
    try:
        import av  # noqa: PLC0415 - optional
        from av.error import FFmpegError  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ImportError('Posters need PyAV: pip install "prefect-toapis[posters]"') from error
    try:
        with av.open(file, "r", options=allowed | DECODER_OPTIONS) as container:
            yield _first_frame(container)
    except FFmpegError as error:
        raise ValueError(f"it has no picture: {error.strerror}") from error


def _first_frame(container: "InputContainer") -> "VideoFrame":
    if not container.streams.video:
        raise ValueError("it has no picture")
    codec = container.streams.video[0].codec_context
    if fault := pixels_fault(codec.width, codec.height):
        raise ValueError(fault)
    codec.options = DECODER_OPTIONS  # opening also decodes, with separate options
    frame = next(container.decode(video=0), None)
    if frame is None:
        raise ValueError("it has no picture")
    return frame


def _jpeg(frame: "VideoFrame", scale: float, quantiser: int) -> bytes:
    from av.codec import CodecContext  # noqa: PLC0415 - optional

    width, height = (_even(side * min(1, scale)) for side in (frame.width, frame.height))
    encoder = CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1)
    encoder.qmin = encoder.qmax = quantiser
    picture = frame.reformat(width, height, "yuvj420p", interpolation="AREA")
    picture.pts = None
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode()])


def _even(side: float) -> int:
    return max(2, round(side / 2) * 2)
