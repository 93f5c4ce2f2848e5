"""What a video is, by the index (`moov`) of its MP4 or MOV file: length, shape, codec, sound.

The index may come from a hostile host: every loop is bounded by its length, and what can't be read
is unknown. Source of the format: ISO 14496-12, and Apple's QuickTime File Format.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

MOST_INDEX = 4 * 1024 * 1024  # bytes; an index of an hour of video has about 2 MB

_MOST_BOXES = 10_000  # of an index, in all its levels that are read
_MOST_SECONDS = 7 * 24 * 3600.0
_MOST_FPS = 1000.0
_MOST_SIDE = 100_000  # pixels

_CODECS = {
    b"avc1": "h264",
    b"avc3": "h264",
    b"hvc1": "hevc",
    b"hev1": "hevc",
    b"vp08": "vp8",
    b"vp09": "vp9",
    b"av01": "av1",
    b"mp4v": "mpeg4",
    b"jpeg": "mjpeg",
    b"mjpa": "mjpeg",
    **dict.fromkeys((b"apch", b"apcn", b"apcs", b"apco", b"ap4h", b"ap4x"), "prores"),
}


@dataclass(frozen=True)
class MediaFacts:
    """What is known of a video; None: unknown.

    Args:
        seconds: Its length.
        width: In pixels, as shown: a rotation is applied.
        height: In pixels, as shown.
        fps: Frames per second, on average.
        codec: Of the picture, such as `h264`.
        has_audio: Whether it has a sound track with samples.
    """

    seconds: float | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    codec: str | None = None
    has_audio: bool | None = None

    def completed_by(self, other: "MediaFacts") -> "MediaFacts":
        """Return these facts, with unknown ones taken from others.

        Example:
            >>> MediaFacts(seconds=4.0).completed_by(MediaFacts(seconds=9.0, fps=24.0))
            MediaFacts(seconds=4.0, width=None, height=None, fps=24.0, codec=None, has_audio=None)
        """
        missing = {name: value for name, value in vars(other).items() if vars(self)[name] is None}
        return replace(self, **missing)

    @property
    def is_complete(self) -> bool:
        """Whether everything is known."""
        return None not in vars(self).values()


@dataclass(frozen=True)
class _Track:
    kind: bytes
    seconds: float | None
    width: int | None
    height: int | None
    fps: float | None
    codec: str | None
    samples: int | None


def facts_of_index(moov: bytes) -> MediaFacts:
    """Return what the index of a video says.

    The length is that of the picture, without edit lists. In a fragmented file the index has no
    samples: its length is the one of all fragments, if stated, and its frame rate is unknown.

    Args:
        moov: The content of the box `moov`, without its header.

    Example:
        >>> facts_of_index(b"no index")
        MediaFacts(seconds=None, width=None, height=None, fps=None, codec=None, has_audio=None)
    """
    top = _Boxes(moov)
    tracks = [_track(track) for track in top.all(b"trak")]
    picture = next((track for track in tracks if track.kind == b"vide"), None)
    if picture is None:
        return MediaFacts()
    header, fragments = top.first(b"mvhd"), top.first(b"mvex")
    fragmented = fragments is not None
    seconds = _fragmented_seconds(header, fragments) if fragmented else picture.seconds
    sounds = [track for track in tracks if track.kind == b"soun"]
    return MediaFacts(
        seconds=seconds or _seconds(*_times(header)),
        width=picture.width,
        height=picture.height,
        fps=picture.fps,
        codec=picture.codec,
        has_audio=any(fragmented or track.samples != 0 for track in sounds),
    )


class _Boxes:
    """The boxes inside another, found by one pass; the count of all levels together is bounded."""

    def __init__(self, content: bytes, budget: list[int] | None = None) -> None:
        self._budget = budget if budget is not None else [_MOST_BOXES]
        self._found = list(self._read(content))

    def all(self, kind: bytes) -> "Iterator[_Boxes]":
        for name, content in self._found:
            if name == kind:
                yield _Boxes(content, self._budget)

    def first(self, kind: bytes) -> bytes | None:
        return next((content for name, content in self._found if name == kind), None)

    def inside(self, *path: bytes) -> "_Boxes":
        boxes = self
        for kind in path:
            boxes = next(boxes.all(kind), _Boxes(b"", self._budget))
        return boxes

    def _read(self, content: bytes) -> Iterator[tuple[bytes, bytes]]:
        at = 0
        while at + 8 <= len(content) and self._budget[0] > 0:
            self._budget[0] -= 1
            size, start = int.from_bytes(content[at : at + 4], "big"), at + 8
            if size == 1:
                size, start = int.from_bytes(content[at + 8 : at + 16], "big"), at + 16
            end = at + size if size else len(content)
            if end < start or end > len(content):
                return
            yield content[at + 4 : at + 8], content[start:end]
            at = end


def _track(track: _Boxes) -> _Track:
    media = track.inside(b"mdia")
    table = media.inside(b"minf", b"stbl")
    kind = (media.first(b"hdlr") or b"")[8:12]
    scale, duration = _times(media.first(b"mdhd"))
    samples, ticks = _samples(table.first(b"stts"))
    codec, *coded = _sample_entry(table.first(b"stsd"))
    width, height = _shape(track.first(b"tkhd"), *coded)
    return _Track(
        kind=kind,
        seconds=_seconds(scale, duration) or _seconds(scale, ticks),
        width=width,
        height=height,
        fps=_rate(samples, scale, ticks),
        codec=codec,
        samples=samples,
    )


def _times(header: bytes | None) -> tuple[int, int]:
    """Return time scale and duration of `mvhd` or `mdhd`; a duration of all ones is unknown."""
    if not header:
        return 0, 0
    start, size = (20, 8) if header[0] == 1 else (12, 4)
    if len(header) < start + 4 + size:
        return 0, 0
    scale = int.from_bytes(header[start : start + 4], "big")
    duration = int.from_bytes(header[start + 4 : start + 4 + size], "big")
    return scale, 0 if duration == 256**size - 1 else duration


def _fragmented_seconds(header: bytes | None, fragments: bytes | None) -> float | None:
    stated = _Boxes(fragments or b"").first(b"mehd") or b""
    size = 8 if stated[:1] == b"\1" else 4
    scale, _ = _times(header)
    return _seconds(scale, int.from_bytes(stated[4 : 4 + size], "big"))


def _seconds(scale: int, duration: int) -> float | None:
    if not scale or not 0 < duration <= scale * _MOST_SECONDS:
        return None
    return round(duration / scale, 3)


def _rate(samples: int | None, scale: int, ticks: int) -> float | None:
    """Return frames per second."""
    if not samples or not scale or not ticks or samples * scale > _MOST_FPS * ticks:
        return None
    return round(samples * scale / ticks, 3)


def _samples(times: bytes | None) -> tuple[int | None, int]:
    """Return the number of samples in `stts`, and their duration in ticks."""
    if times is None or len(times) < 8:
        return None, 0
    entries = min(int.from_bytes(times[4:8], "big"), (len(times) - 8) // 8)
    samples = ticks = 0
    for count, delta in struct.iter_unpack(">II", times[8 : 8 + entries * 8]):
        samples += count
        ticks += count * delta
    return samples, ticks


def _sample_entry(descriptions: bytes | None) -> tuple[str | None, int, int]:
    """Return the codec and the coded width and height of the first entry of `stsd`."""
    entry = (descriptions or b"")[8:]
    if len(entry) < 8:
        return None, 0, 0
    name = entry[4:8]
    plain = name.decode("ascii", "replace").strip()
    codec = _CODECS.get(name, plain if plain.isalnum() and plain.isascii() else None)
    return codec, int.from_bytes(entry[32:34], "big"), int.from_bytes(entry[34:36], "big")


def _shape(header: bytes | None, width: int, height: int) -> tuple[int | None, int | None]:
    """Return width and height as shown, from `tkhd`, or else as coded."""
    start = 52 if header and header[0] == 1 else 40  # of the matrix
    if header and len(header) >= start + 44:
        shown = struct.unpack(">II", header[start + 36 : start + 44])
        if all(shown):
            width, height = (max(1, round(side / 65536)) for side in shown)
        a, b, _, c, d = struct.unpack(">5i", header[start : start + 20])
        if not a and not d and b and c:  # turned by 90 or 270 degrees
            width, height = height, width
    if not (0 < width <= _MOST_SIDE and 0 < height <= _MOST_SIDE):
        return None, None
    return width, height
