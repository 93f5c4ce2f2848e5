"""The httpx connection pool for the API, with its limits and timeouts."""

import httpx
from pydantic import SecretStr

from prefect_toapis.client import request_logs  # noqa: F401 - its filters
from prefect_toapis.client.key import KeyAuth
from prefect_toapis.client.response_bodies import ACCEPTED
from prefect_toapis.client.result_host import UNUSABLE_PROXY

# Further requests wait outside of httpx, whose pool's cost grows quadratically with waiting ones.
REQUESTS_AT_ONCE = 64

# The retry budget and the longest last attempt stay below the lookup window of a submission:
# 60 + 10 + 45 (`Bounds.seconds`) of 120 seconds.
TIMEOUT = httpx.Timeout(connect=10.0, pool=10.0, write=5.0, read=30.0)
UPLOAD_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
# If the server closes a connection just as a submission is sent, its outcome is unknown: so idle
# connections are dropped earlier than servers do. The expiry is even shorter because httpx's pool
# polls each idle connection on every request, which took a tenth of the time after bursts.
_LIMITS = httpx.Limits(
    max_connections=REQUESTS_AT_ONCE,
    max_keepalive_connections=REQUESTS_AT_ONCE,
    keepalive_expiry=0.2,
)


def http_client(api_key: SecretStr) -> httpx.AsyncClient:
    """Create the HTTP client of an account.

    Raises:
        ValueError: The proxy in the environment is unusable.
    """
    try:
        return httpx.AsyncClient(
            timeout=TIMEOUT,
            limits=_LIMITS,
            auth=KeyAuth(api_key),
            headers={"User-Agent": "prefect-toapis", "Accept-Encoding": ACCEPTED},
        )
    except (ValueError, httpx.InvalidURL):  # its text and frames may contain a password
        raise ValueError(UNUSABLE_PROXY) from None
