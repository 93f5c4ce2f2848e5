"""The account: its balance, and the rate limit that all workers share."""

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
"""The rate limit's name; `prefect-toapis setup` makes it."""

_one_at_a_time = threading.Lock()


@contextmanager
def submissions_of(credentials: ToAPIsCredentials, settings: RunSettings) -> Iterator[Submissions]:
    """The account that credentials belong to, for submissions that all workers share.

    As `account_of`: until the block ends, its process keeps to the limits.

    Raises:
        Unauthorized: The key can't be one: it is empty, or masked.
    """
    with account_of(credentials, settings) as own:
        yield SharedSubmissions(own, settings.webhooks.callback_url)


@dataclass(frozen=True)
class SharedSubmissions:
    """Submissions that also wait for the turn that the Prefect server gives to all workers.

    Args:
        own: This process's, with an allowance of its own.
        callback_url: Where the provider sends the webhook of each; None: it is told nothing.
    """

    own: Account
    callback_url: str | None = None

    @property
    def fingerprint(self) -> str:
        """Of the account."""
        return self.own.fingerprint

    async def ready(self) -> None:
        """Wait until both allowances have room for one submission.

        Raises:
            APIError: While this waited, the account was refused as a whole (401, 402).
            Transient: The Prefect server gives no turn.
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
        """As this process's own."""
        return await self.own.submit(
            request, business_id, uploads=uploads, callback_url=self.callback_url
        )

    async def find(self, business_id: str) -> Reply | None:
        """As this process's own."""
        return await self.own.find(business_id)


def _is_shared(run: str) -> bool:
    with _one_at_a_time:  # of the many shots of a run one looks, and the others know
        return _look_up(run)


@lru_cache(maxsize=64)
def _look_up(run: str) -> bool:
    del run  # only to look once in each
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


@step("get_balance", "get balance")
async def aget_balance(
    *,
    credentials: ToAPIsCredentials,
    settings: RunSettings = RunSettings(),  # noqa: B008 - not changed
) -> Balance:
    """What the account has left, all its keys together ([D] `GET /v1/user/balance`).

    Args:
        credentials: Whose account.
        settings: Account group and share, retries.

    Returns:
        Credits and US dollars; None in them where the account is unlimited.

    Raises:
        Unauthorized: The API does not know the key.
        Transient: No usable reply; Prefect tries this task again.

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
