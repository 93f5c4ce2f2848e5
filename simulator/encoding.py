"""MP4 and JPEG, made with PyAV and Pillow (the optional extra `demo`)."""

import io
import math
from array import array
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from prefect_toapis.simulator.clip_spec import ClipSpec
from prefect_toapis.simulator.drawing import Scenery

_FPS = 12
_SAMPLE_RATE = 24_000
_SAMPLES = 1_024  # in a frame of AAC
_LOUDNESS = 0.04  # of full scale
_CHORDS = ((220, 330, 440), (196, 294, 392), (247, 370, 494), (262, 392, 523))  # Hz


def encode_video(spec: ClipSpec) -> bytes:
    """An MP4 of H.264 and, where there is sound, AAC, with its index in front."""
    # The index is moved to the front by reading the file again, so it must be a real one.
    with TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
            video = container.add_stream("libx264", rate=_FPS)
            video.width, video.height, video.pix_fmt = spec.width, spec.height, "yuv420p"
            video.options = {"preset": "ultrafast", "crf": "26", "g": str(_FPS * 2)}
            video.codec_context.thread_count = 1  # the server needs the other cores
            audio = None
            if spec.sound != "none":
                audio = container.add_stream("aac", rate=_SAMPLE_RATE, layout="mono")
                audio.bit_rate = 32_000
            _encode(container, video, audio, spec)
        return path.read_bytes()


def encode_thumbnail(spec: ClipSpec) -> bytes:
    """A JPEG of the frame in the middle."""
    buffer = io.BytesIO()
    Scenery(spec).frame(spec.seconds / 2).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def _encode(
    container: OutputContainer,
    video: VideoStream,
    audio: AudioStream | None,
    spec: ClipSpec,
) -> None:
    scenery = Scenery(spec)
    second = _second_of_sound(spec)
    sounded = 0
    frames = max(1, round(spec.seconds * _FPS))
    for number in range(frames):
        picture = scenery.frame(number / _FPS)
        frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]  # PyAV's stub
        frame.pts, frame.time_base = number, Fraction(1, _FPS)
        container.mux(video.encode(frame))
        # Sound goes along with the pictures, or players would have to read ahead for it.
        until = (number + 1) * _SAMPLE_RATE // _FPS
        last = number + 1 == frames
        while audio and (until - sounded >= _SAMPLES or (last and sounded < until)):
            samples = min(_SAMPLES, until - sounded)
            container.mux(audio.encode(_sound(second, sounded, samples)))
            sounded += samples
    container.mux(video.encode(None))
    if audio:
        container.mux(audio.encode(None))


def _second_of_sound(spec: ClipSpec) -> "array[float]":
    """One second of a chord, made to be repeated: every tone swings a whole number of times."""
    prompt = spec.caption.prompt if spec.caption else ""
    chord = _CHORDS[len(prompt) % len(_CHORDS)]
    turn = 2 * math.pi / _SAMPLE_RATE
    loudness = _LOUDNESS if spec.sound == "tones" else 0
    return array(
        "f",
        (
            loudness * sum(math.sin(turn * tone * sample) for tone in chord) / len(chord)
            for sample in range(_SAMPLE_RATE)
        ),
    )


def _sound(second: "array[float]", start: int, samples: int) -> av.AudioFrame:
    frame = av.AudioFrame(format="fltp", layout="mono", samples=samples)
    offset = start % _SAMPLE_RATE
    piece = (second[offset : offset + samples] + second)[:samples]
    padding = frame.planes[0].buffer_size - samples * piece.itemsize
    frame.planes[0].update(piece.tobytes() + bytes(padding))
    frame.sample_rate = _SAMPLE_RATE
    frame.pts, frame.time_base = start, Fraction(1, _SAMPLE_RATE)
    return frame
