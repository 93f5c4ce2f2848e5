"""One account in one process: its client, its allowance and its poll scheduler, shared by all.

They live in one background event loop, so that flows and tasks on any loop (Prefect's, a
notebook's, none at all) use the same connections and the same scheduler.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from copy import copy
from functools import cache
from typing import IO, Any, TypeVar

from pydantic import SecretStr

from prefect_toapis.client.account_replies import Balance
from prefect_toapis.client.allowance import ALLOWANCES, AccountGroup, Allowance, Bucket
from prefect_toapis.client.decisions import Accepted, Category
from prefect_toapis.client.errors import ACCOUNT_REFUSED, APIError
from prefect_toapis.client.key import fingerprint
from prefect_toapis.client.media import Kind
from prefect_toapis.client.pacing import RenderTimes
from prefect_toapis.client.polling import CHARACTER_POLL_POLICY, Expected, Poller, PollPolicy
from prefect_toapis.client.replies import Reply
from prefect_toapis.client.requests import Request
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.client.urls import api_root

T = TypeVar("T")


class Account:
    """What a process does with one account. Every method may be awaited on any event loop.

    Args:
        api_key: The account's key.
        base_url: The API's root.
    """

    def __init__(self, api_key: SecretStr, base_url: str) -> None:
        client = ToAPIsClient(api_key, base_url, on_remaining=self._told)
        allowance = self._allowance = ALLOWANCES["default"]
        self._client = client
        self._buckets: dict[Category, Bucket] = {
            "async_submit": Bucket(allowance.submissions, client.submissions),
            "async_query": Bucket(allowance.queries, client.queries),
        }
        # Between its turn and its sending a submission's record is written: those of a burst may
        # come to the provider closer together than they had their turns.
        self._sending = Bucket(allowance.submissions, client.submissions)
        queries = self._buckets["async_query"]
        self._times = RenderTimes()
        self._poller = Poller(client.status, queries, self._times)
        self._characters = Poller(client.character_status, queries, RenderTimes(), "characters")
        self._refused: asyncio.Future[APIError] = asyncio.get_running_loop().create_future()
        self.fingerprint = fingerprint(api_key, api_root(base_url))
        """Says whether two submissions went to the same account, and nothing else about it."""

    def keep_to(self, allowance: Allowance, retry: RetryPolicy) -> None:
        """What everybody in this process keeps to from now on. May be called in any thread.

        Args:
            allowance: What this process may do with the account.
            retry: How long the client tries again by itself.
        """
        self._client.retry = retry
        if allowance == self._allowance:  # else what the provider said is left would be forgotten
            return
        self._allowance = allowance
        self._buckets["async_query"].holds(allowance.queries)
        for bucket in (self._buckets["async_submit"], self._sending):
            bucket.holds(allowance.submissions)

    async def ready(self) -> None:
        """Wait until the allowance has room for one submission.

        Raises:
            APIError: While this waited, the account was refused as a whole (401, 402).
        """
        await in_background(self._ready())

    async def submit(
        self,
        request: Request,
        business_id: str | None = None,
        *,
        uploads: Mapping[str, str] = {},
        callback_url: str | None = None,
    ) -> Accepted:
        """Submit; call `ready` first. See `ToAPIsClient.submit`."""
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
        pace: PollPolicy | None = None,
        on_reply: Callable[[Reply], None] = lambda _: None,
        expected: Expected = Expected(),  # noqa: B008 - frozen
    ) -> Reply:
        """Wait for a generation; see `Poller.wait`."""
        return await in_background(self._poller.wait(task_id, pace, on_reply, expected))

    def notice(self, task_id: str) -> None:
        """Ask for a generation that somebody waits for once, soon. May be called in any thread."""
        _loop().call_soon_threadsafe(self._poller.notice, task_id)

    async def learn(self, earlier: Mapping[str, Sequence[float]]) -> None:
        """Know how many seconds generations took elsewhere, by kind; see `RenderTimes.told`."""
        await in_background(self._learn(earlier))

    async def learnt(self) -> dict[str, list[float]]:
        """How many seconds generations took, by kind, the latest last."""
        return await in_background(self._learnt())

    async def character_status(self, task_id: str) -> Reply:
        """See `ToAPIsClient.character_status`."""
        return await in_background(self._client.character_status(task_id))

    async def wait_for_character(
        self,
        task_id: str,
        pace: PollPolicy = CHARACTER_POLL_POLICY,
        on_reply: Callable[[Reply], None] = lambda _: None,
        expected: Expected = Expected(),  # noqa: B008 - frozen
    ) -> Reply:
        """Wait until a character is made; see `Poller.wait`."""
        return await in_background(self._characters.wait(task_id, pace, on_reply, expected))

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

    async def _ready(self) -> None:
        refused = self._refused
        room = asyncio.ensure_future(self._buckets["async_submit"].acquire())
        try:
            either: set[asyncio.Future[Any]] = {room, refused}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                raise copy(refused.result())
        finally:
            room.cancel()

    async def _learn(self, earlier: Mapping[str, Sequence[float]]) -> None:
        self._times.told(earlier)

    async def _learnt(self) -> dict[str, list[float]]:
        return {kind: list(seconds) for kind, seconds in self._times.by_kind.items() if kind}

    async def _told(self, category: Category, remaining: float) -> None:
        await self._buckets[category].told(remaining)

    async def _submit(
        self,
        request: Request,
        business_id: str | None,
        uploads: Mapping[str, str],
        callback_url: str | None,
    ) -> Accepted:
        await self._sending.acquire()
        try:
            return await self._client.submit(
                request, business_id, uploads=uploads, callback_url=callback_url
            )
        except ACCOUNT_REFUSED as refusal:
            self._refused.set_result(refusal)  # for those that wait in `ready` now
            self._refused = asyncio.get_running_loop().create_future()
            raise


_lock = threading.Lock()


def account(
    api_key: SecretStr,
    base_url: str,
    group: AccountGroup = "default",
    retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
    share: float = 1.0,
) -> Account:
    """The account of a key, the same one for everybody in this process.

    There is one even for those that ask for it with other limits: what was asked for last holds
    for all, so that the process as a whole keeps to it.

    Args:
        api_key: The account's key.
        base_url: The API's root.
        group: The group whose rate limits hold.
        retry: How long the client tries again by itself.
        share: The part of the limits that this process may use, above 0.

    Example:
        ```python
        reply = await account(SecretStr(key), "https://toapis.com").wait("video_01K8")
        ```
    """
    with _lock:
        shared = _account(api_key, api_root(base_url))
        shared.keep_to(ALLOWANCES[group].shared(share), retry)
        return shared


@cache
def _account(api_key: SecretStr, base_url: str) -> Account:
    async def make() -> Account:
        return Account(api_key, base_url)

    return asyncio.run_coroutine_threadsafe(make(), _loop()).result()


async def in_background(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in the background loop and wait for it here; cancelling cancels it there."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, _loop()))


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="prefect-toapis", daemon=True).start()
    return loop
