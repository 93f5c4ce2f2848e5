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
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.boxes import mp4

from prefect_toapis.client.errors import NotAVideo, ResultRefused, ToAPIsError, Unavailable
from prefect_toapis.client.media import Kind
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.client.results import FileFacts, ResultReader, ResumePolicy
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.simulator import Replace, Simulator, Truncate

MP4 = mp4(1_024_012)  # several chunks
SECRET = "X-Amz-Signature=s3cr3t"


@dataclass
class Page:
    body: bytes = MP4
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    missing: int = 0  # bytes that are told but not sent
    cuts: list[int] = field(default_factory=list)  # each answer ends after so many bytes
    etag: str = ""  # with one, the host goes on where it is asked to
    stalls: int = 0  # so many answers go quiet where they would end


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
            start = 0
            asked = self.headers.get("Range")
            if page.etag and asked and self.headers.get("If-Range") == page.etag:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206 if start else page.status)
            if start:
                told = f"bytes {start}-{len(page.body) - 1}/{len(page.body)}"
                self.send_header("Content-Range", told)
            for name, value in page.headers.items():
                self.send_header(name, value)
            if page.etag:
                self.send_header("ETag", page.etag)
            self.send_header("Content-Length", str(len(page.body) + page.missing - start))
            self.end_headers()
            end = start + page.cuts.pop(0) if page.cuts else len(page.body)
            self.wfile.write(page.body[start:end])
            if page.stalls:
                page.stalls -= 1
                self.rfile.read(1)  # until the other side hangs up

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = Host(f"http://127.0.0.1:{server.server_address[1]}", {})
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield running
    server.shutdown()
    thread.join()
    server.server_close()


def opened(url: str, kind: Kind = "video", stall: float = 30) -> ResultReader:
    """A result of an API that is on this machine, too."""
    policy = ResumePolicy(stall=stall, pause=0.001)
    return ResultReader(SecretStr(url), kind, base_url="http://127.0.0.1", resume_policy=policy)


def read_all(reader: ResultReader, size: int = 100_000) -> bytes:
    return b"".join(iter(lambda: reader.read(size), b""))


@pytest.mark.parametrize("size", [1_000, 100_000, 10_000_000])
def test_a_result_is_read_in_pieces_of_any_size(host: Host, size: int) -> None:
    with closing(opened(host.put(Page()))) as reader:
        assert (reader.content_type, reader.suffix) == ("video/mp4", "mp4")
        assert len(first := reader.read(size)) <= size
        assert first + read_all(reader, size) == MP4
        assert reader.read(size) == b""
        assert reader.size == len(MP4)
        assert reader.sha256 == hashlib.sha256(MP4).hexdigest()


def test_the_host_of_a_result_gets_no_key(host: Host) -> None:
    with closing(opened(host.put(Page()))) as reader:
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
    with closing(opened(host.put(page), kind)) as reader:
        assert (reader.content_type, reader.suffix) == (content_type, suffix)


@pytest.mark.parametrize(
    ("page", "kind", "said"),
    [
        (Page(b"<html>Sorry</html>", headers={"Content-Type": "text/html"}), "video", "text/html"),
        (Page(b'{"error": "expired"}'), "video", "expired"),
        (Page(b""), "video", "nothing"),
        (Page(b"\xff\xd8\xff\xe0"), "video", "not a video"),
        (Page(MP4), "image", "not an image"),
    ],
)
def test_what_is_something_else_is_noticed_at_once(
    host: Host, page: Page, kind: Kind, said: str
) -> None:
    with pytest.raises(NotAVideo, match=said) as raised:
        opened(host.put(page), kind)
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
        opened(host.put(Page(b"", status)))
    assert raised.value.http_status == status
    assert raised.value.money == "spent"
    assert "s3cr3t" not in f"{raised.value!s} {raised.value!r}"


def test_a_host_may_say_when_to_come_back(host: Host) -> None:
    with pytest.raises(Unavailable) as raised:
        opened(host.put(Page(b"", 429, {"Retry-After": "7"})))
    assert raised.value.retry_after == 7


def test_the_log_of_the_http_client_shows_no_signature(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="httpx")
    opened(host.put(Page())).close()
    assert f"GET {host.url}/video-1.mp4 " in caplog.text
    assert "s3cr3t" not in caplog.text
    logging.getLogger("httpx").info("%(what)s", {"what": "arguments by name"})
    assert "arguments by name" in caplog.text


