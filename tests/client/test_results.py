"""Fetching results: what is no video is noticed, what breaks off is an error, no key goes along."""

import asyncio
import gzip
import hashlib
import logging
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from prefect_toapis.client.errors import NotAVideo, ResultRefused, ToAPIsError, Unavailable
from prefect_toapis.client.media import Kind
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.client.results import ResultReader
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.simulator import Replace, Simulator, Truncate

MP4 = b"\x00\x00\x00\x20ftypisom" + bytes(range(256)) * 4_000  # 1 MB: several chunks
SECRET = "X-Amz-Signature=s3cr3t"


@dataclass
class Page:
    body: bytes = MP4
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    missing: int = 0  # bytes that are told but not sent


@dataclass
class Host:
    """Where results lie: a page for each path, and the headers of each request."""

    url: str
    pages: dict[str, Page]
    seen: list[dict[str, str]] = field(default_factory=list)

    def put(self, page: Page, path: str = "/video-1.mp4") -> str:
        self.pages[path] = page
        return f"{self.url}{path}?{SECRET}"


@pytest.fixture
def host() -> Iterator[Host]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            running.seen.append({name.lower(): value for name, value in self.headers.items()})
            page = running.pages[self.path.partition("?")[0]]
            self.send_response(page.status)
            for name, value in page.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(page.body) + page.missing))
            self.end_headers()
            self.wfile.write(page.body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = Host(f"http://127.0.0.1:{server.server_address[1]}", {})
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield running
    server.shutdown()
    thread.join()
    server.server_close()


def read_all(reader: ResultReader, size: int = 100_000) -> bytes:
    return b"".join(iter(lambda: reader.read(size), b""))


@pytest.mark.parametrize("size", [1_000, 100_000, 10_000_000])
def test_a_result_is_read_in_pieces_of_any_size(host: Host, size: int) -> None:
    with closing(ResultReader(host.put(Page()))) as reader:
        assert (reader.content_type, reader.suffix) == ("video/mp4", "mp4")
        assert len(first := reader.read(size)) <= size
        assert first + read_all(reader, size) == MP4
        assert reader.read(size) == b""
        assert reader.size == len(MP4)
        assert reader.sha256 == hashlib.sha256(MP4).hexdigest()


def test_the_host_of_a_result_gets_no_key(host: Host) -> None:
    with closing(ResultReader(host.put(Page()))) as reader:
        read_all(reader)
    (request,) = host.seen
    assert "authorization" not in request
    assert request["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("start", "kind", "content_type", "suffix"),
    [
        (b"\x00\x00\x00\x20ftypisom", "video", "video/mp4", "mp4"),
        (b"\x00\x00\x00\x20ftypmp42", "video", "video/mp4", "mp4"),
        (b"\x00\x00\x00\x08moov", "video", "video/mp4", "mp4"),
        (b"\x00\x00\x00\x14ftypqt  ", "video", "video/quicktime", "mov"),
        (b"\x1a\x45\xdf\xa3", "video", "video/webm", "webm"),
        (b"\xff\xd8\xff\xe0", "image", "image/jpeg", "jpg"),
        (b"\x89PNG\r\n\x1a\n", "image", "image/png", "png"),
        (b"RIFF\x00\x00\x00\x00WEBP", "image", "image/webp", "webp"),
    ],
)
def test_the_type_is_told_by_the_first_bytes(
    host: Host, start: bytes, kind: Kind, content_type: str, suffix: str
) -> None:
    page = Page(start + b"rest", headers={"Content-Type": "application/octet-stream"})
    with closing(ResultReader(host.put(page), kind)) as reader:
        assert (reader.content_type, reader.suffix) == (content_type, suffix)


@pytest.mark.parametrize(
    ("page", "kind", "said"),
    [
        (Page(b"<html>Sorry</html>", headers={"Content-Type": "text/html"}), "video", "text/html"),
        (Page(b'{"error": "expired"}'), "video", "expired"),
        (Page(b""), "video", "nothing"),
        (Page(b"\xff\xd8\xff\xe0"), "video", "no video"),
        (Page(MP4), "image", "no image"),
    ],
)
def test_what_is_something_else_is_noticed_at_once(
    host: Host, page: Page, kind: Kind, said: str
) -> None:
    with pytest.raises(NotAVideo, match=said) as raised:
        ResultReader(host.put(page), kind)
    assert raised.value.money == "spent"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, ResultRefused),
        (403, ResultRefused),
        (404, ResultRefused),
        (410, ResultRefused),
        (204, Unavailable),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
