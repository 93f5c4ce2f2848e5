"""Results that are cut, damaged, slow or inflated are noticed, and end in time."""

import asyncio
import gzip
import time
import tracemalloc
from contextlib import closing
from typing import Any

import pytest
from pydantic import SecretStr
from tests.boxes import FTYP, box, mp4
from tests.hostile import in_another_thread, trickle

from prefect_toapis.client.errors import NotAVideo, Unavailable
from prefect_toapis.client.result_host import LeastSpeed
from prefect_toapis.client.results import ResultReader, ResumePolicy

VIDEO = mp4(50_000)


def fetch(url: str, **changes: Any) -> bytes:
    quick: dict[str, Any] = {"stall": 2, "pause": 0.001, **changes}
    with closing(
        ResultReader(SecretStr(url), base_url=url, resume_policy=ResumePolicy(**quick))
    ) as reader:
        return b"".join(iter(lambda: reader.read(8_000), b""))


def sent(content: bytes, *headers: str) -> Any:
    async def answer(_head: str, writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join(["HTTP/1.1 200 OK", *headers]).encode() + b"\r\n\r\n" + content)

    return in_another_thread(answer)


def length(content: bytes) -> str:
    return f"Content-Length: {len(content)}"


def test_a_whole_result_without_a_length_is_good() -> None:
    with sent(VIDEO) as peer:
        assert fetch(peer.url) == VIDEO


@pytest.mark.parametrize("end", [20, 24, 40, 25_000, len(VIDEO) - 8, len(VIDEO) - 1])
def test_a_result_without_a_length_that_was_cut_may_be_had_later(end: int) -> None:
    with sent(VIDEO[:end]) as peer, pytest.raises(Unavailable, match="was cut after") as raised:
        fetch(peer.url)
    assert raised.value.money == "spent"


@pytest.mark.parametrize(
    "content",
    [
        VIDEO[:-1],
        VIDEO[:30_000],
        VIDEO[:30_000] + bytes(20_000),
        FTYP + box(b"mdat", b"x") + bytes(500) + box(b"moov"),
        FTYP + box(b"moov") + box(b"mdat", b"x") + b"<html>Bad gateway</html>",
    ],
)
def test_a_damaged_file_is_no_video_however_whole_its_transfer(content: bytes) -> None:
    with sent(content, length(content)) as peer, pytest.raises(NotAVideo, match="damaged"):
        fetch(peer.url)


def test_compressed_results_are_checked_too() -> None:
    whole = gzip.compress(VIDEO)
    with sent(whole, "Content-Encoding: gzip", length(whole)) as peer:
        assert fetch(peer.url) == VIDEO
    cut = gzip.compress(VIDEO[:-9])
    for content in (whole[:-20], cut):
        compressed = sent(content, "Content-Encoding: gzip", length(content))
        with compressed as peer, pytest.raises(Unavailable):
            fetch(peer.url)


def test_an_encoding_that_was_not_asked_for_is_an_error() -> None:
    unknown = sent(VIDEO, "Content-Encoding: br", length(VIDEO))
    with unknown as peer, pytest.raises(Unavailable, match="DecodingError"):
        fetch(peer.url)


def test_a_bomb_comes_out_in_small_pieces() -> None:
    content = gzip.compress(FTYP + box(b"mdat", bytes(100_000_000)) + box(b"moov"))
    with (
        sent(content, "Content-Encoding: gzip", length(content)) as peer,
        closing(ResultReader(SecretStr(peer.url), base_url=peer.url)) as reader,
    ):
        tracemalloc.start()
        try:
            while reader.read(65_536):
                pass
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert reader.size > 100_000_000
    assert peak < 5_000_000


SLOW = LeastSpeed(size=10_000, window=0.2)


def ranged(request: str, content: bytes) -> tuple[bytes, bytes]:
    """The head of an answer, and the part of the content that was asked for."""
    start = int(request.partition("bytes=")[2].partition("-")[0] or 0)
    rest = content[start:]
    if not start:
        return f"HTTP/1.1 200 OK\r\n{length(rest)}\r\n\r\n".encode(), rest
    told = f"Content-Range: bytes {start}-{len(content) - 1}/{len(content)}"
    return f"HTTP/1.1 206 Partial Content\r\n{told}\r\n{length(rest)}\r\n\r\n".encode(), rest


@pytest.mark.parametrize(("part", "asked"), [("headers", 1), ("body", 1 + 2)])
def test_a_host_that_trickles_is_given_up(part: str, asked: int) -> None:
    async def answer(request: str, writer: asyncio.StreamWriter) -> None:
        head, rest = ranged(request, VIDEO)
        if part == "headers":
            return await trickle(writer, head)
        writer.write(head)
        return await trickle(writer, rest)

    with in_another_thread(answer) as peer, pytest.raises(Unavailable, match="ReadTimeout"):
        fetch(peer.url, least=SLOW, resumes=2)
    assert len(peer.heads) == asked


def test_a_host_that_trickles_for_a_while_is_asked_for_the_rest() -> None:
    async def answer(request: str, writer: asyncio.StreamWriter) -> None:
        head, rest = ranged(request, VIDEO)
        writer.write(head)
        if len(rest) == len(VIDEO):
            await trickle(writer, rest)
        writer.write(rest)

    with in_another_thread(answer) as peer:
        assert fetch(peer.url, least=SLOW) == VIDEO
    assert len(peer.heads) == 2


def test_a_slow_consumer_is_not_the_host_s_fault() -> None:
    with sent(VIDEO, length(VIDEO)) as peer:
        quick = ResumePolicy(stall=2, least=LeastSpeed(size=10**9, window=0.2))
        with closing(
            ResultReader(SecretStr(peer.url), base_url=peer.url, resume_policy=quick)
        ) as reader:
            read = reader.read(10)
            time.sleep(0.5)
            assert read + b"".join(iter(lambda: reader.read(8_000), b"")) == VIDEO


@pytest.mark.parametrize(("gained", "asked"), [(0, 1 + 5), (1, 1 + 20)])
def test_a_host_that_breaks_off_again_and_again_is_given_up(gained: int, asked: int) -> None:
    async def answer(request: str, writer: asyncio.StreamWriter) -> None:
        head, rest = ranged(request, VIDEO)
        writer.write(head + rest[: gained if len(rest) < len(VIDEO) else 100])

    with in_another_thread(answer) as peer, pytest.raises(Unavailable):
        fetch(peer.url, resumes_in_all=20)
    assert len(peer.heads) == asked


def test_a_large_file_may_break_off_more_often_than_that() -> None:
    large = mp4(3_000_000)

    async def answer(request: str, writer: asyncio.StreamWriter) -> None:
        head, rest = ranged(request, large)
        writer.write(head + rest[:100_000])

    with in_another_thread(answer) as peer:
        assert fetch(peer.url, resumes_in_all=1) == large
    assert len(peer.heads) == 30
