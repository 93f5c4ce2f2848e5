"""Whether a video is black, frozen or silent, by decoding it with PyAV; and its facts, likewise.

The thresholds are the defaults of FFmpeg's blackdetect, freezedetect and silencedetect. At most the
first minute is decoded, without frames that no other frame needs.
"""

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING

from prefect_toapis.client.media_facts import MediaFacts
from prefect_toapis.reports.thumbnails import DECODER_OPTIONS, VIDEO_OPTIONS, pixels_fault

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_SECONDS = 60.0  # that are decoded
_PACKETS = 20_000  # that are read: a minute has about 6,000
_INTERVAL = 0.25  # seconds between two pictures that are compared
_WIDTH, _HEIGHT = 64, 36  # pixels of a picture that is compared
_BLACK, _BLACK_PIXELS = 0.1, 0.98  # at most this bright, of 1; at least so many of the pixels
_STILL_SECONDS = 2.0  # a shorter stop is part of the film
_STILL = 4  # of 255: encoding changes pixels of a still picture by less
_RATE = 8_000  # samples per second
_SILENT = 32768 * 10 ** (-60 / 20)  # RMS of 16-bit samples at -60 dB
_MOST = 0.5  # of the length: beyond it, it is a remark

_CODECS = {"libdav1d": "av1", "libaom-av1": "av1", "libvpx": "vp8", "libvpx-vp9": "vp9"}


@dataclass(frozen=True)
class Content:
    """How much of a video's length, from 0 to 1, shows or sounds like nothing.

    Args:
        black: With a black picture.
        frozen: With a picture, not black, that stands still for 2 seconds or more.
        silent: Without sound; None if it has no sound track.
    """

    black: float
    frozen: float
    silent: float | None = None


def content_remarks(content: Content) -> list[str]:
    """Return what is wrong with a video for most of its length, with figures.

    Example:
        >>> content_remarks(Content(black=0.96, frozen=0, silent=1))
        ['black for 96 % of its length', 'silent for 100 % of its length']
    """
    shares = {"black": content.black, "frozen": content.frozen, "silent": content.silent or 0}
    return [
        f"{what} for {math.floor(share * 100)} % of its length"
        for what, share in shares.items()
        if share > _MOST
    ]


def examine(file: IO[bytes]) -> tuple[MediaFacts, Content]:
    """Decode a video, and measure its content.

    Args:
        file: A seekable file; all of it may be read.

    Returns:
        What the file's headers say, and how much of it is black, frozen or silent.

    Raises:
        ImportError: PyAV isn't installed.
        ValueError: The file can't be decoded, or has too many pixels.
        Exception: Exceptions raised by the file are propagated.

    Example:
        ```python
        with open("video-1.mp4", "rb") as file:
            facts, content = examine(file)
        ```
    """
    try:
        import av  # noqa: PLC0415 - optional
        from av.error import FFmpegError  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ImportError('Checks need PyAV: pip install "prefect-toapis[checks]"') from error
    try:
        with av.open(file, "r", options=VIDEO_OPTIONS | DECODER_OPTIONS) as container:
            picture = _picture_of(container)
            return _facts(container, picture), _content(container, picture)
    except FFmpegError as error:
        raise ValueError(f"it can't be decoded: {error.strerror}") from error


def picture_shares(samples: Sequence[tuple[float, bytes]], end: float) -> tuple[float, float]:
    """Return how much of a video is black, and how much frozen, from 0 to 1.

    Args:
        samples: Times in seconds, in order, each with the brightness of the picture's pixels.
        end: When the video ends, in seconds.

    Example:
        >>> picture_shares([(0, bytes(4)), (1, b"0000"), (2, b"0001")], 4)
        (0.25, 0.75)
    """
    length = end - samples[0][0]
    if length <= 0:
        return 0, 0
    least = min(_STILL_SECONDS, length / 2)
    ends = [at for at, _ in samples[1:]] + [end]
    black = sum(
        until - at for (at, picture), until in zip(samples, ends, strict=True) if _is_black(picture)
    )
    frozen = sum(span for span in _stills(samples, end) if span >= least)
    return black / length, frozen / length


