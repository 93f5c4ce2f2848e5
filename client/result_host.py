"""The HTTP client for results: it connects to checked addresses only.

Every connection is checked, so neither a redirect nor DNS rebinding circumvents it. Behind a proxy,
which connects itself, only what is visible locally is checked. The key is sent to the API's own
origin only, and transfers below a minimum speed are ended.
"""

import ssl
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx
from pydantic import SecretStr

from prefect_toapis.client import request_logs  # noqa: F401 - its filters
from prefect_toapis.client.addresses import (
    Address,
    Resolve,
    is_private_host,
    may_be_asked,
    reachable,
    resolve,
)
from prefect_toapis.client.errors import ResultRefused
from prefect_toapis.client.key import KeyAuth, without_frames
from prefect_toapis.client.plain_text import printable

UNUSABLE_PROXY = "the proxy in the environment (HTTPS_PROXY, ALL_PROXY, ...) is not a valid proxy"
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = 10  # in a row
_SHOWN = 200  # characters of a host's name
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=0)


@dataclass(frozen=True)
class LeastSpeed:
    """The minimum speed of a host; slower transfers count as stalled.

    Args:
        size: Bytes in each window.
        window: Seconds spent waiting for the host.
    """

    size: int = 60 * 1024
    window: float = 60.0


def result_client(base_url: str, least: LeastSpeed = LeastSpeed()) -> httpx.Client:
    """The client for the results of an API, cached for the process and thread-safe.

    It doesn't follow redirects: `ResultSource` does.

    Args:
        base_url: The API's root; results may be at private addresses only if the API is.
        least: The minimum speed.
    """
    return _client(is_private_host(base_url), least)


@cache
def _client(private: bool, least: LeastSpeed) -> httpx.Client:
    return httpx.Client(transport=GuardedTransport(private=private, least=least))


@cache
def _through(proxy: SecretStr, least: LeastSpeed) -> httpx.HTTPTransport:
    try:
        return _SteadyTransport(
            least, limits=_LIMITS, proxy=httpx.Proxy(proxy.get_secret_value().strip())
        )
    except (ValueError, httpx.InvalidURL):  # its text and frames may contain a password
        raise httpx.UnsupportedProtocol(UNUSABLE_PROXY) from None


@dataclass(frozen=True)
class ResultSource:
    """Requests results, with the key where the API itself serves them, and follows redirects.

    Args:
        http: The client.
        base_url: The API's root.
        key: The account's key; None: no key is ever sent.
    """

    http: httpx.Client
    base_url: str
    key: SecretStr | None = None

    def open(
        self, url: SecretStr, headers: dict[str, str], timeout: httpx.Timeout
    ) -> httpx.Response:
        """Open the response for streaming.

        A URL on the API's origin that answers 401 is requested again with the key. Once a redirect
        leaves that origin, the key isn't used any more, even if a later redirect returns to it:
        other hosts must not choose which URLs are requested with the key.

        Raises:
            httpx.HTTPError: There is no response, or there are too many redirects.
        """
        api, at_home = origin(httpx.URL(self.base_url)), True
        request = self.http.build_request(
            "GET", url.get_secret_value(), headers=headers, timeout=timeout
        )
        for _ in range(_REDIRECTS + 1):
            at_home = at_home and api is not None and origin(request.url) == api
            response = self.http.send(request, stream=True)
            if response.status_code == 401 and at_home and self.key:
                response.close()
                response = self._send_with(self.key, request)
            following = response.next_request
            if following is None:
                return response
            response.close()
            request = self.http.build_request(
                "GET", following.url, headers=headers, timeout=timeout
            )
        raise httpx.TooManyRedirects("too many redirects", request=request)

    def _send_with(self, key: SecretStr, request: httpx.Request) -> httpx.Response:
        try:
            return self.http.send(request, stream=True, auth=KeyAuth(key))
        except BaseException as error:
            without_frames(error)
            raise error  # noqa: TRY201 - a bare one puts the frames back in Python 3.10


def origin(url: httpx.URL) -> tuple[str, bytes, int] | None:
    """Scheme, host and port of an http(s) URL; None for other URLs, or with a user name.

    Example:
        >>> origin(httpx.URL("HTTPS://ToAPIs.com/v1/videos"))
        ('https', b'toapis.com', 443)
    """
    if url.scheme not in _PORTS or not url.host or url.userinfo:
        return None
    return url.scheme, url.raw_host, _PORTS[url.scheme] if url.port is None else url.port


