"""A reply that doesn't end, or is too large, ends all the same: a submission's is unknown then."""

import asyncio
import gzip
import json
import tracemalloc
import zlib

import httpx
import pytest
from pydantic import SecretStr
from tests.hostile import answering, trickle

from prefect_toapis.client.errors import (
    SubmissionUnknown,
    ToAPIsError,
    Transient,
    Unavailable,
    UnreadableReply,
)
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.client.response_bodies import REPLY_BYTES, Bounds, decompressed
from prefect_toapis.client.response_decisions import Accepted
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.client.transport import ToAPIsClient

DOG = VideoRequest(prompt="A dog")
ACCEPTED = json.dumps({"id": "video_1", "object": "generation.task", "status": "queued"}).encode()
GIF = b"GIF89a" + bytes(100)


def client_of(url: str, **bounds: float) -> ToAPIsClient:
    quick: dict[str, float] = {"seconds": 0.3, "upload_speed": 1e6, **bounds}
    return ToAPIsClient(
        SecretStr("sk-s3cr3t"),
        url,
        retry=RetryPolicy(budget=0),
        bounds=Bounds(**quick),  # type: ignore[arg-type]
    )


def reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def outcome(url: str, call: str, **bounds: float) -> ToAPIsError | Accepted:
    async with client_of(url, **bounds) as client:
        try:
            if call == "submit":
                return await client.submit(DOG, "mine-1")
            if call == "status":
                await client.status("video_1")
            else:
                await client.upload(GIF, "a.gif", "image")
        except ToAPIsError as error:
            return error
    raise AssertionError("there was no error")


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize("part", ["headers", "body", "chunks", "informational"])
@pytest.mark.parametrize(
    ("call", "kind"),
    [("submit", SubmissionUnknown), ("status", Unavailable), ("upload", Unavailable)],
)
async def test_a_reply_that_trickles_ends_at_the_deadline(
    part: str, call: str, kind: type[ToAPIsError]
) -> None:
    async def answer(_head: str, writer: asyncio.StreamWriter) -> None:
        whole = reply(ACCEPTED, *(f"X-{number}: x" for number in range(100)))
        if part == "headers":
            return await trickle(writer, whole)
        if part == "informational":
            return await trickle(writer, b"HTTP/1.1 102 Processing\r\n\r\n" * 100)
        if part == "body":
            writer.write(reply(b"", "Content-Length: 999").replace(b"Content-Length: 0\r\n", b""))
            return await trickle(writer, b" " * 999)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        return await trickle(writer, b"1\r\n \r\n" * 100)

    async with answering(answer) as peer:
        error = await outcome(peer.url, call)
    assert type(error) is kind
    assert "ReadTimeout" in str(error)
    assert len(peer.heads) == 1, "an unknown submission is not sent again"
    assert "s3cr3t" not in f"{error} {error!r}"


async def test_a_slow_reply_that_ends_in_time_is_good() -> None:
    async def answer(_head: str, writer: asyncio.StreamWriter) -> None:
        await trickle(writer, reply(ACCEPTED), pause=0.0001)

    async with answering(answer) as peer:
        assert isinstance(await outcome(peer.url, "submit", seconds=20), Accepted)