def test_a_redirect_is_followed_without_a_key(host: Host) -> None:
    target = host.put(Page(), "/real.mp4")
    with closing(opened(host.put(Page(b"", 302, {"Location": target})))) as reader:
        assert read_all(reader) == MP4
    assert [("authorization" in request) for request in host.seen] == [False, False]


def test_a_transfer_that_breaks_off_is_an_error_at_its_end(host: Host) -> None:
    url = host.put(Page(missing=10))
    with closing(opened(url)) as reader:
        with pytest.raises(Unavailable) as raised:
            read_all(reader)
        with pytest.raises(
            Unavailable, match=f"of {len(MP4) + 10} bytes, and the host doesn't resume"
        ):
            reader.read(1)  # whoever asks again is not told that this was the end
    assert raised.value.money == "spent"
    assert raised.value.__cause__ is None
    assert "s3cr3t" not in f"{raised.value!s} {raised.value!r}"


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(host: Host) -> None:
    url = host.put(Page(cuts=[300_000, 0, 400_000], etag='"v1"'))
    with closing(opened(url)) as reader:
        assert reader.length == len(MP4)
        assert read_all(reader) == MP4
        assert reader.sha256 == hashlib.sha256(MP4).hexdigest()
    first, *others = host.seen
    assert "range" not in first
    assert {request["if-range"] for request in others} == {'"v1"'}
    starts = [int(request["range"].strip("bytes=-")) for request in others]
    assert starts == [300_000, 300_000, 700_000]  # nothing came twice


def test_a_transfer_that_stalls_goes_on_where_it_stopped(host: Host) -> None:
    url = host.put(Page(cuts=[300_000], etag='"v1"', stalls=1))
    with closing(opened(url, stall=1)) as reader:
        assert read_all(reader) == MP4
    assert [request.get("range") for request in host.seen] == [None, "bytes=300000-"]


@given(st.floats(0, 100))
def test_all_pauses_are_within_the_budget(budget: float) -> None:
    policy = ResumePolicy.within(budget)
    pauses = [policy.pause * 2**tries for tries in range(policy.resumes)]
    assert sum(pauses) <= budget * 1.001
    assert policy.pause <= ResumePolicy.pause


def test_every_byte_is_progress(host: Host) -> None:
    steps = 20  # more than it goes on in vain
    body = mp4(100 * steps)
    url = host.put(Page(body, cuts=[100] * steps, etag='"v1"'))
    with closing(opened(url)) as reader:
        assert read_all(reader) == body
    assert len(host.seen) == steps


@pytest.mark.parametrize("first", [0, 1, 4, 11])
def test_the_type_is_told_even_if_the_first_bytes_come_in_two_answers(
    host: Host, first: int
) -> None:
    with closing(opened(host.put(Page(cuts=[first], etag='"v1"')))) as reader:
        assert reader.content_type == "video/mp4"
        assert read_all(reader) == MP4


def test_it_does_not_go_on_with_another_file(host: Host) -> None:
    page = Page(cuts=[300_000], etag='"v1"')
    with closing(opened(host.put(page))) as reader:
        page.etag = '"v2"'
        with pytest.raises(Unavailable, match="the host doesn't resume it"):
            read_all(reader)
    assert len(host.seen) == 2


def test_a_host_that_brings_nothing_more_is_not_asked_for_ever(host: Host) -> None:
    url = host.put(Page(cuts=[300_000, *[0] * 20], etag='"v1"'))
    with closing(opened(url)) as reader, pytest.raises(Unavailable, match="after 300000 bytes"):
        read_all(reader)
    assert len(host.seen) == 1 + 5


@pytest.mark.parametrize("status", [403, 410, 404, 500, 429, 418])
def test_an_error_names_host_and_status_and_not_the_url(host: Host, status: int) -> None:
    url = host.put(Page(status=status))
    with pytest.raises((ResultRefused, Unavailable)) as raised:
        opened(f"{url}?sig=ab12")
    assert urlsplit(url).netloc in str(raised.value)
    assert f"HTTP {status}" in str(raised.value)
    assert "ab12" not in str(raised.value)
    assert urlsplit(url).path not in str(raised.value)


def test_an_error_without_an_answer_names_the_host() -> None:
    with pytest.raises(Unavailable, match=r"could not be downloaded from 127\.0\.0\.1:9: ConnectE"):
        opened("http://127.0.0.1:9/v.mp4?sig=ab12")


def test_what_is_no_video_and_what_is_cut_name_the_host(host: Host) -> None:
    url = host.put(Page(b"<html>"))
    with pytest.raises(NotAVideo, match=urlsplit(url).netloc):
        opened(url)
    page = Page(cuts=[300_000], etag='"v1"')
    url = host.put(page)
    with closing(opened(url)) as reader:
        page.status, page.etag = 302, ""
        with pytest.raises(Unavailable) as raised:
            read_all(reader)
    assert urlsplit(url).netloc in str(raised.value)


