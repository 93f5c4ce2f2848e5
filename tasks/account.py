"""The account's balance, and submissions under the rate limit shared by all workers."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from prefect.client.orchestration import get_client
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError, rate_limit
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.runtime import flow_run, task_run

from prefect_toapis.blocks import ToAPIsCredentials
from prefect_toapis.client.account import Account
from prefect_toapis.client.account_replies import Balance
from prefect_toapis.client.errors import Transient
from prefect_toapis.client.replies import Reply
from prefect_toapis.client.requests import Request
from prefect_toapis.client.response_decisions import Accepted
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.records.attempts import Submissions
from prefect_toapis.tasks.options import account_of, step
from prefect_toapis.tasks.sync_async import sync_task

SUBMISSIONS = "toapis-submissions"
"""Name of the rate limit; created by `prefect-toapis setup`."""

_look_up_lock = threading.Lock()


@contextmanager
def submissions_of(credentials: ToAPIsCredentials, settings: RunSettings) -> Iterator[Submissions]:
    """Open the account of the credentials, for submissions under the shared rate limit.

    As for `account_of`, the limits apply to this process until the block ends.

    Raises:
        Unauthorized: The key is empty, masked or malformed.
    """
    with account_of(credentials, settings) as own:
        yield SharedSubmissions(own, settings.webhooks.callback_url)


@dataclass(frozen=True)
class SharedSubmissions:
    """Submissions that respect the limits of this process and of the Prefect server.

    Args:
        own: The account, with the limits of this process.
        callback_url: Receives the provider's webhooks; None: no webhooks.
    """

    own: Account
    callback_url: str | None = None

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the account."""
        return self.own.fingerprint

    async def ready(self) -> None:
        """Wait until both limits allow a submission.

        Raises:
            APIError: The account was refused meanwhile (401, 402).
            Transient: The slot of the Prefect rate limit could not be acquired.
        """
        await self.own.ready()
        run = flow_run.id or task_run.id or ""
        if not await asyncio.to_thread(_is_shared, run):
            return
        try:
            await rate_limit(SUBMISSIONS, strict=True)
        except ConcurrencySlotAcquisitionError as error:
            _look_up.cache_clear()  # it may have been deleted
            raise Transient(f"the Prefect rate limit {SUBMISSIONS} gives no turn") from error

    async def submit(
        self,
        request: Request,
        business_id: str | None = None,
        *,
        uploads: Mapping[str, str] = MappingProxyType({}),
    ) -> Accepted:
        """Submit a request; see `Account.submit`."""
        return await self.own.submit(
            request, business_id, uploads=uploads, callback_url=self.callback_url
        )

    async def find(self, business_id: str) -> Reply | None:
        """Look up a submission; see `Account.find`."""
        return await self.own.find(business_id)


@step("get_balance", "get balance")
async def aget_balance(
    *,
    credentials: ToAPIsCredentials,
    settings: RunSettings = RunSettings(),  # noqa: B008 - not changed
) -> Balance:
    """Return the balance of the account, for all its keys ([D] `GET /v1/user/balance`).

    Args:
        credentials: Of the account.
        settings: Account group and rate limit share, retries.

    Returns:
        Credits and US dollars; None if the account is unlimited.

    Raises:
        Unauthorized: The API does not know the key.
        Transient: No usable reply; Prefect retries this task.

    Example:
        ```python
        balance = await aget_balance(credentials=credentials)
        print(balance.remain_credits)
        ```
    """
    with account_of(credentials, settings) as account:
        return await account.account_balance()


get_balance = sync_task(aget_balance)
"""`aget_balance` for sync code."""


def _is_shared(run: str) -> bool:
    with _look_up_lock:  # only the first of the concurrent shots of a run sends a request
        return _look_up(run)


@lru_cache(maxsize=64)
def _look_up(run: str) -> bool:
    del run  # only the cache key
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(SUBMISSIONS)
        except ObjectNotFound:
            get_run_logger().info(
                "The Prefect server has no rate limit %s: workers don't share the account's "
                "allowance; `prefect-toapis setup` makes one",
                SUBMISSIONS,
            )
            return False
    return True
