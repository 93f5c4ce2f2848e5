"""Results are fetched from addresses that were checked, and from no others."""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import httpx
import pytest
from pydantic import SecretStr

from prefect_toapis.client.addresses import Address
from prefect_toapis.client.errors import ResultRefused
from prefect_toapis.client.result_host import GuardedTransport
from prefect_toapis.client.results import ResultReader


class Internet(httpx.BaseTransport):
    """Answers by the address that is asked, and remembers what was asked of whom."""

    def __init__(self, pages: dict[str, httpx.Response | httpx.TransportError]) -> None:
        self.pages = pages
        self.asked: list[tuple[str, str, object]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        name = request.extensions.get("sni_hostname")
        self.asked.append((request.url.host, request.headers["host"], name))
        page = self.pages[request.url.host]
        if isinstance(page, httpx.TransportError):
            raise page
        return page


def names(**addresses: str) -> dict[str, list[Address]]:
    return {
        name.replace("_", "."): [ip_address(a) for a in text.split()]
        for name, text in addresses.items()
    }


def client(internet: Internet, known: dict[str, list[Address]], **allowed: bool) -> httpx.Client:
    def resolved(host: str) -> Sequence[Address]:
        if host not in known:
            raise OSError("no such name")
        return known[host]

    private = allowed.get("private", False)
    transport = GuardedTransport(private=private, resolved=resolved, inner=internet)
    return httpx.Client(transport=transport, follow_redirects=True)


def test_the_checked_address_is_asked_under_the_name_of_the_url() -> None:
    internet = Internet({"93.184.216.34": httpx.Response(200, text="a video")})
    known = names(cdn_example="93.184.216.34")
    assert client(internet, known).get("https://cdn.example/video.mp4?sig=1").text == "a video"
    assert internet.asked == [("93.184.216.34", "cdn.example", "cdn.example")]


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"])
def test_a_name_that_stands_for_a_private_address_is_not_asked(address: str) -> None:
    internet = Internet({})
    with pytest.raises(ResultRefused, match=r"evil\.example is not at a public address") as raised:
        client(internet, names(evil_example=address)).get("https://evil.example/?sig=s3cr3t")
    assert internet.asked == []
    assert raised.value.money == "spent"
    assert "s3cr3t" not in str(raised.value)


def test_a_redirect_to_a_private_address_is_not_followed() -> None:
    away = httpx.Response(302, headers={"location": "http://metadata.internal/latest"})
    internet = Internet({"93.184.216.34": away})
    known = names(cdn_example="93.184.216.34", metadata_internal="169.254.169.254")
    with pytest.raises(ResultRefused, match=r"metadata\.internal"):
        client(internet, known).get("https://cdn.example/video.mp4")
    assert len(internet.asked) == 1


def test_a_relative_redirect_stays_with_its_name() -> None:
    moved = httpx.Response(302, headers={"location": "/moved.mp4"})
    internet = Internet({"93.184.216.34": moved})
    known = names(cdn_example="93.184.216.34")
    with pytest.raises(httpx.TooManyRedirects):
        client(internet, known).get("https://cdn.example/video.mp4")
    assert {name for _, name, _ in internet.asked} == {"cdn.example"}


@pytest.mark.parametrize("down", [httpx.ConnectError("down"), httpx.ConnectTimeout("silent")])
def test_of_mixed_addresses_only_the_public_ones_are_asked(down: httpx.TransportError) -> None:
    internet = Internet({"93.184.216.34": down, "8.8.8.8": httpx.Response(200, text="a video")})
    known = names(cdn_example="10.0.0.1 93.184.216.34 8.8.8.8")
    assert client(internet, known).get("http://cdn.example/v.mp4").text == "a video"
    assert [address for address, *_ in internet.asked] == ["93.184.216.34", "8.8.8.8"]


def test_private_addresses_are_asked_where_the_api_is_private() -> None:
    internet = Internet({"127.0.0.1": httpx.Response(200, text="a video")})
    opened = client(internet, names(simulator_test="127.0.0.1"), private=True)
    assert opened.get("http://simulator.test/v.mp4").text == "a video"


def test_a_name_that_nobody_knows_is_no_connection() -> None:
    with pytest.raises(httpx.ConnectError, match=r"nowhere\.example can't be resolved"):
        client(Internet({}), {}).get("https://nowhere.example/v.mp4")


def test_a_name_that_becomes_private_later_is_not_asked_again() -> None:
    internet = Internet({"93.184.216.34": httpx.Response(200, text="a video")})
    known = names(cdn_example="93.184.216.34")
    opened = client(internet, known)
    opened.get("http://cdn.example/v.mp4")
    known |= names(cdn_example="169.254.169.254")
    with pytest.raises(ResultRefused):
        opened.get("http://cdn.example/v.mp4")
    assert len(internet.asked) == 1


@pytest.mark.parametrize("url", ["ftp://cdn.example/v.mp4", "file:///etc/passwd", "/v.mp4"])
def test_only_http_is_spoken(url: str) -> None:
    with pytest.raises(ResultRefused, match="UnsupportedProtocol") as raised:
        ResultReader(SecretStr(url), base_url="https://8.8.8.8")
    assert not re.search(r"v\.mp4|passwd", str(raised.value))


@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:1"])
def test_a_public_api_has_no_results_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, proxy: str | None
) -> None:
    if proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(ResultRefused, match=r"127\.0\.0\.1 is not at a public address"):
        ResultReader(SecretStr("http://127.0.0.1:1/video.mp4"), base_url="https://8.8.8.8")


@pytest.fixture
def proxy() -> Iterator[list[str]]:
    """What a proxy on this machine was asked for; it answers everything with a video."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"\0\0\0\x18ftypisom")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("http_proxy", f"127.0.0.1:{server.server_port}")
        yield asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("host", ["8.8.8.8", "known-to-the-proxy.invalid"])
def test_a_proxy_may_be_at_home_and_know_more_names(proxy: list[str], host: str) -> None:
    with closing(
        ResultReader(SecretStr(f"http://{host}/v.mp4"), base_url="https://8.8.8.8")
    ) as reader:
        assert reader.suffix == "mp4"
    assert proxy == [f"http://{host}/v.mp4"]


def test_a_proxy_is_not_asked_for_private_addresses(proxy: list[str]) -> None:
    with pytest.raises(ResultRefused):
        ResultReader(SecretStr("http://169.254.169.254/latest"), base_url="https://8.8.8.8")
    assert proxy == []


def test_hosts_that_need_no_proxy_are_connected_to_here(
    proxy: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "cdn.example")
    internet = Internet({"93.184.216.34": httpx.Response(200, text="a video")})
    found = client(internet, names(cdn_example="93.184.216.34")).get("http://cdn.example/v.mp4")
    assert (found.text, proxy) == ("a video", [])
