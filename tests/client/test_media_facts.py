"""What the index of a video says of it; whatever else comes is unknown, and quickly so."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.boxes import box
from tests.defective_clips import Clip, encoded

from prefect_toapis.client.media_containers import Boxes, Elements
from prefect_toapis.client.media_facts import MOST_INDEX, MediaFacts, facts_of_index

UNKNOWN = MediaFacts()
GOOD = Clip()
TURNED = [0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000]


def facts(content: bytes, size: int = 1_000) -> MediaFacts:
    check = Boxes()
    for start in range(0, len(content), size):
        check.feed(content[start : start + size])
    assert check.finish() is None
    return check.facts


def index(content: bytes) -> bytes:
    """The content of the file's `moov`."""
    at = content.index(b"moov") - 4
    return content[at + 8 : at + int.from_bytes(content[at : at + 4], "big")]


@pytest.mark.parametrize(
    ("clip", "expected"),
    [
        (GOOD, MediaFacts(4.0, 320, 180, 12.0, "h264", has_audio=True)),
        (Clip(movflags="faststart"), MediaFacts(4.0, 320, 180, 12.0, "h264", has_audio=True)),
        (Clip(sound=False), MediaFacts(4.0, 320, 180, 12.0, "h264", has_audio=False)),
        (
            Clip(seconds=2, size=(180, 320), fps=24, container="mov"),
            MediaFacts(2.0, 180, 320, 24.0, "h264", has_audio=True),
        ),
        (
            Clip(movflags="frag_keyframe+empty_moov"),
            MediaFacts(None, 320, 180, None, "h264", has_audio=True),
        ),
        (Clip(codec="mpeg4"), MediaFacts(4.0, 320, 180, 12.0, "mpeg4", has_audio=True)),
    ],
    ids=["index at the end", "index in front", "no sound", "mov", "fragments", "mpeg4"],
)
@pytest.mark.parametrize("size", [7, 1_000_000])
def test_what_passes_is_measured(clip: Clip, expected: MediaFacts, size: int) -> None:
    assert facts(encoded(clip), size) == expected


def test_a_webm_has_no_such_index() -> None:
    check = Elements()
    check.feed(encoded(Clip(container="webm", codec="libvpx", seconds=1)))
    assert check.finish() is None
    assert check.facts == UNKNOWN


def test_a_turned_picture_has_the_shape_that_is_shown() -> None:
    moov = bytearray(index(encoded(GOOD)))
    start = moov.index(b"tkhd") + 4 + 40
    moov[start : start + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in TURNED)
    assert facts_of_index(bytes(moov)) == MediaFacts(4.0, 180, 320, 12.0, "h264", has_audio=True)


def test_the_length_of_all_fragments_is_taken_where_it_is_stated() -> None:
    moov = index(encoded(Clip(movflags="frag_keyframe+empty_moov")))
    scale = int.from_bytes(moov[moov.index(b"mvhd") + 16 :][:4], "big")
    stated = box(b"mehd", bytes(4) + (scale * 5).to_bytes(4, "big"))
    assert facts_of_index(box(b"mvex", stated) + moov).seconds == 5.0
    longer = box(b"mehd", b"\1\0\0\0" + (scale * 6).to_bytes(8, "big"))
    assert facts_of_index(box(b"mvex", longer) + moov).seconds == 6.0


def test_an_index_that_is_too_long_is_not_kept() -> None:
    clip = encoded(GOOD)
    moov = index(clip)
    long = box(b"ftyp", b"isom") + box(b"mdat") + box(b"moov", moov + box(b"free", b"x" * 99))
    assert facts(long).codec == "h264"
    padded = box(b"free", bytes(MOST_INDEX))
    assert facts(box(b"mdat") + box(b"moov", moov + padded), 100_000) == UNKNOWN


def test_of_two_indexes_the_first_counts() -> None:
    first, second = index(encoded(GOOD)), index(encoded(Clip(seconds=2)))
    assert facts(box(b"moov", first) + box(b"mdat") + box(b"moov", second)).seconds == 4.0


@given(st.binary(max_size=2_000))
def test_any_bytes_are_read_as_an_index(content: bytes) -> None:
    assert facts_of_index(content) == UNKNOWN


@given(st.lists(st.tuples(st.integers(0, 5_000), st.binary(min_size=1, max_size=8)), max_size=4))
def test_a_damaged_index_says_nothing_impossible(changes: list[tuple[int, bytes]]) -> None:
    moov = bytearray(index(encoded(GOOD)))
    for place, content in changes:
        at = place % len(moov)
        moov[at : at + len(content)] = content[: len(moov) - at]
    found = facts_of_index(bytes(moov))
    assert found.seconds is None or 0 <= found.seconds <= 7 * 24 * 3600
    assert found.fps is None or 0 <= found.fps <= 1000
    assert found.width is None or 0 < found.width <= 100_000
    assert found.height is None or 0 < found.height <= 100_000
    assert found.codec is None or len(found.codec) <= 8


@given(st.integers(0, 20_000))
def test_a_cut_index_raises_nothing(length: int) -> None:
    moov = index(encoded(GOOD))
    assert isinstance(facts_of_index(moov[:length]), MediaFacts)


def test_many_boxes_inside_are_not_all_read() -> None:
    assert facts_of_index(box(b"free") * 500_000 + index(encoded(GOOD))) == UNKNOWN


def test_what_is_unknown_is_completed() -> None:
    known = MediaFacts(seconds=4.0, has_audio=False)
    whole = known.completed_by(MediaFacts(9.0, 2, 3, 24.0, "vp9", has_audio=True))
    assert whole == MediaFacts(4.0, 2, 3, 24.0, "vp9", has_audio=False)
    assert whole.is_complete
    assert not replace(whole, fps=None).is_complete
