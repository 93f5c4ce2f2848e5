"""Videos that aren't what was ordered, as PyAV sees them."""

import io
from dataclasses import dataclass
from typing import Any

import av
import httpx
import pytest

from prefect_toapis.simulator import Defect, Simulator
from prefect_toapis.simulator.clip_spec import ClipSpec, DefectKind, with_defect
from prefect_toapis.simulator.encoding import encode_video

GENERATIONS = "/v1/videos/generations"


@dataclass(frozen=True)
class Seen:
    """What a file holds."""

    size: tuple[int, int]
    seconds: float
    tracks: tuple[str, ...]
    loud: bool
    moves: bool
    bright: bool


def look(content: bytes) -> Seen:
    with av.open(io.BytesIO(content), "r") as container:
        video = container.streams.video[0]
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video)]
        heard: list[Any] = []
        if container.streams.audio:
            container.seek(0)
            heard = [frame.to_ndarray() for frame in container.decode(audio=0)]
        return Seen(
            (video.width, video.height),
            round((container.duration or 0) / av.time_base, 1),
            tuple(stream.type for stream in container.streams),
            any(samples.max() > 0.001 for samples in heard),
            abs(pictures[0].astype(int) - pictures[-1]).mean() > 2,  # of 255
            pictures[0].max() > 40,
        )


def delivered(api: httpx.Client, body: dict[str, Any]) -> list[Seen]:
    task_id = api.post(GENERATIONS, json=body).json()["id"]
    videos = api.get(f"{GENERATIONS}/{task_id}").json()["result"]["data"]
    return [look(httpx.get(video["url"]).content) for video in videos]


AS_ORDERED = Seen((160, 90), 4.0, ("video", "audio"), loud=True, moves=True, bright=True)


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        (None, AS_ORDERED),
        ("half_length", Seen((160, 90), 2.0, ("video", "audio"), True, True, True)),
        ("wrong_shape", Seen((90, 160), 4.0, ("video", "audio"), True, True, True)),
        ("silent", Seen((160, 90), 4.0, ("video", "audio"), False, True, True)),
        ("no_audio", Seen((160, 90), 4.0, ("video",), False, True, True)),
        ("black", Seen((160, 90), 4.0, ("video", "audio"), True, False, False)),
        ("frozen", Seen((160, 90), 4.0, ("video", "audio"), True, False, True)),
    ],
)
def test_a_defect_is_in_the_file(kind: DefectKind | None, seen: Seen) -> None:
    found = look(encode_video(with_defect(ClipSpec(160, 90, 4), kind)))
    assert found.seconds == pytest.approx(seen.seconds, abs=0.15)
    assert found == Seen(seen.size, found.seconds, seen.tracks, seen.loud, seen.moves, seen.bright)


def test_half_of_an_odd_length_and_of_a_square() -> None:
    assert with_defect(ClipSpec(180, 180, 5), "half_length").seconds == 2.5
    assert look(encode_video(ClipSpec(160, 90, 2.5))).seconds == pytest.approx(2.5, abs=0.15)
    wide = with_defect(ClipSpec(180, 180, 5), "wrong_shape")
    assert (wide.width, wide.height) == (320, 180)


def test_a_defect_meets_a_prompt_and_the_reply_keeps_quiet(
    swift: Simulator, swift_api: httpx.Client
) -> None:
    swift.faults.add(Defect(kind="wrong_shape", prompt="dog", times=None))
    body = {"model": "sora-2-vvip", "duration": 4}
    reply = swift_api.post(GENERATIONS, json={**body, "prompt": "A dog"}).json()
    assert reply["metadata"] == {"size": "320x180"}
    assert [one.size for one in delivered(swift_api, {**body, "prompt": "A dog"})] == [(180, 320)]
    assert [one.size for one in delivered(swift_api, {**body, "prompt": "A cat"})] == [(320, 180)]
    assert len(swift.ledger.paid) == 3


def test_a_defect_may_be_in_one_of_several_videos(
    swift: Simulator, swift_api: httpx.Client
) -> None:
    swift.faults.add(Defect(kind="no_audio", number=2))
    body = {"model": "sora-2-vvip", "duration": 4, "prompt": "A dog", "metadata": {"n": 3}}
    tracks = [len(one.tracks) for one in delivered(swift_api, body)]
    assert tracks == [2, 1, 2]


@pytest.mark.parametrize(("audio", "tracks"), [(True, ("video", "audio")), (False, ("video",))])
def test_kling_has_sound_only_where_it_was_ordered(
    swift_api: httpx.Client, audio: bool, tracks: tuple[str, ...]
) -> None:
    body = {"model": "kling-v3", "prompt": "A dog", "duration": 3, "audio": audio}
    (seen,) = delivered(swift_api, body)
    assert (seen.tracks, seen.loud, seen.seconds) == (tracks, audio, 3.0)
