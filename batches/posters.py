"""Posters: a video's first frame, and scaled-down images, with PyAV (the extra `posters`)."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING

from prefect_toapis.batches.image_size import MOST_PIXELS, bare, image_size, pixels_fault

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame

POSTER_TYPE = "image/jpeg"

_POSTER = 640  # pixels
# Only formats that are stored: FFmpeg also reads playlists, which name other files and hosts.
# No decoders for images embedded in videos: a PNG's texts may decompress into gigabytes.
_VIDEOS = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm",
    "codec_whitelist": "h264,hevc,vp8,vp9,av1,libdav1d,libaom-av1,libvpx,libvpx-vp9,mpeg4,prores,"
    "mjpeg,aac,mp3,mp3float,opus,libopus,vorbis,libvorbis,flac,alac,pcm_s16le,pcm_s16be",
}
_IMAGES = {
    "format_whitelist": "jpeg_pipe,png_pipe,webp_pipe,gif_pipe,gif",
    "codec_whitelist": "mjpeg,png,webp,vp8,gif",
}
_BOUND = {"max_pixels": str(MOST_PIXELS)}  # for FFmpeg's decoders
_FINE, _COARSE = 3, 6  # JPEG quantiser: 2 is best, 31 is worst


def posters_can_be_made() -> bool:
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
    with _first_picture(file, _VIDEOS) as frame:
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


@contextmanager
def _first_picture(file: IO[bytes], allowed: dict[str, str]) -> "Iterator[VideoFrame]":
    try:
        import av  # noqa: PLC0415 - optional
        from av.error import FFmpegError  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ImportError('Posters need PyAV: pip install "prefect-toapis[posters]"') from error
    try:
        with av.open(file, "r", options=allowed | _BOUND) as container:
            yield _first_frame(container)
    except FFmpegError as error:
        raise ValueError(f"it has no picture: {error.strerror}") from error


def _first_frame(container: "InputContainer") -> "VideoFrame":
    if not container.streams.video:
        raise ValueError("it has no picture")
    codec = container.streams.video[0].codec_context
    if fault := pixels_fault(codec.width, codec.height):
        raise ValueError(fault)
    codec.options = _BOUND  # opening also decodes, with separate options
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
