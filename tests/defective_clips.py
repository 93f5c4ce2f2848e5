"""Real videos with known properties and defects, made with PyAV."""

import math
from array import array
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av

RATE = 16_000  # of the sound
_BLOCK = 1_024  # samples of a frame of sound


@dataclass(frozen=True)
class Clip:
    """What a video is made from.

    Args:
        seconds: How long it is.
        size: Width and height.
        fps: Frames a second.
        black: From when to when it is black, in seconds.
        frozen: From when to when the picture stands still.
        silent: From when to when there is no sound.
        sound: Whether it has a sound track.
        container: As FFmpeg names it.
        codec: Of the picture.
        movflags: Of the muxer.
    """

    seconds: int = 4
    size: tuple[int, int] = (320, 180)
    fps: int = 12
    black: tuple[float, float] = (0, 0)
    frozen: tuple[float, float] = (0, 0)
    silent: tuple[float, float] = (0, 0)
    sound: bool = True
    container: str = "mp4"
    codec: str = "libx264"
    movflags: str = ""


@cache
def encoded(clip: Clip) -> bytes:
    """The video as a file."""
    # The index is moved to the front by reading the file again, so it must be a real one.
    with TemporaryDirectory() as folder:
        path = Path(folder) / "clip"
        _encode(clip, path)
        return path.read_bytes()


def _encode(clip: Clip, path: Path) -> None:
    options = {"movflags": clip.movflags} if clip.movflags else {}
    with av.open(str(path), "w", format=clip.container, options=options) as output:
        video: Any = output.add_stream(clip.codec, rate=clip.fps, options={"g": "250"})
        video.width, video.height = clip.size
        video.pix_fmt = "yuv420p"
        audio: Any = None
        if clip.sound:
            codec = "libopus" if clip.container == "webm" else "aac"
            audio = output.add_stream(codec, rate=RATE, layout="mono")
        for number in range(clip.seconds * clip.fps):
            output.mux(video.encode(_picture(clip, number)))
        output.mux(video.encode(None))
        if audio:
            for start in range(0, clip.seconds * RATE, _BLOCK):
                output.mux(audio.encode(_tone(clip, start)))
            output.mux(audio.encode(None))


def _picture(clip: Clip, number: int) -> av.VideoFrame:
    at = number / clip.fps
    if _within(at, clip.frozen):
        number = math.ceil(clip.frozen[0] * clip.fps)
    frame = av.VideoFrame(*clip.size, "yuv420p")
    luma, *chroma = frame.planes
    row = bytes(40 + (x + number * 9) % 180 for x in range(luma.line_size))
    if _within(at, clip.black):
        row = bytes([16]) * luma.line_size
    luma.update((row * luma.height)[: luma.buffer_size])
    for plane in chroma:
        plane.update(bytes([128]) * plane.buffer_size)
    frame.pts, frame.time_base = int(at * clip.fps + 0.5), Fraction(1, clip.fps)
    return frame


def _tone(clip: Clip, start: int) -> av.AudioFrame:
    quiet = _within(start / RATE, clip.silent)
    loudness = 0.0 if quiet else 0.2
    samples = array("f", (loudness * math.sin(at / 6) for at in range(start, start + _BLOCK)))
    frame = av.AudioFrame(format="fltp", layout="mono", samples=_BLOCK)
    content = samples.tobytes()
    frame.planes[0].update(content + bytes(frame.planes[0].buffer_size - len(content)))
    frame.sample_rate = RATE
    frame.pts, frame.time_base = start, Fraction(1, RATE)
    return frame


def _within(at: float, part: tuple[float, float]) -> bool:
    return part[0] <= at < part[1]
