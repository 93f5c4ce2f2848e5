"""The clips: real videos, made once."""

import asyncio
import io
import subprocess
import sys
from typing import Any

import av
import pytest
from PIL import Image

from prefect_toapis.simulator.clip_spec import Caption, ClipSpec
from prefect_toapis.simulator.clips import Clips, ServedFile
from prefect_toapis.simulator.drawing import Scenery, lettering
from prefect_toapis.simulator.encoding import encode_thumbnail, encode_video
from prefect_toapis.simulator.shapes import clip_specs, frame_size
from prefect_toapis.simulator.submissions import read_video

SHORT = ClipSpec(160, 90, 1)


def content(file: ServedFile) -> bytes:
    return b"".join(file.chunks(0, file.size))


def spec_of(body: dict[str, Any], short_side: int | None = 180) -> ClipSpec:
    ordered = read_video({"prompt": "A dog", **body})
    (spec,) = clip_specs(ordered, short_side, captioned=False)
    return spec


@pytest.mark.parametrize(
    ("spec", "size"),
    [
        (ClipSpec(320, 180, 10), (320, 180)),
        (ClipSpec(180, 320, 3), (180, 320)),
        (ClipSpec(320, 180, 2, Caption("A dog with @a.cat", "sora-2")), (320, 180)),
    ],
    ids=["landscape", "portrait", "with a prompt"],
)
def test_a_clip_decodes_as_asked_and_has_sound(spec: ClipSpec, size: tuple[int, int]) -> None:
    with av.open(io.BytesIO(encode_video(spec)), "r") as container:
        (video,), (audio,) = container.streams.video, container.streams.audio
        assert (video.width, video.height) == size
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(spec.seconds, abs=0.1)
        frames = [bytes(frame.planes[0]) for frame in container.decode(video)]
        container.seek(0)
        heard = b"".join(bytes(frame.planes[0]) for frame in container.decode(audio))
    assert frames[0] != frames[-1]
    assert any(heard)


def test_a_clip_plays_while_it_loads() -> None:
    encoded = encode_video(SHORT)
    assert encoded.index(b"moov") < encoded.index(b"mdat")


def test_the_same_clip_is_the_same_bytes() -> None:
    assert encode_video(SHORT) == encode_video(SHORT)


def test_each_prompt_has_a_picture_of_its_own() -> None:
    captions = [Caption(prompt, "sora-2") for prompt in ("A dog", "A cat", "A dog")]
    pictures = [Scenery(ClipSpec(320, 180, 2, one)).frame(1).tobytes() for one in captions]
    assert pictures[0] == pictures[2]
    assert pictures[0] != pictures[1]


@pytest.mark.parametrize("prompt", ["", "x" * 300, "word " * 500, "日本語 🐕", "@a @b"])
@pytest.mark.parametrize("size", [(640, 360), (180, 320), (64, 64)])
def test_any_prompt_can_be_drawn(prompt: str, size: tuple[int, int]) -> None:
    spec = ClipSpec(*size, 1, Caption(prompt, "sora-2"))
    assert Scenery(spec).frame(0.5).size == size


@pytest.mark.parametrize(
    ("width", "short_side"), [(155, 180), (310, 360)], ids=["small portrait", "portrait"]
)
@pytest.mark.parametrize(
    "prompt", ["@duksvfkf.turbo_whis", "A race of @duksvfkf.cruisingki and @zdqwahgj.baronbarki"]
)
def test_a_character_s_name_stands_whole_on_a_line(
    prompt: str, width: int, short_side: int
) -> None:
    font, lines = lettering(prompt, width, short_side, short_side)
    assert " ".join(lines) == prompt
    assert all(font.getlength(line) <= width for line in lines)


def test_a_prompt_without_names_is_written_as_large_as_it_fits() -> None:
    large, _ = lettering("A dog", 310, 360, 360)
    small, _ = lettering("A dog with @duksvfkf.cruisingki", 310, 360, 360)
    assert large.size > small.size


def test_a_thumbnail_is_a_jpeg_of_the_clips_size() -> None:
    with Image.open(io.BytesIO(encode_thumbnail(SHORT))) as picture:
        assert (picture.format, picture.size) == ("JPEG", (160, 90))


async def test_a_clip_that_many_ask_for_is_encoded_once() -> None:
    clips = Clips()
    files = await asyncio.gather(*[clips.video(SHORT) for _ in range(50)])
    again = await clips.video(ClipSpec(160, 90, 1))
    assert clips.encoded == 1
    assert all(file is again for file in files)
    clips.close()


async def test_who_stops_waiting_does_not_stop_the_others() -> None:
    clips = Clips()
    first = asyncio.create_task(clips.video(SHORT))
    second = asyncio.create_task(clips.video(SHORT))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).content
    clips.close()


async def test_only_the_last_clips_are_kept() -> None:
    clips = Clips(kept=1)
    for spec in (SHORT, ClipSpec(90, 160, 1), SHORT):
        await clips.thumbnail(spec)
    assert clips.encoded == 3
    clips.close()


@pytest.mark.parametrize("pad_to", [200_000, 1_000_001])
async def test_padding_is_exact_and_the_clip_still_decodes(pad_to: int) -> None:
    clips = Clips(pad_to)
    padded = content(await clips.video(SHORT))
    clips.close()
    assert len(padded) == pad_to
    with av.open(io.BytesIO(padded), "r") as container:
        assert len(list(container.decode(video=0))) == 12


@pytest.mark.parametrize(("pad_to", "size"), [(0, 100), (50, 100), (107, 100), (108, 108)])
def test_a_file_that_cannot_be_padded_stays_as_it_is(pad_to: int, size: int) -> None:
    assert ServedFile("video/mp4", bytes(100), pad_to).size == size


