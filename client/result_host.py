"""The HTTP client for results: it connects to the addresses it has checked, and to no other.

The check is made for every connection, so neither a redirect nor a second answer of DNS gets
around it. Behind a proxy the proxy connects: there, only what can be seen from here is checked.
"""

from collections.abc import Sequence
from functools import cache
from urllib.request import getproxies, proxy_bypass

import httpx

from prefect_toapis.client.addresses import Address, Resolve, lies_private, reachable, resolve
from prefect_toapis.client.errors import ResultRefused

_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=0)


def result_client(base_url: str) -> httpx.Client:
    """The client for the results of an API; one for the process, safe to share between threads.

    Args:
        base_url: The API's root: only where it is at a private address may its results be.
    """
    return _client(lies_private(base_url))


@cache
def _client(private: bool) -> httpx.Client:
    return httpx.Client(transport=GuardedTransport(private=private), follow_redirects=True)


@cache
def _through(proxy: str) -> httpx.HTTPTransport:
    return httpx.HTTPTransport(limits=_LIMITS, proxy=proxy)


def proxy_for(url: httpx.URL) -> str | None:
    """The proxy that the environment names for a URL (`HTTPS_PROXY`, ..., `NO_PROXY`), if any."""
    found = getproxies()
    proxy = found.get(url.scheme) or found.get("all")
    if not proxy or proxy_bypass(url.host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


class GuardedTransport(httpx.BaseTransport):
    """Connects to allowed addresses alone, whatever a name stands for.

    Args:
        private: Whether private addresses are allowed, too.
        resolved: Finds a host's addresses.
        inner: What makes the connections.
    """

    def __init__(
        self,
        *,
        private: bool,
        resolved: Resolve = resolve,
        inner: httpx.BaseTransport | None = None,
    ) -> None:
        self._private = private
        self._resolve = resolved
        self._inner = inner or httpx.HTTPTransport(limits=_LIMITS)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Resolve, check, connect to what was checked; a proxy is left to connect itself.

        Raises:
            ResultRefused: The host has no address that is allowed.
            httpx.ConnectError: It has no address at all, or none that answers.
        """
        url = request.url
        if url.scheme not in {"http", "https"} or not url.host:
            raise httpx.UnsupportedProtocol("only http and https are fetched")
        proxy = proxy_for(url)
        try:
            allowed = self._allowed(url.host)
        except OSError as error:
            if proxy:  # which may know the name
                return _through(proxy).handle_request(request)
            what = f"{url.host} is not known: {type(error).__name__}"
            raise httpx.ConnectError(what) from error
        if proxy:
            return _through(proxy).handle_request(request)
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
    """The error for a host that must not be asked."""
    return ResultRefused(
        f"the result is said to lie at {host}, which is no public address: it was not asked"
    )


def _at(request: httpx.Request, address: str) -> httpx.Request:
    """The same request to one address; the certificate is still checked for the name."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )
