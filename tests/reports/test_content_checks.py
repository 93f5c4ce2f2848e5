"""What a video shows and sounds like: known defects are seen, and good videos have none."""

import io
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.defective_clips import Clip, encoded

from prefect_toapis.client.media_facts import MediaFacts
from prefect_toapis.reports.content_checks import (
    Content,
    content_remarks,
    examine,
    picture_shares,
)
from prefect_toapis.simulator.clip_spec import Caption, ClipSpec
from prefect_toapis.simulator.encoding import encode_video


def remarks(content: bytes) -> list[str]:
    return content_remarks(examine(io.BytesIO(content))[1])


@pytest.mark.parametrize(
    ("clip", "expected"),
    [
        (Clip(), []),
        (Clip(size=(180, 320), fps=24), []),
        (Clip(sound=False), []),
        (Clip(container="webm", codec="libvpx"), []),
        (Clip(movflags="frag_keyframe+empty_moov"), []),
        (Clip(black=(0, 1.5), frozen=(2.5, 4), silent=(0, 1.9)), []),
        (Clip(black=(0, 4)), ["black for 100 % of its length"]),
        (Clip(black=(0, 3)), ["black for 75 % of its length"]),
        (Clip(frozen=(0, 4)), ["frozen for 100 % of its length"]),
        (Clip(frozen=(1, 4), seconds=4), ["frozen for 75 % of its length"]),
        (Clip(silent=(0, 9)), ["silent for 100 % of its length"]),
        (
            Clip(black=(0, 9), silent=(0, 9)),
            ["black for 100 % of its length", "silent for 100 % of its length"],
        ),
        (Clip(codec="mpeg4", frozen=(0, 4)), ["frozen for 100 % of its length"]),
    ],
    ids=str,
)
def test_known_defects_are_remarked(clip: Clip, expected: list[str]) -> None:
    found = remarks(encoded(clip))
    assert [_rounded(remark) for remark in found] == [_rounded(remark) for remark in expected]


def _rounded(remark: str) -> tuple[str, int]:
    """A remark with its figure to 15 %: pictures are compared at intervals."""
    what, _, figure, *_ = remark.split()
    return what, round(int(figure) / 15)


def test_the_clips_of_the_simulator_have_no_remarks() -> None:
    assert remarks(encode_video(ClipSpec(320, 180, 4, Caption("A dog", "sora-2 · 4 s")))) == []


def test_what_the_headers_say_is_read_where_there_is_no_index() -> None:
    clip = encoded(Clip(container="webm", codec="libvpx"))
    facts, _ = examine(io.BytesIO(clip))
    assert facts.seconds == pytest.approx(4, abs=0.1)
    assert facts == MediaFacts(facts.seconds, 320, 180, 12.0, "vp8", has_audio=True)


@pytest.mark.parametrize(
    "content",
    [b"", b"no video" * 99, b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/stolen.ts\n"],
    ids=["empty", "text", "a playlist that names other files"],
)
def test_what_cannot_be_decoded_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match="it can't be decoded"):
        examine(io.BytesIO(content))


def test_without_pyav_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImportError, match=r'pip install "prefect-toapis\[checks\]"'):
        examine(io.BytesIO())


BLACK, GREY, LIGHT = bytes(8), bytes([90] * 8), bytes([200] * 8)


@pytest.mark.parametrize(
    ("samples", "end", "shares"),
    [
        ([(0, GREY)], 0, (0, 0)),
        ([(0, GREY)], 4, (0, 1)),
        ([(0, BLACK)], 4, (1, 0)),
        ([(0, GREY), (1, LIGHT), (2, GREY), (3, LIGHT)], 4, (0, 0)),
        ([(0, GREY), (2, LIGHT), (3, GREY)], 4, (0, 0.5)),
        ([(0, BLACK), (1, GREY), (2, GREY)], 4, (0.25, 0.75)),
        ([(at, bytes([90 + at * 2] * 8)) for at in range(10)], 10, (0, 0.9)),
        ([(at / 4, bytes([60 + at] * 8)) for at in range(40)], 10, (0, 0)),
    ],
    ids=["no length", "one", "black", "moving", "a stop", "black, then still", "slow", "drifting"],
)
def test_the_time_is_shared_out(
    samples: list[tuple[float, bytes]], end: float, shares: tuple[float, float]
) -> None:
    assert picture_shares(samples, end) == shares


@given(
    st.lists(
        st.tuples(st.floats(0.01, 5), st.sampled_from([BLACK, GREY, LIGHT])), min_size=1, max_size=9
    )
)
def test_black_and_frozen_are_never_more_than_all(parts: list[tuple[float, bytes]]) -> None:
    times = [sum(span for span, _ in parts[:number]) for number in range(len(parts) + 1)]
    assert all(a < b for a, b in pairwise(times))
    samples = [(at, picture) for at, (_, picture) in zip(times, parts, strict=False)]
    black, frozen = picture_shares(samples, times[-1])
    assert -1e-9 <= black <= black + frozen <= 1 + 1e-9
    remarks = content_remarks(Content(black, frozen))
    assert len(remarks) <= 1
