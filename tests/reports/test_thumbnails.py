"""Posters."""

import io
import sys
from typing import Any

import pytest
from PIL import Image

from prefect_toapis.reports.thumbnails import first_frame, pyav_is_installed, small_poster
from prefect_toapis.simulator.clip_spec import Caption, ClipSpec
from prefect_toapis.simulator.encoding import encode_video

WIDE = ClipSpec(1280, 720, 1, Caption("A dog on the beach", "sora-2 · 10 s"))
TALL = ClipSpec(180, 320, 1)


def opened(jpeg: bytes) -> "Image.Image":
    image = Image.open(io.BytesIO(jpeg))
    assert image.format == "JPEG"
    return image.convert("RGB")


def test_the_first_frame_is_a_jpeg_of_640_pixels_at_most_in_the_videos_colours() -> None:
    frame = opened(first_frame(io.BytesIO(encode_video(WIDE))))
    assert frame.size == (640, 360)
    import av

    with av.open(io.BytesIO(encode_video(WIDE)), "r") as container:
        decoded: Any = next(container.decode(video=0))
        original = decoded.to_image().resize(frame.size)
    for place in [(10, 10), (320, 100), (630, 350)]:
        ours, theirs = frame.getpixel(place), original.getpixel(place)
        assert isinstance(ours, tuple)
        assert isinstance(theirs, tuple)
        assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) < 24
    assert opened(first_frame(io.BytesIO(encode_video(TALL)))).size == (180, 320)


def test_little_more_than_the_first_frame_is_read_of_a_long_video() -> None:
    reads: list[int] = []

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            piece = super().read(size)
            reads.append(len(piece))
            return piece

    video = encode_video(WIDE)
    padded = video + (5_000_000).to_bytes(4, "big") + b"free" + bytes(4_999_992)
    assert first_frame(Counted(padded))
    assert sum(reads) < len(padded) / 10


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_small_poster_fits_into_a_data_uri(kind: str) -> None:
    frame = opened(first_frame(io.BytesIO(encode_video(WIDE))))
    buffer = io.BytesIO()
    frame.save(buffer, kind)
    small = small_poster(buffer.getvalue())
    assert opened(small).size == (240, 136)
    assert len(small) < 8_000


def test_a_tall_picture_is_no_larger_and_a_small_one_stays_as_it_is() -> None:
    tall = first_frame(io.BytesIO(encode_video(TALL)))
    assert opened(small_poster(tall)).size == (136, 240)
    assert opened(small_poster(tall, 1000)).size == (180, 320)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no video at all" * 99,
        encode_video(TALL)[:3000],
        b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/stolen.ts\n",
    ],
    ids=["empty", "text", "cut off", "a playlist that names other files"],
)
def test_what_has_no_picture_is_told(content: bytes) -> None:
    with pytest.raises(ValueError, match="it has no picture"):
        first_frame(io.BytesIO(content))


def test_sound_alone_is_no_picture() -> None:
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=24_000, layout="mono")
        silence = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        silence.sample_rate = 24_000
        for plane in silence.planes:
            plane.update(bytes(plane.buffer_size))
        for packet in [*stream.encode(silence), *stream.encode(None)]:
            container.mux(packet)
    with pytest.raises(ValueError, match="it has no picture"):
        first_frame(io.BytesIO(buffer.getvalue()))


def test_what_the_file_raises_comes_out_unchanged() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise InterruptedError(f"at {size}")

    with pytest.raises(InterruptedError):
        first_frame(Broken())


def test_without_pyav_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pyav_is_installed()
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImportError, match=r'pip install "prefect-toapis\[posters\]"'):
        first_frame(io.BytesIO())
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "av")
    assert not pyav_is_installed()