def test_another_status_than_200_is_an_error(
    host: Host, status: int, error: type[ToAPIsError]
) -> None:
    with pytest.raises(error) as raised:
        ResultReader(host.put(Page(b"", status)))
    assert raised.value.http_status == status
    assert raised.value.money == "spent"
    assert "s3cr3t" not in f"{raised.value!s} {raised.value!r}"


def test_the_log_of_the_http_client_shows_no_signature(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="httpx")
    ResultReader(host.put(Page())).close()
    assert f"GET {host.url}/video-1.mp4 " in caplog.text
    assert "s3cr3t" not in caplog.text
    logging.getLogger("httpx").info("%(what)s", {"what": "arguments by name"})
    assert "arguments by name" in caplog.text


def test_a_redirect_is_followed_without_a_key(host: Host) -> None:
    target = host.put(Page(), "/real.mp4")
    with closing(ResultReader(host.put(Page(b"", 302, {"Location": target})))) as reader:
        assert read_all(reader) == MP4
    assert [("authorization" in request) for request in host.seen] == [False, False]


def test_a_transfer_that_breaks_off_is_an_error_at_its_end(host: Host) -> None:
    url = host.put(Page(missing=10))
    with closing(ResultReader(url)) as reader:
        with pytest.raises(Unavailable) as raised:
            read_all(reader)
        with pytest.raises(Unavailable, match=f"{len(MP4)} of {len(MP4) + 10} bytes"):
            reader.read(1)  # whoever asks again is not told that this was the end
    assert raised.value.money == "spent"
    assert raised.value.__cause__ is None
    assert "s3cr3t" not in f"{raised.value!s} {raised.value!r}"


def test_a_host_that_compresses_all_the_same_is_understood(host: Host) -> None:
    page = Page(gzip.compress(MP4), headers={"Content-Encoding": "gzip"})
    with closing(ResultReader(host.put(page))) as reader:
        assert read_all(reader) == MP4
        assert reader.size == len(MP4)


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:1/video.mp4?{SECRET}",
        f"files.toapis.com/video.mp4?{SECRET}",
        f"http://[/video.mp4?{SECRET}",
        f"ftp://127.0.0.1/video.mp4?{SECRET}",
    ],
)
def test_a_url_that_leads_nowhere_is_an_error_that_does_not_show_it(url: str) -> None:
    with pytest.raises(Unavailable) as raised:
        ResultReader(url)
    assert raised.value.money == "spent"
    assert "s3cr3t" not in f"{raised.value!s} {raised.value!r}"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


async def test_the_provider_s_results_are_fetched(simulator: Simulator) -> None:
    async with ToAPIsClient(SecretStr(simulator.api_key), simulator.url) as client:
        accepted = await client.submit(VideoRequest(prompt="A dog", thumbnail=True))
        reply = accepted.reply
        while not reply.outputs:
            await asyncio.sleep(0.05)
            reply = await client.status(accepted.task_id)
    (output,) = reply.outputs
    assert output.thumbnail_url

    def fetch(url: str, kind: Kind = "video") -> tuple[str, int]:
        with closing(ResultReader(url, kind)) as reader:
            read_all(reader)
            return reader.content_type, reader.size

    video_type, size = await asyncio.to_thread(fetch, output.url)
    assert video_type == "video/mp4"
    assert (await asyncio.to_thread(fetch, output.thumbnail_url, "image"))[0] == "image/jpeg"

    simulator.faults.add(Truncate(at_bytes=size - 1))
    with pytest.raises(Unavailable):
        await asyncio.to_thread(fetch, output.url)
    simulator.faults.add(Replace(operation="media", status=403, body="expired"))
    with pytest.raises(ResultRefused):
        await asyncio.to_thread(fetch, output.url)
    assert await asyncio.to_thread(fetch, output.url) == (video_type, size)
    assert simulator.ledger.leaked_keys == 0
