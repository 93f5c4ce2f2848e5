"""The HTTP client: a thin shell around the decisions."""

import json
import logging
from types import TracebackType
from urllib.parse import quote

import httpx
from pydantic import SecretStr
from typing_extensions import Self, Unpack

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.decisions import (
    Accepted,
    query_reply,
    submission_outcome,
)
from prefect_toapis.client.errors import (
    Facts,
    InvalidRequest,
    NotFound,
    UnreadableReply,
)
from prefect_toapis.client.replies import Answer, Reply
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.client.rules import check, is_known
from prefect_toapis.client.urls import DEFAULT_BASE_URL, api_root

logger = logging.getLogger("prefect_toapis")

GENERATIONS = "/v1/videos/generations"

# The retry budget and the longest last try come to less than the time that a submission is given
# to settle: 60 + 10 + 10 + 5 + 30 of 120 seconds.
_TIMEOUT = httpx.Timeout(connect=10.0, pool=10.0, write=5.0, read=30.0)
# A connection that the server closes just as a submission goes out makes an unknown outcome:
# none is used again that was idle for longer than servers surely keep it.
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.0)


class ToAPIsClient:
    """An async client of the ToAPIs video API. It belongs to the event loop it is first used in.

    Proxies come from the environment. The key is sent to the API's host only; redirects are not
    followed.

    Args:
        api_key: The key.
        base_url: The API's root, with or without `/v1`.
        retry: How long to try again what is safe to try again.

    Raises:
        ValueError: `base_url` isn't an http(s) URL, or the key can't be one.

    Example:
        ```python
        async with ToAPIsClient(SecretStr(key)) as client:
            accepted = await client.submit(VideoRequest(prompt="A dog"), business_id="mine-1")
            reply = await client.status(accepted.task_id)
        ```
    """

    def __init__(
        self,
        api_key: SecretStr,
        base_url: str = DEFAULT_BASE_URL,
        *,
        retry: RetryPolicy | None = None,
    ) -> None:
        key = api_key.get_secret_value()
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("api_key is empty, or holds characters that no key has")
        self._key = api_key
        self._root = api_root(base_url)
        self._retry = retry or RetryPolicy()
        self._http = httpx.AsyncClient(
            timeout=_TIMEOUT, limits=_LIMITS, headers={"User-Agent": "prefect-toapis"}
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def submit(self, request: VideoRequest, business_id: str | None = None) -> Accepted:
        """Submit a request ([P] `POST /v1/videos/generations`). This spends money.

        Only what surely bought nothing is sent again (no connection, 429, 503
        `rate_limit_unavailable`), within the retry budget.

        Args:
            request: Checked against the catalogue before anything is sent.
            business_id: The caller's own id, by which `find` looks the task up.

        Returns:
            The accepted generation, with the task id to ask for.

        Raises:
            InvalidRequest: The request breaks rules of its model.
            APIError: The API refuses it (`BadRequest`, `Unauthorized`, ...).
            Transient: It could not be sent within the budget.
            SubmissionUnknown: It may have been accepted: look it up before sending it again.
        """
        catalogue = Catalogue.shipped()
        if faults := check(request, catalogue):
            raise InvalidRequest([str(fault) for fault in faults])
        if not is_known(request, catalogue):
            logger.info("%s: the catalogue doesn't know it; its rules are unchecked", request.model)
        body = request.body(business_id)

        async def once() -> Accepted:
            outcome = submission_outcome(await self._send("POST", GENERATIONS, body))
            if isinstance(outcome, Accepted):
                return outcome
            if business_id:
                outcome.error.about(business_id=business_id)
            raise outcome.error

        return await self._retry.caller()(once)

    async def status(self, task_id: str) -> Reply:
        """Ask how a generation is doing ([D] `GET /v1/videos/generations/{task_id}`).

        Raises:
            NotFound: This key's user has no such task (or not yet).
            APIError: The API refuses the query.
            Transient: No usable reply within the retry budget.
        """
        return await self._query(task_id, task_id=task_id)

    async def find(self, business_id: str) -> Reply | None:
        """Look a generation up by the caller's own id ([D], the same path as `status`).

        Returns:
            The generation, with its task id; None if the API says clearly that there is none.

        Raises:
            APIError: The API refuses the query.
            Transient: No usable reply within the retry budget.
        """
        try:
            reply = await self._query(business_id, business_id=business_id)
        except NotFound:
            return None
        if reply.task_id is None:
            raise UnreadableReply("the look-up found a generation without an id").about(
                business_id=business_id
            )
        return reply

    async def _query(self, wanted: str, **known: Unpack[Facts]) -> Reply:
        path = f"{GENERATIONS}/{quote(wanted, safe='')}"

        async def once() -> Reply:
            reply = query_reply(await self._send("GET", path))
            if isinstance(reply, Reply):
                return reply
            raise reply.about(**known)

        return await self._retry.caller()(once)

    async def _send(
        self, method: str, path: str, body: dict[str, object] | None = None
    ) -> Answer | Exception:
        headers = {"Authorization": f"Bearer {self._key.get_secret_value()}"}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        try:
            response = await self._http.request(
                method, self._root + path, headers=headers, content=content
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return error
        # No reply has reason to hold the key; one that echoes it must not carry it any further.
        text = response.text.replace(self._key.get_secret_value(), "[key]")
        return Answer(response.status_code, text, dict(response.headers))