async def test_a_large_upload_has_more_time() -> None:
    async def answer(_head: str, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        writer.write(reply(b'{"success": true, "data": {"url": "https://files.example/a.gif"}}'))

    async with answering(answer) as peer:
        async with client_of(peer.url, seconds=0.1, upload_speed=500) as client:
            assert await client.upload(GIF + bytes(5_000), "a.gif", "image")
        error = await outcome(peer.url, "upload", seconds=0.1)
    assert isinstance(error, Unavailable)


def bomb_of(kind: str) -> bytes:
    """A reply that is too large, each kind in its own way."""
    large = ACCEPTED[:-1] + b', "pad": "' + b"x" * REPLY_BYTES + b'"}'
    if kind == "plain":
        return reply(large)
    if kind == "endless":
        return b"HTTP/1.1 200 OK\r\n\r\n" + large
    if kind == "chunked":
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head + b"100000\r\n%b\r\n" % (b"x" * 0x100000) * 12
    packer = zlib.compressobj(1, wbits=-15 if kind == "deflate" else 31)
    packed = packer.compress(ACCEPTED)
    packed += b"".join(packer.compress(b" " * 1_000_000) for _ in range(100)) + packer.flush()
    if kind == "gzip, gzip":
        packed = gzip.compress(packed, mtime=0)
    return reply(packed, f"Content-Encoding: {kind}")


@pytest.mark.parametrize("bomb", ["plain", "chunked", "endless", "gzip", "deflate", "gzip, gzip"])
async def test_a_reply_that_is_too_large_is_not_understood_and_not_held(bomb: str) -> None:
    content = bomb_of(bomb)

    async def answer(_head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(content)

    async with answering(answer) as peer:
        tracemalloc.start()
        try:
            submitted = await outcome(peer.url, "submit", seconds=20)
            asked = await outcome(peer.url, "status", seconds=20)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert type(submitted) is SubmissionUnknown
    assert submitted.http_status == 200
    assert type(asked) is UnreadableReply
    assert peak < 6 * REPLY_BYTES


async def test_a_reply_just_below_the_bound_is_read() -> None:
    padded = ACCEPTED + b" " * (REPLY_BYTES - len(ACCEPTED))

    async def answer(_head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(gzip.compress(padded, mtime=0), "Content-Encoding: gzip"))

    async with answering(answer) as peer:
        assert isinstance(await outcome(peer.url, "submit", seconds=20), Accepted)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (ACCEPTED, ""),
        (ACCEPTED, "identity"),
        (b"\xef\xbb\xbf" + ACCEPTED, ""),
        (gzip.compress(ACCEPTED, mtime=0), "gzip"),
        (gzip.compress(ACCEPTED, mtime=0), " X-GZIP "),
        (zlib.compress(ACCEPTED), "deflate"),
        (raw_deflate(ACCEPTED), "deflate"),
    ],
)
async def test_the_usual_encodings_are_understood(content: bytes, encoding: str) -> None:
    async def answer(_head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(content, *([f"Content-Encoding: {encoding}"] if encoding else [])))

    async with answering(answer) as peer:
        assert isinstance(await outcome(peer.url, "submit", seconds=20), Accepted)
    assert "\r\naccept-encoding: gzip, deflate\r\n" in peer.heads[0].lower()


@pytest.mark.parametrize(
    ("content", "header"),
    [
        (ACCEPTED, "Content-Encoding: br"),
        (ACCEPTED, "Content-Encoding: zstd"),
        (ACCEPTED, "Content-Encoding: gzip"),
        (gzip.compress(ACCEPTED, mtime=0)[:-12], "Content-Encoding: gzip"),
        (b"\xff\xfe" + ACCEPTED, "Content-Type: text/html; charset=idna"),
        (b"\xff\xfe" + ACCEPTED, "Content-Type: text/html; charset=unicode_escape"),
        (b"\xff\xfe" + ACCEPTED, "Content-Type: text/html; charset=no such thing"),
    ],
)
async def test_a_body_that_can_not_be_decoded_is_unknown_and_no_other_error(
    content: bytes, header: str
) -> None:
    async def answer(_head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(content, header))

    async with answering(answer) as peer:
        assert type(await outcome(peer.url, "submit", seconds=20)) is SubmissionUnknown
        assert isinstance(await outcome(peer.url, "status", seconds=20), Transient)


async def test_a_page_in_its_own_charset_is_shown() -> None:
    page = "请求过于频繁".encode("gbk")

    async def answer(_head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(page, "Content-Type: text/html; charset=GBK", status="502 Bad Gateway"))

    async with answering(answer) as peer:
        assert "请求过于频繁" in str(await outcome(peer.url, "status", seconds=20))


def test_what_was_compressed_comes_in_small_pieces() -> None:
    packed = gzip.compress(bytes(50_000_000), mtime=0)
    headers = httpx.Headers({"content-encoding": "gzip"})
    sizes = [len(piece) for piece in decompressed([packed[:10], packed[10:]], headers)]
    assert sum(sizes) == 50_000_000
    assert max(sizes) <= 256 * 1024
