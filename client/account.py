"""An account, shared by its callers within a process.

Connections, rate limits and poll schedulers are shared by all callers with the same key and URL.
They run in a single background event loop, so that callers on any loop, or none, can use them.
The retry policy and the requested rate limits belong to each caller.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from typing import IO, Any, TypeVar

from pydantic import SecretStr

from prefect_toapis.client.account_replies import Balance
from prefect_toapis.client.allowance import Bucket, LimitRequest, strictest
from prefect_toapis.client.errors import ACCOUNT_REFUSED, APIError
from prefect_toapis.client.key import fingerprint
from prefect_toapis.client.media import Kind
from prefect_toapis.client.pacing import RenderTimes
from prefect_toapis.client.polling import CHARACTER_POLL_POLICY, Expected, Poller, PollPolicy
from prefect_toapis.client.replies import Reply
from prefect_toapis.client.requests import Request
from prefect_toapis.client.response_decisions import Accepted, Category
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.client.urls import api_root

T = TypeVar("T")


class SharedAccount:
    """The state that all callers of an account in this process share, on the background loop.

    Args:
        api_key: The account's key.
        base_url: The API's root.

    Attributes:
        client: The connections; each call uses its caller's retry policy (`with_retry`).
        videos: The poll scheduler for generations.
        characters: The poll scheduler for characters.
        times: The render times observed so far.
        fingerprint: Identifies the account without revealing its key.
    """

    def __init__(self, api_key: SecretStr, base_url: str) -> None:
        client = ToAPIsClient(api_key, base_url, on_remaining=self._observe_remaining)
        allowance = strictest([])
        self.client = client
        self._buckets: dict[Category, Bucket] = {
            "async_submit": Bucket(allowance.submissions, client.submissions),
            "async_query": Bucket(allowance.queries, client.queries),
        }
        # A submission's record is written between `ready` and the request itself, so a burst may
        # reach the provider closer together than `ready` released it.
        self._sending = Bucket(allowance.submissions, client.submissions)
        self._live: Counter[LimitRequest] = Counter()
        self._limits_lock = threading.Lock()
        queries = self._buckets["async_query"]
        self.times = RenderTimes()
        self.videos = Poller(
            lambda task_id, retry: client.with_retry(retry).status(task_id), queries, self.times
        )
        self.characters = Poller(
            lambda task_id, retry: client.with_retry(retry).character_status(task_id),
            queries,
            RenderTimes(),
            "characters",
        )
        self._refused: asyncio.Future[APIError] = asyncio.get_running_loop().create_future()
        self.fingerprint = fingerprint(api_key, api_root(base_url))

    @contextmanager
    def limited(self, request: LimitRequest) -> Iterator[None]:
        """Apply rate limits to the process until the block ends. May be used in any thread.

        Args:
            request: The limits; if several requests are active, `strictest` combines them.
        """
        self._change_limits({request: 1})
        try:
            yield
        finally:
            self._change_limits({request: -1})

    def _change_limits(self, more: Mapping[LimitRequest, int]) -> None:
        with self._limits_lock:
            self._live.update(more)
            self._live = +self._live  # without those that have ended
            allowance = strictest(self._live)
            self._buckets["async_query"].set_limit(allowance.queries)
            for bucket in (self._buckets["async_submit"], self._sending):
                bucket.set_limit(allowance.submissions)

    async def ready(self) -> None:
        """Wait until the allowance has room for one submission; see `Account.ready`."""
        refused = self._refused
        room = asyncio.ensure_future(self._buckets["async_submit"].acquire())
        try:
            either: set[asyncio.Future[Any]] = {room, refused}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                raise copy(refused.result())
        finally:
            room.cancel()

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Wait until a submission may be sent; if the account is refused, end every `ready`."""
        await self._sending.acquire()
        try:
            yield
        except ACCOUNT_REFUSED as refusal:
            self._refused.set_result(refusal)  # for the callers that wait in `ready` now
            self._refused = asyncio.get_running_loop().create_future()
            raise

    async def _observe_remaining(self, category: Category, remaining: float) -> None:
        await self._buckets[category].observe_remaining(remaining)