def _stills(samples: Sequence[tuple[float, bytes]], end: float) -> Iterator[float]:
    """Yield the seconds for which each picture stands still; black ones are left out.

    Each is compared with the first of its run, or a slow movement would look like none.
    """
    start, first = samples[0]
    for at, picture in samples[1:]:
        if not _is_same(first, picture):
            if not _is_black(first):
                yield at - start
            start, first = at, picture
    if not _is_black(first):
        yield end - start


def _is_black(picture: bytes) -> bool:
    dark = sum(value <= _BLACK * 255 for value in picture)
    return dark >= _BLACK_PIXELS * len(picture)


def _is_same(first: bytes, second: bytes) -> bool:
    return all(abs(a - b) <= _STILL for a, b in zip(first, second, strict=True))


def _picture_of(container: "InputContainer") -> "VideoStream":
    if not container.streams.video:
        raise ValueError("it has no picture")
    picture = container.streams.video[0]
    if fault := pixels_fault(picture.codec_context.width, picture.codec_context.height):
        raise ValueError(fault)
    return picture


def _facts(container: "InputContainer", picture: "VideoStream") -> MediaFacts:
    codec = picture.codec_context
    rate, duration = picture.average_rate, container.duration
    return MediaFacts(
        seconds=round(duration / 1_000_000, 3) if duration and duration > 0 else None,
        width=codec.width or None,
        height=codec.height or None,
        fps=round(float(rate), 3) if rate else None,
        codec=_CODECS.get(codec.name, codec.name),
        has_audio=bool(container.streams.audio),
    )


def _content(container: "InputContainer", picture: "VideoStream") -> Content:
    from av.audio.frame import AudioFrame  # noqa: PLC0415 - optional
    from av.video.frame import VideoFrame  # noqa: PLC0415 - optional

    picture.codec_context.options = DECODER_OPTIONS  # opening also decodes, with separate options
    picture.codec_context.skip_frame = "NONREF"
    sounds = container.streams.audio[:1]
    pictures, sound = _Pictures(), _Sound()
    for packet in islice(container.demux([picture, *sounds]), _PACKETS):
        if float((packet.pts or 0) * (packet.time_base or 0)) > _SECONDS:
            break
        for frame in packet.decode():
            if isinstance(frame, VideoFrame):
                pictures.add(frame)
            elif isinstance(frame, AudioFrame):
                sound.add(frame)
    if not pictures.samples:
        raise ValueError("it has no picture")
    end = max(pictures.end, sound.end)
    black, frozen = picture_shares(pictures.samples, end)
    silent = 1 - min(1, sound.loud / end) if sounds and end > 0 else None
    return Content(black, frozen, silent)


class _Pictures:
    """Small grey pictures at intervals."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, bytes]] = []
        self.end = 0.0

    def add(self, frame: "VideoFrame") -> None:
        at = frame.time or 0.0
        self.end = max(self.end, at + _duration(frame))
        if not self.samples or at >= self.samples[-1][0] + _INTERVAL:
            self.samples.append((at, _grey(frame)))


class _Sound:
    """The seconds that can be heard."""

    def __init__(self) -> None:
        from av.audio.resampler import AudioResampler  # noqa: PLC0415 - optional

        self._resampler = AudioResampler("s16", "mono", _RATE)
        self.loud = 0.0
        self.end = 0.0

    def add(self, frame: "AudioFrame") -> None:
        self.end = max(self.end, (frame.time or 0.0) + frame.samples / (frame.sample_rate or _RATE))
        for piece in self._resampler.resample(frame):
            samples = array("h", bytes(piece.planes[0])[: piece.samples * 2])
            if _rms(samples) > _SILENT:
                self.loud += len(samples) / _RATE


def _rms(samples: Iterable[int]) -> float:
    squares = [sample * sample for sample in samples]
    return math.sqrt(sum(squares) / len(squares)) if squares else 0


def _duration(frame: "VideoFrame") -> float:
    return float((frame.duration or 0) * (frame.time_base or 0))


def _grey(frame: "VideoFrame") -> bytes:
    small = frame.reformat(_WIDTH, _HEIGHT, "gray", interpolation="AREA")
    plane = small.planes[0]
    content, line = bytes(plane), plane.line_size
    return b"".join(content[row * line : row * line + _WIDTH] for row in range(_HEIGHT))
