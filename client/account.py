"""One account in one process: its client, its allowance and its poll scheduler, shared by all.

They live in one background event loop, so that flows and tasks on any loop (Prefect's, a
notebook's, none at all) use the same connections and the same scheduler.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import IO, Any, Literal, TypeVar

from aiolimiter import AsyncLimiter
from pydantic import SecretStr

from prefect_toapis.client.decisions import Accepted
from prefect_toapis.client.errors import APIError, InsufficientBalance, Unauthorized
from prefect_toapis.client.media import Kind
from prefect_toapis.client.polling import CHARACTER_PACE, Pace, Poller
from prefect_toapis.client.replies import Balance, Reply
from prefect_toapis.client.requests import Request
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.client.urls import api_root

T = TypeVar("T")

AccountGroup = Literal["default", "vip", "svip"]

BURST_SECONDS = 10.0  # [D]: each bucket holds ten seconds' worth


@dataclass(frozen=True)
class Allowance:
    """What an account may do in ten seconds ([D], the table of rate limits)."""

    submissions: float
    queries: float


ALLOWANCES: dict[AccountGroup, Allowance] = {
    "default": Allowance(submissions=50, queries=500),
    "vip": Allowance(submissions=166, queries=1666),
    "svip": Allowance(submissions=333, queries=5000),
}


class Account:
    """What a process does with one account. Every method may be awaited on any event loop.

    Args:
        api_key: The account's key.
        base_url: The API's root.
        group: The group whose rate limits hold.
        retry: How long the client tries again by itself.
    """

    def __init__(
        self, api_key: SecretStr, base_url: str, group: AccountGroup, retry: RetryPolicy
    ) -> None:
        allowance = ALLOWANCES[group]
        self._submissions = AsyncLimiter(allowance.submissions, BURST_SECONDS)
        self._client = ToAPIsClient(api_key, base_url, retry=retry)
        queries = AsyncLimiter(allowance.queries, BURST_SECONDS)
        self._poller = Poller(self._client.status, queries)
        self._characters = Poller(self._client.character_status, queries, wanted="characters")
        self._refused: asyncio.Future[APIError] = asyncio.get_running_loop().create_future()

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
    ) -> Accepted:
        """Submit; call `ready` first. See `ToAPIsClient.submit`."""
        return await in_background(self._submit(request, business_id, uploads))

    async def find(self, business_id: str) -> Reply | None:
        """See `ToAPIsClient.find`."""
        return await in_background(self._client.find(business_id))

    async def status(self, task_id: str) -> Reply:
        """See `ToAPIsClient.status`."""
        return await in_background(self._client.status(task_id))

    async def wait(
        self,
        task_id: str,
        pace: Pace | None = None,
        on_reply: Callable[[Reply], None] = lambda _: None,
    ) -> Reply:
        """Wait for a generation; see `Poller.wait`."""
        return await in_background(self._poller.wait(task_id, pace, on_reply))

    async def character_status(self, task_id: str) -> Reply:
        """See `ToAPIsClient.character_status`."""
        return await in_background(self._client.character_status(task_id))

    async def wait_for_character(
        self,
        task_id: str,
        pace: Pace = CHARACTER_PACE,
        on_reply: Callable[[Reply], None] = lambda _: None,
    ) -> Reply:
        """Wait until a character is made; see `Poller.wait`."""
        return await in_background(self._characters.wait(task_id, pace, on_reply))

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
        await self._client.submissions.pause()
        refused = self._refused
        room = asyncio.ensure_future(self._submissions.acquire())
        try:
            either: set[asyncio.Future[Any]] = {room, refused}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                raise copy(refused.result())
        finally:
            room.cancel()

    async def _submit(
        self, request: Request, business_id: str | None, uploads: Mapping[str, str]
    ) -> Accepted:
        try:
            return await self._client.submit(request, business_id, uploads=uploads)
        except (Unauthorized, InsufficientBalance) as refusal:
            self._refused.set_result(refusal)  # for those that wait in `ready` now
            self._refused = asyncio.get_running_loop().create_future()
            raise


_lock = threading.Lock()


def account(
    api_key: SecretStr,
    base_url: str,
    group: AccountGroup = "default",
    retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
) -> Account:
    """The account of a key, the same one for everybody in this process.

    Example:
        ```python
        reply = await account(SecretStr(key), "https://toapis.com").wait("video_01K8")
        ```
    """
    with _lock:
        return _account(api_key, api_root(base_url), group, retry)


@cache
def _account(api_key: SecretStr, base_url: str, group: AccountGroup, retry: RetryPolicy) -> Account:
    async def make() -> Account:
        return Account(api_key, base_url, group, retry)

    return asyncio.run_coroutine_threadsafe(make(), _loop()).result()


async def in_background(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in the background loop and wait for it here; cancelling cancels it there."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, _loop()))


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="prefect-toapis", daemon=True).start()
    return loop