@dataclass(frozen=True)
class Account:
    """A caller's handle of an account. Every method may be awaited on any event loop.

    Created by `account`. Handles of the same account are equal, whatever their retry policies.
    """

    _shared: SharedAccount
    _retry: RetryPolicy = field(compare=False)

    @property
    def fingerprint(self) -> str:
        """Identifies the account without revealing its key."""
        return self._shared.fingerprint

    async def ready(self) -> None:
        """Wait until the allowance has room for one submission.

        Raises:
            APIError: The account as a whole was refused during the wait (401, 402).
        """
        await in_background(self._shared.ready())

    async def submit(
        self,
        request: Request,
        business_id: str | None = None,
        *,
        uploads: Mapping[str, str] = {},
        callback_url: str | None = None,
    ) -> Accepted:
        """Submit a request; call `ready` first. See `ToAPIsClient.submit`."""
        return await in_background(self._submit(request, business_id, uploads, callback_url))

    async def find(self, business_id: str) -> Reply | None:
        """See `ToAPIsClient.find`."""
        return await in_background(self._client.find(business_id))

    async def status(self, task_id: str, business_id: str | None = None) -> Reply:
        """See `ToAPIsClient.status`."""
        return await in_background(self._client.status(task_id, business_id))

    async def wait(
        self,
        task_id: str,
        policy: PollPolicy | None = None,
        on_reply: Callable[[Reply], None] = lambda _: None,
        expected: Expected = Expected(),  # noqa: B008 - frozen
    ) -> Reply:
        """Wait for a generation; see `Poller.wait`."""
        poller = self._shared.videos
        return await in_background(poller.wait(task_id, policy, on_reply, expected, self._retry))

    def notice(self, task_id: str) -> None:
        """Query a generation that is being waited for soon. May be called in any thread."""
        _loop().call_soon_threadsafe(self._shared.videos.notice, task_id)

    async def add_render_times(self, earlier: Mapping[str, Sequence[float]]) -> None:
        """Add render times observed elsewhere, in seconds by kind; see `RenderTimes.merge`."""
        await in_background(self._add_render_times(earlier))

    async def render_times(self) -> dict[str, list[float]]:
        """The render times observed so far, in seconds by kind, the latest last."""
        return await in_background(self._render_times())

    async def character_status(self, task_id: str) -> Reply:
        """See `ToAPIsClient.character_status`."""
        return await in_background(self._client.character_status(task_id))

    async def wait_for_character(
        self,
        task_id: str,
        policy: PollPolicy = CHARACTER_POLL_POLICY,
        on_reply: Callable[[Reply], None] = lambda _: None,
        expected: Expected = Expected(),  # noqa: B008 - frozen
    ) -> Reply:
        """Wait until a character is made; see `Poller.wait`."""
        poller = self._shared.characters
        return await in_background(poller.wait(task_id, policy, on_reply, expected, self._retry))

    async def upload(self, content: bytes | IO[bytes], name: str, kind: Kind) -> str:
        """See `ToAPIsClient.upload`. The background loop reads the content."""
        return await in_background(self._client.upload(content, name, kind))

    async def balance(self) -> Balance:
        """See `ToAPIsClient.balance`."""
        return await in_background(self._client.balance())

    async def account_balance(self) -> Balance:
        """See `ToAPIsClient.account_balance`."""
        return await in_background(self._client.account_balance())

    async def models(self) -> list[str]:
        """See `ToAPIsClient.models`."""
        return await in_background(self._client.models())

    @property
    def _client(self) -> ToAPIsClient:
        return self._shared.client.with_retry(self._retry)

    async def _submit(
        self,
        request: Request,
        business_id: str | None,
        uploads: Mapping[str, str],
        callback_url: str | None,
    ) -> Accepted:
        async with self._shared.sending():
            return await self._client.submit(
                request, business_id, uploads=uploads, callback_url=callback_url
            )

    async def _add_render_times(self, earlier: Mapping[str, Sequence[float]]) -> None:
        self._shared.times.merge(earlier)

    async def _render_times(self) -> dict[str, list[float]]:
        times = self._shared.times.by_kind
        return {kind: list(seconds) for kind, seconds in times.items() if kind}


_lock = threading.Lock()


@contextmanager
def account(
    api_key: SecretStr,
    base_url: str,
    limits: LimitRequest = LimitRequest(),  # noqa: B008 - frozen
    retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
) -> Iterator[Account]:
    """Open the account of a key for a caller; its rate limits apply until the block ends.

    Connections, allowance and poll schedulers are shared by all callers in this process with the
    same key and URL, and the strictest of their limits applies to all of them. Requests already
    sent count when the limits change.

    Args:
        api_key: The account's key.
        base_url: The API's root.
        limits: The rate limits for the process meanwhile; by default the account's own.
        retry: How long this caller's calls are retried, polling included.

    Raises:
        ValueError: `base_url` isn't a valid http(s) URL, or `api_key` isn't a valid key.

    Example:
        ```python
        with account(SecretStr(key), "https://toapis.com", LimitRequest(share=0.5)) as api:
            reply = await api.wait("video_01K8")
        ```
    """
    with _lock:
        shared = _shared_account(api_key, api_root(base_url))
    with shared.limited(limits):
        yield Account(shared, retry)


@cache
def _shared_account(api_key: SecretStr, base_url: str) -> SharedAccount:
    async def make() -> SharedAccount:
        return SharedAccount(api_key, base_url)

    return asyncio.run_coroutine_threadsafe(make(), _loop()).result()


async def in_background(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in the background loop and await it; cancellation is passed on."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, _loop()))


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="prefect-toapis", daemon=True).start()
    return loop