def host_of(url: httpx.URL) -> str:
    """Host and port, for messages: all other parts of a URL may contain signatures.

    Example:
        >>> host_of(httpx.URL("https://me:pw@cdn.example:8443/a.mp4?sig=ab12"))
        'cdn.example:8443'
    """
    return printable(url.netloc.decode("ascii", "replace"), _SHOWN)


def proxy_for(url: httpx.URL) -> SecretStr | None:
    """The proxy for a URL by the environment (`HTTPS_PROXY`, ..., `NO_PROXY`), if any.

    It may contain a password.
    """
    found = {scheme: SecretStr(proxy) for scheme, proxy in getproxies().items() if proxy}
    proxy = found.get(url.scheme) or found.get("all")
    if not proxy or proxy_bypass(url.host):
        return None
    if "://" in proxy.get_secret_value():
        return proxy
    return SecretStr(f"http://{proxy.get_secret_value()}")


class GuardedTransport(httpx.BaseTransport):
    """Connects to allowed addresses only, whatever a name resolves to.

    Args:
        private: Whether private addresses are allowed, too.
        resolved: Resolves a host name.
        inner: The transport that connects.
        least: The minimum speed.
    """

    def __init__(
        self,
        *,
        private: bool,
        resolved: Resolve = resolve,
        inner: httpx.BaseTransport | None = None,
        least: LeastSpeed = LeastSpeed(),
    ) -> None:
        self._private = private
        self._resolve = resolved
        self._inner = inner or _SteadyTransport(least, limits=_LIMITS)
        self._least = least

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Resolve, check, and connect to the checked address; a proxy connects itself.

        Raises:
            ResultRefused: The host has no allowed address.
            httpx.ConnectError: The host has no address, or no address answers.
        """
        url = request.url
        if url.scheme not in {"http", "https"} or not url.host:
            raise httpx.UnsupportedProtocol("only http and https are supported")
        if not may_be_asked(url.host, private=self._private):
            raise refused(url.host)
        proxy = proxy_for(url)
        try:
            allowed = self._allowed(url.host)
        except OSError as error:
            if proxy:  # which may resolve the name
                return _through(proxy, self._least).handle_request(request)
            what = f"{url.host} can't be resolved: {type(error).__name__}"
            raise httpx.ConnectError(what) from error
        if proxy:
            return _through(proxy, self._least).handle_request(request)
        for address in allowed[:-1]:
            try:
                return self._inner.handle_request(_at(request, str(address)))
            except (httpx.ConnectError, httpx.ConnectTimeout):  # noqa: PERF203 - few addresses
                continue
        return self._inner.handle_request(_at(request, str(allowed[-1])))

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def _allowed(self, host: str) -> Sequence[Address]:
        if found := reachable(self._resolve(host), private=self._private):
            return found
        raise refused(host)


def refused(host: str) -> ResultRefused:
    """The error for a host that must not be contacted."""
    return ResultRefused(
        f"the result's host {host} is not at a public address, so it was not contacted"
    )


def _at(request: httpx.Request, address: str) -> httpx.Request:
    """The same request to an address; the certificate is still checked for the name."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )


class _SteadyTransport(httpx.HTTPTransport):
    """Ends transfers that are too slow, headers included: httpx's timeouts are per read."""

    def __init__(self, least: LeastSpeed, **settings: Any) -> None:
        super().__init__(**settings)
        # httpx has no public way to set the network backend of its pool.
        self._pool._network_backend = _SteadyBackend(least)  # noqa: SLF001 - as above


class _SteadyBackend(httpcore.SyncBackend):
    def __init__(self, least: LeastSpeed) -> None:
        self._least = least

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        stream = super().connect_tcp(host, port, timeout, local_address, socket_options)
        return _SteadyStream(stream, self._least)


class _SteadyStream(httpcore.NetworkStream):
    """A connection, used for a single request."""

    def __init__(self, inner: httpcore.NetworkStream, least: LeastSpeed) -> None:
        self._inner = inner
        self._least = least
        self._waited = 0.0  # seconds, in this window
        self._came = 0  # bytes, in this window

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        began = time.monotonic()
        piece = self._inner.read(max_bytes, timeout)
        self._waited += time.monotonic() - began
        self._came += len(piece)
        if self._waited >= self._least.window and piece:
            if self._came < self._least.size:
                raise httpcore.ReadTimeout("the host sends too slowly")
            self._waited, self._came = 0.0, 0
        return piece

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, timeout)
        return _SteadyStream(inner, self._least)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
