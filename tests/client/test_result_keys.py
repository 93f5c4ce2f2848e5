"""The key goes with a result to the API's own origin alone, and only where it is asked for."""

import asyncio
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import httpx
import pytest
from pydantic import SecretStr
from tests.boxes import mp4
from tests.hostile import Peer, in_another_thread

from prefect_toapis.client.errors import ResultRefused, ToAPIsError
from prefect_toapis.client.result_host import origin
from prefect_toapis.client.results import ResultReader, ResumePolicy

KEY = "sk-s3cr3t"
VIDEO = mp4(5_000)
NEEDED = "401 Unauthorized"


@dataclass
class Hosts:
    """The API and a CDN; a page for each path says what is answered with and without the key."""

    api: Peer
    cdn: Peer
    pages: dict[str, bytes]

    def fetch(self, url: str, base_url: str | None = None) -> bytes:
        base = base_url or f"{self.api.url}/v1"
        policy = ResumePolicy(stall=2, pause=0.001)
        key = SecretStr(KEY)
        with closing(
            ResultReader(SecretStr(url), base_url=base, api_key=key, resume_policy=policy)
        ) as reader:
            return b"".join(iter(lambda: reader.read(100_000), b""))


def page(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "Connection: close"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def moved(where: str, status: str = "302 Found") -> bytes:
    return page(b"", status, f"Location: {where}")


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    pages: dict[str, bytes] = {"/v.mp4": page(VIDEO, "200 OK", 'ETag: "v1"')}

    async def answer(head: str, writer: asyncio.StreamWriter) -> None:
        path = head.split(" ", 2)[1]
        private = path.startswith("/private") and f"Bearer {KEY}" not in head
        writer.write(page(b"no", NEEDED) if private else pages[path.removeprefix("/private")])

    with ExitStack() as stack:
        api, cdn = (stack.enter_context(in_another_thread(answer)) for _ in range(2))
        yield Hosts(api, cdn, pages)


def test_a_result_behind_the_key_is_asked_for_with_it_after_a_401(hosts: Hosts) -> None:
    assert hosts.fetch(f"{hosts.api.url}/private/v.mp4") == VIDEO
    assert hosts.api.keys == [False, True]
    assert f"\r\nauthorization: bearer {KEY}\r\n" in hosts.api.heads[1].lower()


def test_a_result_that_needs_no_key_is_asked_for_without(hosts: Hosts) -> None:
    assert hosts.fetch(f"{hosts.api.url}/v.mp4") == VIDEO
    assert hosts.api.keys == [False]


def test_another_origin_never_gets_the_key(hosts: Hosts) -> None:
    for url in (
        f"{hosts.cdn.url}/private/v.mp4",  # another port
        hosts.api.url.replace("127.0.0.1", "localhost") + "/private/v.mp4",
        hosts.api.url.replace("//", "//user:word@") + "/private/v.mp4",
    ):
        with pytest.raises(ToAPIsError):
            hosts.fetch(url)
    assert KEY not in "".join(hosts.api.heads + hosts.cdn.heads)


def test_a_refused_key_is_not_sent_again(hosts: Hosts) -> None:
    hosts.pages["/v.mp4"] = page(b"", NEEDED)
    with pytest.raises(ResultRefused) as refused:
        hosts.fetch(f"{hosts.api.url}/private/v.mp4")
    assert refused.value.http_status == 401
    assert hosts.api.keys == [False, True]


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temp", "308 Perm"])
def test_a_redirect_to_a_cdn_drops_the_key(hosts: Hosts, status: str) -> None:
    hosts.pages["/away"] = moved(f"{hosts.cdn.url}/v.mp4", status)
    assert hosts.fetch(f"{hosts.api.url}/private/away") == VIDEO
    assert (hosts.api.keys, hosts.cdn.keys) == ([False, True], [False])


def test_a_cdn_behind_a_redirect_does_not_get_the_key_by_answering_401(hosts: Hosts) -> None:
    hosts.pages["/away"] = moved(f"{hosts.cdn.url}/private/v.mp4")
    with pytest.raises(ResultRefused):
        hosts.fetch(f"{hosts.api.url}/private/away")
    assert hosts.cdn.keys == [False]


def test_a_redirect_within_the_api_keeps_to_the_same_rule(hosts: Hosts) -> None:
    hosts.pages["/here"] = moved("/private/v.mp4")
    assert hosts.fetch(f"{hosts.api.url}/here") == VIDEO
    assert hosts.api.keys == [False, False, True]


def test_nobody_else_says_what_is_asked_of_the_api_with_the_key(hosts: Hosts) -> None:
    hosts.pages["/back"] = moved(f"{hosts.api.url}/private/v.mp4")
    hosts.pages["/round"] = moved(f"{hosts.cdn.url}/back")
    for url in (f"{hosts.cdn.url}/back", f"{hosts.api.url}/round"):
        with pytest.raises(ResultRefused):
            hosts.fetch(url)
    assert not any(hosts.api.keys + hosts.cdn.keys)


def test_without_a_key_a_401_is_the_end(hosts: Hosts) -> None:
    with pytest.raises(ResultRefused):
        ResultReader(SecretStr(f"{hosts.api.url}/private/v.mp4"), base_url=hosts.api.url)
    assert hosts.api.keys == [False]


def test_redirects_do_not_go_on_for_ever(hosts: Hosts) -> None:
    hosts.pages["/again"] = moved("/again")
    with pytest.raises(ToAPIsError, match="TooManyRedirects"):
        hosts.fetch(f"{hosts.api.url}/again")
    assert len(hosts.api.heads) == 11


def test_the_rest_of_a_result_is_asked_for_with_the_key_too(hosts: Hosts) -> None:
    whole = hosts.pages["/v.mp4"]
    hosts.pages["/v.mp4"] = whole[:-3_000]
    base, key = hosts.api.url, SecretStr(KEY)
    policy = ResumePolicy(pause=0.001)
    url = f"{base}/private/v.mp4"
    with closing(
        ResultReader(SecretStr(url), base_url=base, api_key=key, resume_policy=policy)
    ) as reader:
        told = f"Content-Range: bytes 2000-{len(VIDEO) - 1}/{len(VIDEO)}"
        hosts.pages["/v.mp4"] = page(VIDEO[2_000:], "206 Partial Content", told, 'ETag: "v1"')
        assert b"".join(iter(lambda: reader.read(100_000), b"")) == VIDEO
    assert hosts.api.keys == [False, True, False, True]
    assert "range: bytes=2000-" in hosts.api.heads[3].lower()


def test_no_variable_of_ours_shows_the_key_when_it_fails(hosts: Hosts) -> None:
    hosts.pages["/v.mp4"] = page(b"", NEEDED)
    with pytest.raises(ResultRefused) as refused:
        hosts.fetch(f"{hosts.api.url}/private/v.mp4")
    shown = traceback.TracebackException.from_exception(refused.value, capture_locals=True)
    ours = [frame.locals for frame in shown.stack if "prefect_toapis" in frame.filename]
    assert any("api_key" in variables for variables in ours if variables)
    assert KEY not in str(ours)


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://toapis.com/v1/x", True),
        ("HTTPS://TOAPIS.COM:443/x?y", True),
        ("http://toapis.com/x", False),
        ("https://toapis.com:8443/x", False),
        ("https://toapis.com./x", False),
        ("https://files.toapis.com/x", False),
        ("https://toapis.com.evil.example/x", False),
        ("https://toapis.com@evil.example/x", False),
        ("https://user@toapis.com/x", False),
        ("/v1/x", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, same: bool) -> None:
    assert (origin(httpx.URL(url)) == origin(httpx.URL("https://toapis.com"))) is same
