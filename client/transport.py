"""The HTTP client of the API: I/O around the decisions."""

import asyncio
import json
import logging
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import replace
from functools import partial
from io import SEEK_END, BytesIO
from types import TracebackType
from typing import IO, Any, TypeVar

import anyio
import httpx
from pydantic import SecretStr
from typing_extensions import Self

from prefect_toapis.client import request_logs  # noqa: F401 - its filters
from prefect_toapis.client.account_replies import Balance, read_balance, read_models, read_upload
from prefect_toapis.client.addresses import is_private_host
from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.circuit_breaker import LONGEST_PAUSE, CircuitBreaker
from prefect_toapis.client.errors import (
    APIError,
    BadRequest,
    InvalidRequest,
    NotFound,
    ToAPIsError,
    Unauthorized,
    UnreadableReply,
)
from prefect_toapis.client.http_pool import (
    QUERIES_IDLE_SECONDS,
    REQUESTS_AT_ONCE,
    SUBMISSIONS_IDLE_SECONDS,
    TIMEOUT,
    UPLOAD_TIMEOUT,
    HTTPPools,
)
from prefect_toapis.client.key import is_possible_key, without_frames
from prefect_toapis.client.media import HEAD, Kind, media_fault, media_type
from prefect_toapis.client.references import with_urls
from prefect_toapis.client.replies import Answer, Reply
from prefect_toapis.client.request_rules import check, not_uploaded, unchecked
from prefect_toapis.client.requests import GENERATIONS, Request, names_task
from prefect_toapis.client.response_bodies import Bounds, read_text
from prefect_toapis.client.response_decisions import (
    Accepted,
    Category,
    kept,
    query_reply,
    query_result,
    remaining_in,
    submission_outcome,
)
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.client.urls import DEFAULT_BASE_URL, api_root, path_segment

T = TypeVar("T")
_Part = tuple[str, IO[bytes], str | None]  # file name, content, media type

logger = logging.getLogger("prefect_toapis")

CHARACTER_TASKS = "/v1/characters_tasks"


