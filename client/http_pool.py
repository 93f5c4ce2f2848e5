"""The httpx connection pools for the API, with their limits and timeouts."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from pydantic import SecretStr

from prefect_toapis.client import request_logs  # noqa: F401 - its filters
from prefect_toapis.client.key import KeyAuth
from prefect_toapis.client.response_bodies import ACCEPTED
from prefect_toapis.client.result_host import UNUSABLE_PROXY

# Further requests wait outside of httpx, whose pool's cost grows quadratically with waiting ones.
REQUESTS_AT_ONCE = 64
# It grows with the connections of a pool, too: a query among 64 in one pool takes three times the
# CPU of a query among 64 in sixteen.
POOLS = 16

# The retry budget and the longest last attempt stay below the lookup window of a submission:
# 60 + 10 + 45 (`Bounds.seconds`) of 120 seconds.
TIMEOUT = httpx.Timeout(connect=10.0, pool=10.0, write=5.0, read=30.0)
UPLOAD_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
# If the server closes a connection just as a submission is sent, its outcome is unknown: so idle
# connections are dropped much earlier than servers do.
SUBMISSIONS_IDLE_SECONDS = 0.2
# A query can be repeated, and a new TLS connection takes twice the CPU of a query: so they are
# kept, for less time than servers do.
QUERIES_IDLE_SECONDS = 4.0


class HTTPPools:
    """Several small connection pools to the API; the connections used last are used first.

    Args:
        api_key: The account's key.
        idle_seconds: How long an idle connection is kept.
        tls: The certificates to trust; loading them for each pool would take 25 ms of CPU.

    Raises:
        ValueError: The proxy in the environment is unusable.
    """

    def __init__(self, api_key: SecretStr, idle_seconds: float, tls: ssl.SSLContext) -> None:
        each = REQUESTS_AT_ONCE // POOLS
        limits = httpx.Limits(
            max_connections=each, max_keepalive_connections=each, keepalive_expiry=idle_seconds
        )
        self._clients = [_http_client(api_key, limits, tls) for _ in range(POOLS)]
        self._free = [client for client in self._clients for _ in range(each)]

    @contextmanager
    def client(self) -> Iterator[httpx.AsyncClient]:
        """Lend a client for one request; the caller has at most `REQUESTS_AT_ONCE` at a time."""
        client = self._free.pop()
        try:
            yield client
        finally:
            self._free.append(client)

    async def aclose(self) -> None:
        """Close the connections."""
        for client in self._clients:
            await client.aclose()


def _http_client(
    api_key: SecretStr, limits: httpx.Limits, tls: ssl.SSLContext
) -> httpx.AsyncClient:
    try:
        return httpx.AsyncClient(
            timeout=TIMEOUT,
            limits=limits,
            verify=tls,
            auth=KeyAuth(api_key),
            headers={"User-Agent": "prefect-toapis", "Accept-Encoding": ACCEPTED},
        )
    except (ValueError, httpx.InvalidURL):  # its text and frames may contain a password
        raise ValueError(UNUSABLE_PROXY) from None