def test_more_than_4_gb_of_padding_have_a_large_box() -> None:
    file = ServedFile("video/mp4", b"clip", 5 * 2**30)
    head = next(iter(file.chunks(0, 20)))
    assert file.size == 5 * 2**30
    assert head == b"clip" + (1).to_bytes(4, "big") + b"free" + (file.size - 4).to_bytes(8, "big")


@pytest.mark.parametrize(("start", "stop"), [(0, 10), (3, 90), (95, 120), (105, 300_000)])
def test_any_part_of_a_padded_file_is_what_the_whole_has_there(start: int, stop: int) -> None:
    file = ServedFile("video/mp4", bytes(range(100)), 300_000)
    assert b"".join(file.chunks(start, stop)) == content(file)[start:stop]


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, 10),
        ({"duration": 15}, 15),
        ({"model": "sora-2-official"}, 4),
        ({"model": "unheard-of"}, 10),
        ({"metadata": {"character_url": "task_1"}}, 9),
        ({"metadata": {"character_url": "task_1", "character_timestamps": "1,3"}}, 9),
        ({"model": "unheard-of", "duration": 1, "metadata": {"character_url": "task_1"}}, 1),
        ({"model": "seedance-2"}, 5),
        ({"model": "seedance-2", "duration": -1}, 5),
        ({"model": "seedance-2-5"}, 5),
        ({"model": "viduq3-pro", "duration": 16}, 16),
        ({"model": "veo3.1-fast"}, 8),
        ({"model": "grok-video-1.0"}, 8),
    ],
    ids=str,
)
def test_a_clip_is_as_long_as_the_page_says(fields: dict[str, Any], seconds: int) -> None:
    assert spec_of(fields).seconds == seconds


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, (320, 180)),
        ({"aspect_ratio": "9:16"}, (180, 320)),
        ({"model": "sora-2-official"}, (180, 320)),
        ({"model": "kling-v3"}, (320, 180)),
        ({"model": "unheard-of", "aspect_ratio": "1:1"}, (180, 180)),
        ({"model": "unheard-of", "aspect_ratio": "adaptive"}, (320, 180)),
    ],
    ids=str,
)
def test_a_clip_has_the_aspect_ratio_that_was_asked(
    fields: dict[str, Any], size: tuple[int, int]
) -> None:
    spec = spec_of(fields)
    assert (spec.width, spec.height) == size


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, (1280, 720)),
        ({"model": "sora-2-pro", "metadata": {"hd": True}}, (1920, 1080)),
        ({"model": "kling-v3", "mode": "pro", "aspect_ratio": "1:1"}, (1080, 1080)),
        ({"model": "kling-v3"}, (1280, 720)),
        ({"model": "seedance-2", "resolution": "4k", "aspect_ratio": "adaptive"}, (3840, 2160)),
        ({"model": "seedance-2", "resolution": "480p"}, (854, 480)),
        ({"model": "doubao-seedance-1-5-pro", "metadata": {"resolution": "1080p"}}, (1920, 1080)),
        ({"model": "Veo3.1-fast-official", "size": "9:16"}, (720, 1280)),
        ({"model": "viduq3-pro", "resolution": "540p"}, (960, 540)),
        ({"model": "MiniMax-Hailuo-02"}, (1366, 768)),
        ({"model": "MiniMax-H3", "aspect_ratio": "21:9"}, (3360, 1440)),
        ({"model": "grok-imagine-1.0-video", "aspect_ratio": "2:3"}, (480, 720)),
        ({"model": "wan2.6"}, (1920, 1080)),
    ],
    ids=str,
)
def test_in_true_size_a_clip_has_the_ordered_resolution(
    fields: dict[str, Any], size: tuple[int, int]
) -> None:
    spec = spec_of(fields, None)
    assert (spec.width, spec.height) == size


@pytest.mark.parametrize(
    ("fields", "sound"),
    [
        ({}, "tones"),
        ({"model": "unheard-of"}, "tones"),
        ({"model": "kling-v3"}, "none"),
        ({"model": "kling-v3", "audio": True}, "tones"),
        ({"model": "kling-3.0-turbo"}, "tones"),
        ({"model": "seedance-2"}, "tones"),
        ({"model": "seedance-2", "generate_audio": False}, "none"),
        ({"model": "doubao-seedance-1-5-pro"}, "none"),
        ({"model": "doubao-seedance-1-5-pro", "metadata": {"audio": True}}, "tones"),
        ({"model": "Veo3.1-fast-official"}, "none"),
        ({"model": "Veo3.1-fast-official", "metadata": {"generateAudio": True}}, "tones"),
        ({"model": "viduq3-pro"}, "tones"),
        ({"model": "viduq3-pro", "audio": False}, "none"),
        ({"model": "wan2.6", "audio": False}, "none"),
    ],
    ids=str,
)
def test_a_clip_has_sound_only_where_it_was_ordered(fields: dict[str, Any], sound: str) -> None:
    assert spec_of(fields).sound == sound


@pytest.mark.parametrize("ratio", ["21:9", "4:3", "3:4", "0:9", "1000:1", "x", "16:9:1"])
def test_frames_have_even_sides(ratio: str) -> None:
    width, height = frame_size(ratio, 180)
    assert (width % 2, height % 2) == (0, 0)
    assert min(width, height) == 180


def test_without_the_extra_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['av'] = None\n"
        "from prefect_toapis.simulator.clips import require_encoder\n"
        "try: require_encoder()\n"
        "except ImportError as error: print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "prefect-toapis[demo]"' in ran.stdout