class ToAPIsClient:
    """An async client of the ToAPIs video API. Bound to the event loop it is first used in.

    Proxies come from the environment. The key is sent to the API's host only; redirects are not
    followed. After a 429, a 503 or repeated failures all calls of the kind wait, and a single call
    at a time probes whether the API is available again.

    Args:
        api_key: The account's key.
        base_url: The API's root, with or without `/v1`.
        retry: The retry policy for safe requests; see `with_retry`.
        on_remaining: Called with a rate-limit bucket and its remaining requests, if reported.
        bounds: The time and size limits of a call.

    Attributes:
        submissions: The circuit breaker of submissions, which have their own rate limit ([D]).
        queries: The circuit breaker of all other calls.

    Raises:
        ValueError: `base_url` isn't a valid http(s) URL, or `api_key` isn't a valid key.

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
        on_remaining: Callable[[Category, float], Awaitable[None]] | None = None,
        bounds: Bounds = Bounds(),  # noqa: B008 - frozen
    ) -> None:
        if not is_possible_key(api_key):
            raise ValueError("api_key is empty or contains invalid characters")
        self._key = api_key
        self._root = api_root(base_url)
        self._retry = retry or RetryPolicy()
        self._on_remaining = on_remaining
        self._bounds = bounds
        self.submissions = CircuitBreaker(time.monotonic)
        self.queries = CircuitBreaker(time.monotonic)
        self._turns = asyncio.Semaphore(REQUESTS_AT_ONCE)
        tls = httpx.create_ssl_context()
        self._for_submissions = HTTPPools(api_key, SUBMISSIONS_IDLE_SECONDS, tls)
        self._for_queries = HTTPPools(api_key, QUERIES_IDLE_SECONDS, tls)

    def with_retry(self, retry: RetryPolicy) -> Self:
        """A copy with another retry policy; connections and circuit breakers are shared.

        Args:
            retry: The retry policy for safe requests.

        Example:
            ```python
            balance = await client.with_retry(RetryPolicy(budget=5)).balance()
            ```
        """
        other = copy(self)
        other._retry = retry  # noqa: SLF001 - of this class
        return other

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
        await self._for_submissions.aclose()
        await self._for_queries.aclose()

    async def submit(
        self,
        request: Request,
        business_id: str | None = None,
        *,
        uploads: Mapping[str, str] = {},
        callback_url: str | None = None,
    ) -> Accepted:
        """Submit a request for a video, a character or a remix ([P], [D]). This spends money.

        It is retried within the retry budget, but only where nothing was bought: no connection,
        429, 503 `rate_limit_unavailable`.

        Args:
            request: Checked against the catalogue before anything is sent.
            business_id: The caller's own id, by which `find` looks the task up.
            uploads: The URLs of uploads, by reference; they replace the references.
            callback_url: The webhook URL of this task ([D]).

        Returns:
            The accepted generation, with its task id.

        Raises:
            InvalidRequest: The request violates rules of its model, or has a reference that is
                missing from `uploads`.
            APIError: The API refuses it (`BadRequest`, `Unauthorized`, ...).
            Transient: It could not be sent within the budget.
            SubmissionUnknown: It may have been accepted: look it up before sending it again.
        """
        catalogue = Catalogue.current()
        faults = check(request, catalogue) + not_uploaded(request, uploads)
        private = bool(faults) and await asyncio.to_thread(is_private_host, self._root)
        if private:
            faults = check(request, catalogue, private=True)
            faults += not_uploaded(request, uploads, private=True)
        if faults:
            raise InvalidRequest([str(fault) for fault in faults])
        if what := unchecked(request, catalogue):
            logger.info("%s", what)
        body = with_urls(request.body(business_id), uploads)
        if callback_url:
            body["callback_url"] = callback_url
        deadline, of_task = self._deadline(), names_task(request)

        async def once() -> Accepted:
            async with self.submissions.passage(deadline):
                answer = await self._send(self._for_submissions, "POST", request.path, body)
                outcome = submission_outcome(answer, of_task=of_task)
                if isinstance(outcome, Accepted):
                    return outcome
                if business_id:
                    outcome.error.add_context(business_id=business_id)
                raise outcome.error

        return await self._retry.caller()(once)

    async def status(self, task_id: str, business_id: str | None = None) -> Reply:
        """Query the status of a generation ([D] `GET /v1/videos/generations/{task_id}`).

        Args:
            task_id: The provider's id of it.
            business_id: The caller's own id, where known; a reply with a different id is rejected.

        Returns:
            The reply; the URLs of its results are absolute.

        Raises:
            NotFound: The key's user has no such task (or not yet).
            APIError: The API refuses the query.
            Transient: No usable reply within the retry budget.
        """
        return await self._query(GENERATIONS, task_id=task_id, business_id=business_id)

    async def character_status(self, task_id: str, business_id: str | None = None) -> Reply:
        """Query the status of a character ([D] `GET /v1/characters_tasks/{task_id}`).

        Args:
            task_id: As for `status`.
            business_id: As for `status`.

        Returns:
            The reply; if completed, it has `characters`.

        Raises:
            ToAPIsError: As `status`.
        """
        return await self._query(CHARACTER_TASKS, task_id=task_id, business_id=business_id)

    async def find(self, business_id: str) -> Reply | None:
        """Look a generation up by the caller's own id ([D], the same path as `status`).

        Returns:
            The generation, with its task id; None if the API says that there is no such task.

        Raises:
            APIError: The API refuses the query.
            Transient: No usable reply within the retry budget.
        """
        try:
            reply = await self._query(GENERATIONS, business_id=business_id)
        except NotFound:
            return None
        ids = [
            task for task in (reply.task_id, *reply.other_ids) if task not in {None, business_id}
        ]
        if not ids:  # the business id echoed back isn't a task id
            what = "the look-up found a generation without an id"
            raise UnreadableReply(what, **(kept(reply) | {"business_id": business_id}))
        return replace(reply, task_id=ids[0], other_ids=tuple(ids[1:]))

    async def upload(self, content: bytes | IO[bytes], name: str, kind: Kind) -> str:
        """Upload an image or a clip, for requests to name by its URL ([D]). It costs nothing.

        Args:
            content: The file, as bytes or open for reading in binary mode. It must be seekable, as
                every attempt reads it again, and fast to read, as local files are.
            name: The file name sent to the provider.
            kind: The kind of media.

        Returns:
            The URL.

        Raises:
            InvalidRequest: The API doesn't accept such a file; nothing was sent.
            APIError: The API refuses it.
            Transient: It could not be uploaded within the retry budget.

        Example:
            ```python
            with open("cat.png", "rb") as file:
                url = await client.upload(file, "cat.png", "image")
            ```
        """
        file = BytesIO(content) if isinstance(content, bytes) else content
        file.seek(0, SEEK_END)
        size = file.tell()
        file.seek(0)
        head = file.read(HEAD)
        if fault := media_fault(head, size, kind):
            raise InvalidRequest([f"{name}: {fault}"])
        part = (name, file, media_type(head, kind))
        path = f"/v1/uploads/{kind}s"
        return await self._ask("POST", path, read_upload, on_success_false=BadRequest, upload=part)

    async def balance(self) -> Balance:
        """The balance of this key ([D] `GET /v1/balance`).

        Raises:
            Unauthorized: The API does not know the key.
            APIError: The API refuses the query.
            Transient: No usable reply within the retry budget.
        """
        return await self._ask("GET", "/v1/balance", read_balance, on_success_false=Unauthorized)

    async def account_balance(self) -> Balance:
        """The balance of the account ([D] `GET /v1/user/balance`); raises as `balance`."""
        return await self._ask(
            "GET", "/v1/user/balance", read_balance, on_success_false=Unauthorized
        )

    async def models(self) -> list[str]:
        """The names of the provider's video models ([D] `GET /v1/models?type=video`).

        Raises:
            APIError: The API refuses the query.
            Transient: No usable reply within the retry budget.
        """
        return await self._ask(
            "GET", "/v1/models?type=video", read_models, on_success_false=BadRequest
        )

    async def _query(
        self, base: str, *, task_id: str | None = None, business_id: str | None = None
    ) -> Reply:
        """Query a generation by the provider's id, or else by the caller's own."""
        wanted = path_segment(task_id or business_id or "")
        decide = partial(query_reply, task_id=task_id, business_id=business_id)
        try:
            reply = await self._decided("GET", f"{base}/{wanted}", decide)
        except ToAPIsError as error:
            if task_id:
                error.add_context(task_id=task_id)
            if business_id:
                error.add_context(business_id=business_id)
            raise
        return reply.below(self._root)

    async def _ask(
        self,
        method: str,
        path: str,
        read: Callable[[Any], T | None],
        *,
        on_success_false: type[APIError] | None = None,
        upload: _Part | None = None,
    ) -> T:
        """Make a call that buys nothing, and parse its reply."""
        decide = partial(query_result, read=read, on_success_false=on_success_false)
        return await self._decided(method, path, decide, upload)

    async def _decided(
        self,
        method: str,
        path: str,
        decide: Callable[[Answer | Exception], T | ToAPIsError],
        upload: _Part | None = None,
    ) -> T:
        """Make a call that buys nothing, with retries within the budget."""
        deadline = self._deadline()

        async def once() -> T:
            async with self.queries.passage(deadline):
                result = decide(await self._send(self._for_queries, method, path, upload=upload))
                if isinstance(result, ToAPIsError):
                    raise result
                return result

        return await self._retry.caller()(once)

    def _deadline(self) -> float:
        """Until when a call may wait for the circuit breaker, even without retries."""
        return time.monotonic() + max(self._retry.budget, LONGEST_PAUSE)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """A slot for a request. Waiting is limited, so that submissions stay within their time."""
        mine = self._turns.acquire()
        try:
            # `wait_for` creates a task, which few requests need.
            await (asyncio.wait_for(mine, TIMEOUT.pool) if self._turns.locked() else mine)
        except asyncio.TimeoutError:
            raise httpx.PoolTimeout("too many other requests are under way") from None
        try:
            yield
        finally:
            self._turns.release()

    async def _send(
        self,
        pools: HTTPPools,
        method: str,
        path: str,
        body: dict[str, object] | None = None,
        upload: _Part | None = None,
    ) -> Answer | Exception:
        try:
            async with self._turn():
                with pools.client() as http:
                    request = self._request(http, method, path, body, upload)
                    status, headers, text = await self._exchange(http, request)
        except TimeoutError:
            return httpx.ReadTimeout("the reply did not end in time")
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            return without_frames(error)  # `SSLError`: damaged TLS after the handshake
        except BaseException as error:  # cancelled, or a bug: the frames contain the key as well
            without_frames(error)
            raise error  # noqa: TRY201 - a bare one puts the frames back in Python 3.10
        if self._on_remaining and (remaining := remaining_in(headers)):
            await self._on_remaining(*remaining)
        # A reply that echoes the key must not carry it any further.
        text = text.replace(self._key.get_secret_value(), "[key]")
        return Answer(status, text, headers)

    def _request(
        self,
        http: httpx.AsyncClient,
        method: str,
        path: str,
        body: dict[str, object] | None,
        upload: _Part | None,
    ) -> httpx.Request:
        return http.build_request(
            method,
            self._root + path,
            headers=None if body is None else {"Content-Type": "application/json"},
            content=None if body is None else json.dumps(body).encode(),
            files={"file": upload} if upload else None,
            timeout=UPLOAD_TIMEOUT if upload else TIMEOUT,
        )

    async def _exchange(
        self, http: httpx.AsyncClient, request: httpx.Request
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers and text of the reply, within the limits of time and size."""
        is_upload = request.headers.get("content-type", "").startswith("multipart/")
        size = int(request.headers.get("content-length", 0)) if is_upload else 0
        with anyio.fail_after(self._bounds.deadline(size)):
            response = await http.send(request, stream=True)
            try:
                text = await read_text(response, self._bounds.reply_bytes)
            finally:
                await response.aclose()
        return response.status_code, dict(response.headers), text