def test_a_url_that_expires_in_the_middle_is_refused(host: Host) -> None:
    page = Page(cuts=[300_000], etag='"v1"')
    with closing(opened(host.put(page))) as reader:
        page.status, page.etag = 403, ""
        with pytest.raises(ResultRefused):
            read_all(reader)


def rest(start: int, last: int, length: int, **more: str) -> httpx.Headers:
    return httpx.Headers({"content-range": f"bytes {start}-{last}/{length}", **more})


@pytest.mark.parametrize(
    ("facts", "status", "headers", "expected"),
    [
        (FileFacts(100, '"a"'), 206, rest(40, 99, 100, etag='"a"'), True),
        (FileFacts(100, '"a"'), 206, rest(40, 99, 100), True),
        (FileFacts(100, None), 206, rest(40, 99, 100, etag='"b"'), True),  # the length guards
        (FileFacts(100, '"a"'), 206, rest(40, 99, 100, etag='"b"'), False),
        (FileFacts(100, '"a"'), 200, rest(40, 99, 100, etag='"a"'), False),
        (FileFacts(100, '"a"'), 206, rest(0, 99, 100, etag='"a"'), False),
        (FileFacts(100, '"a"'), 206, rest(40, 98, 100, etag='"a"'), False),
        (FileFacts(100, '"a"'), 206, rest(40, 100, 101, etag='"a"'), False),
        (FileFacts(100, '"a"'), 206, httpx.Headers(), False),
        (FileFacts(100, '"a"'), 206, rest(40, 99, 100, **{"content-encoding": "gzip"}), False),
    ],
)
def test_only_the_rest_of_the_same_file_is_taken(
    facts: FileFacts, status: int, headers: httpx.Headers, expected: bool
) -> None:
    assert facts.is_continuation(status, headers, 40) is expected


@given(
    cuts=st.lists(st.integers(0, 40_000), max_size=4),
    sizes=st.lists(st.integers(1, 50_000), min_size=1),
)
@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_however_it_is_broken_up_the_bytes_are_the_same(
    host: Host, cuts: list[int], sizes: list[int]
) -> None:
    body = mp4(100_000)
    url = host.put(Page(body, cuts=[12 + cuts[0], *cuts[1:]] if cuts else [], etag='"v1"'))
    with closing(opened(url)) as reader:
        pieces = [reader.read(size) for size in sizes]
        assert b"".join(pieces) + read_all(reader) == body


def test_a_host_that_compresses_all_the_same_is_understood(host: Host) -> None:
    page = Page(gzip.compress(MP4), headers={"Content-Encoding": "gzip"})
    with closing(opened(host.put(page))) as reader:
        assert read_all(reader) == MP4
        assert reader.size == len(MP4)


@pytest.mark.parametrize(
    "url",
    [
        f"files.toapis.com/video.mp4?{SECRET}",
        f"http://xn--/video.mp4?{SECRET}",
        f"ftp://127.0.0.1/video.mp4?{SECRET}",
    ],
)
def test_a_url_that_can_not_be_fetched_is_refused(url: str) -> None:
    with pytest.raises(ResultRefused) as raised:
        opened(url)
    assert "s3cr3t" not in f"{raised.value!s} {raised.value!r}"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:1/video.mp4?{SECRET}",
        f"http://a..b/video.mp4?{SECRET}",
        f"http://[/video.mp4?{SECRET}",
    ],
)
def test_a_url_that_leads_nowhere_is_an_error_that_does_not_show_it(url: str) -> None:
    with pytest.raises(Unavailable) as raised:
        opened(url)
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
        with closing(opened(url, kind)) as reader:
            read_all(reader)
            return reader.content_type, reader.size

    video_type, size = await asyncio.to_thread(fetch, output.url)
    assert video_type == "video/mp4"
    assert (await asyncio.to_thread(fetch, output.thumbnail_url, "image"))[0] == "image/jpeg"

    simulator.faults.add(Truncate(at_bytes=size - 1))
    assert await asyncio.to_thread(fetch, output.url) == (video_type, size)  # it goes on
    simulator.faults.add(Replace(operation="media", status=403, body="expired"))
    with pytest.raises(ResultRefused):
        await asyncio.to_thread(fetch, output.url)
    assert await asyncio.to_thread(fetch, output.url) == (video_type, size)
    assert simulator.ledger.leaked_keys == 0
