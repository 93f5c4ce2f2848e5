"""A video that was cut is noticed by its outermost structure; whole ones of every kind pass."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.boxes import FTYP, box

from prefect_toapis.client.media_containers import Boxes, ContainerCheck, Elements, container_check

MOOV, MDAT, MOOF = box(b"moov", b"index"), box(b"mdat", b"media" * 9), box(b"moof", b"part")
EBML, SEGMENT, CLUSTER = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
UNKNOWN = b"\x01" + b"\xff" * 7


def element(kind: bytes, content: bytes = b"") -> bytes:
    return kind + (0x4000 | len(content)).to_bytes(2, "big") + content


HEAD = element(EBML, b"header")


@cache
def encoded(container: str, codec: str, movflags: str = "", *, seekable: bool = True) -> bytes:
    """A real video of two seconds, as a muxer writes it."""

    class Pipe:
        def __init__(self) -> None:
            self.written: list[bytes] = []

        def write(self, content: bytes) -> int:
            self.written.append(bytes(content))
            return len(content)

    with TemporaryDirectory() as folder:
        path, pipe = Path(folder) / "video", Pipe()
        place: Any = str(path) if seekable else pipe
        options = {"movflags": movflags} if movflags else {}
        with av.open(place, "w", format=container, options=options) as output:
            stream: Any = output.add_stream(codec, rate=10, options={"g": "5"})
            stream.width = stream.height = 64
            stream.pix_fmt = "yuv420p"
            for number in range(20):
                frame = av.VideoFrame(64, 64, "yuv420p")
                for plane in frame.planes:
                    plane.update(bytes([number * 7]) * plane.buffer_size)
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        return path.read_bytes() if seekable else b"".join(pipe.written)


def fault(check: ContainerCheck, content: bytes, size: int = 1_000_000) -> str | None:
    for start in range(0, len(content), size):
        check.feed(content[start : start + size])
    return check.finish()


LAYOUTS = [
    ("mp4", "libx264", "", True),
    ("mp4", "libx264", "faststart", True),
    ("mp4", "libx264", "frag_keyframe+empty_moov", True),
    ("mp4", "libx264", "frag_keyframe+empty_moov+default_base_moof", False),
    ("mp4", "libx264", "hybrid_fragmented", True),
    ("mov", "libx264", "", True),
    ("webm", "libvpx", "", True),
    ("webm", "libvpx", "", False),
    ("matroska", "libx264", "", True),
    ("matroska", "libx264", "", False),
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("size", [1, 7, 1_000_000])
def test_what_a_muxer_writes_is_whole(layout: tuple[str, str, str, bool], size: int) -> None:
    container, codec, movflags, seekable = layout
    content = encoded(container, codec, movflags, seekable=seekable)
    check = Boxes() if codec == "libx264" and container != "matroska" else Elements()
    assert fault(check, content, size) is None


@pytest.mark.parametrize(
    ("container", "codec", "movflags"),
    [
        ("mp4", "libx264", ""),
        ("mp4", "libx264", "faststart"),
        ("mp4", "libx264", "hybrid_fragmented"),
        ("mov", "libx264", ""),
        ("webm", "libvpx", ""),
    ],
)
def test_every_cut_of_a_file_with_one_index_is_noticed(
    container: str, codec: str, movflags: str
) -> None:
    content = encoded(container, codec, movflags)
    kind = Elements if container == "webm" else Boxes
    assert [end for end in range(len(content)) if fault(kind(), content[:end]) is None] == []


@pytest.mark.parametrize(
    ("container", "codec", "movflags", "most"),
    [("mp4", "libx264", "frag_keyframe+empty_moov", 4), ("webm", "libvpx", "", 1)],
)
def test_a_streamed_file_can_be_cut_unnoticed_between_its_parts_only(
    container: str, codec: str, movflags: str, most: int
) -> None:
    content = encoded(container, codec, movflags, seekable=False)
    kind = Elements if container == "webm" else Boxes
    unnoticed = [end for end in range(len(content)) if fault(kind(), content[:end]) is None]
    assert len(unnoticed) <= most


@pytest.mark.parametrize(
    "content",
    [
        FTYP + MOOV + MDAT,
        FTYP + MDAT + MOOV,
        MOOV + MDAT,
        MDAT + MOOV,
        box(b"wide") + MDAT + MOOV,
        box(b"styp", b"msdh") + box(b"sidx", b"x") + MOOV + MOOF + MDAT,
        box(b"free", b"x" * 99) + FTYP + MOOV + MDAT,
        box(b"uuid", b"x" * 16) + FTYP + MDAT + MOOV,
        box(b"skip") + FTYP + MDAT + MOOV,
        FTYP + MOOV + MDAT + box(b"free") + box(b"uuid", b"x" * 20),
        FTYP + MOOV + MOOF + MDAT + MOOF + MDAT + box(b"mfra", b"x"),
        FTYP + MOOV + b"\0\0\0\0mdat to the end",
        FTYP + MDAT + b"\0\0\0\0moov",
        FTYP + MOOV + b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x14four",
        FTYP + MOOV + MDAT + bytes(4),
        FTYP + MOOV + MDAT + bytes(5_000),
        FTYP + MDAT + MOOV + box(b"\xa9too", b"x"),
    ],
)
def test_whole_files_of_any_layout_pass(content: bytes) -> None:
    assert fault(Boxes(), content) is None
    assert fault(Boxes(), content, 3) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no index"),
        (FTYP, "no index"),
        (FTYP + MDAT, "no index"),
        (FTYP + MOOV, "before its media data"),
        (FTYP + MOOV + box(b"free", b"x"), "before its media data"),
        (FTYP + MOOV + MOOF, "before its media data"),
        (FTYP + MOOV + MOOF + MDAT + MOOF, "before its media data"),
        (FTYP + MOOV + MDAT[:-1], "1 bytes before the end of its box mdat"),
        (FTYP + MDAT + MOOV[:-1], "1 bytes before the end of its box moov"),
        (FTYP + MDAT + MOOV[:5], "inside the header"),
        (FTYP + MOOV + MDAT + b"\0\0", "inside the header"),
        (FTYP + MOOV + MDAT + b"\0\0\0\x08fre", "inside the header"),
        (FTYP + MOOV + MDAT + box(b"free", b"xy")[:-1], "1 bytes before the end of its box free"),
        (FTYP + MDAT + bytes(100), "invalid data"),
        (FTYP + MOOV + MDAT + bytes(100) + b"x", "unexpected bytes"),
        (FTYP + MOOV + b"\0\0\0\x07mdat", "shorter than a header"),
        (FTYP + MOOV + b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x0f", "shorter than a header"),
        (FTYP + MOOV + b"\0\0\0\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff", "before the end of its"),
        (FTYP + b"\0\0\0\0mdat" + MOOV, "no index"),
        (FTYP + MOOV + MDAT + b"<html>upstream timed out</html>", "of its box l>up"),
        (FTYP + MDAT + b"\x00\x01\x02\x03\x04\x05\x06\x07", "invalid data"),
    ],
)
def test_a_file_that_is_cut_or_garbled_is_not_whole(content: bytes, said: str) -> None:
    assert said in (fault(Boxes(), content) or "")
    assert said in (fault(Boxes(), content, 3) or "")


@pytest.mark.parametrize(
    "content",
    [
        HEAD + element(SEGMENT, element(CLUSTER, b"x")),
        HEAD + element(SEGMENT, element(CLUSTER, b"x")) + element(b"\xec", b"void"),
        HEAD + element(SEGMENT, element(CLUSTER, b"x")) + bytes(50),
        HEAD + SEGMENT + UNKNOWN + element(CLUSTER, b"x") + element(CLUSTER, b"y"),
        HEAD + SEGMENT + b"\xff" + element(CLUSTER, b"x"),
        HEAD + SEGMENT + UNKNOWN + CLUSTER + UNKNOWN + element(b"\xe7", b"0") + element(b"\xa3"),
    ],
)
def test_whole_webm_passes(content: bytes) -> None:
    assert fault(Elements(), content) is None
    assert fault(Elements(), content, 1) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEAD, "before its segment"),
        (HEAD[:-1], "before the end of its element 1a45dfa3"),
        (HEAD + element(SEGMENT, element(CLUSTER, b"x"))[:-1], "of its element 18538067"),
        (HEAD + SEGMENT[:2], "inside the header"),
        (HEAD + SEGMENT + UNKNOWN, "before its first cluster"),
        (HEAD + SEGMENT + UNKNOWN + element(CLUSTER, b"xy")[:-1], "of its element 1f43b675"),
        (HEAD + EBML + UNKNOWN, "has no length"),
        (HEAD + b"<html>", "before the end of its element 3c6874"),
        (HEAD + b"\x08", "invalid data"),
        (HEAD + SEGMENT + b"\x00", "can't be read"),
        (HEAD + element(SEGMENT) + bytes(9) + b"x", "unexpected bytes"),
    ],
)
def test_webm_that_is_cut_or_garbled_is_not_whole(content: bytes, said: str) -> None:
    assert said in (fault(Elements(), content) or "")
    assert said in (fault(Elements(), content, 1) or "")


@given(
    ahead=st.booleans(),
    extras=st.lists(
        st.tuples(st.sampled_from([b"free", b"uuid", b"skip"]), st.binary()), max_size=3
    ),
    media=st.binary(max_size=300),
    cut=st.integers(0, 10_000),
    size=st.integers(1, 50),
)
def test_a_file_passes_and_none_of_its_cuts_does(
    ahead: bool, extras: list[tuple[bytes, bytes]], media: bytes, cut: int, size: int
) -> None:
    parts = [box(b"mdat", media), MOOV]
    content = FTYP + b"".join(box(*extra) for extra in extras)
    content += b"".join(reversed(parts) if ahead else parts)
    assert fault(Boxes(), content, size) is None
    assert fault(Boxes(), content[: cut % len(content)], size) is not None


@given(st.binary(max_size=200), st.integers(1, 20))
def test_any_bytes_have_an_answer_whatever_the_pieces(content: bytes, size: int) -> None:
    for kind in (Boxes, Elements):
        assert fault(kind(), content, size) == fault(kind(), content)


def test_pictures_have_no_such_structure() -> None:
    assert container_check("image/png") is None
    assert isinstance(container_check("video/quicktime"), Boxes)
    assert isinstance(container_check("video/webm"), Elements)
