"""What the tasks share: how they are retried, what they are called, whose account they use."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger
from prefect.logging.loggers import LoggingAdapter
from prefect.runtime import task_run
from prefect.utilities.annotations import quote

from prefect_toapis.blocks import ToAPIsCredentials, VideoBucket
from prefect_toapis.blocks.prefect_internals import QUIET_TASKS
from prefect_toapis.client.account import Account, account
from prefect_toapis.client.addresses import is_private_host
from prefect_toapis.client.allowance import LimitRequest
from prefect_toapis.client.errors import ToAPIsError, Transient, Unauthorized
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.polling import PollPolicy
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.errors import StoreError, with_batch_advice
from prefect_toapis.planning.settings import RunSettings
from prefect_toapis.records.attempts import Buyable
from prefect_toapis.records.purchases import Buyer
from prefect_toapis.tasks.sync_async import AsyncFunction

P = ParamSpec("P")
R = TypeVar("R")

_SHOWN = 60  # characters of a label in a name
RETRY_DELAYS: list[float] = [30, 120, 600]  # seconds


def step(
    name: str, task_run_name: str | Callable[[], str]
) -> Callable[[AsyncFunction[P, R]], Task[P, Coroutine[Any, Any, R]]]:
    """A task of ours, tried again only where that is safe.

    It is never cached: the record in the bucket is the only truth about what was bought.

    Args:
        name: Of the task.
        task_run_name: What its runs are called.
    """
    QUIET_TASKS.add(name)
    return task(
        name=name,
        task_run_name=task_run_name,
        retries=len(RETRY_DELAYS),
        retry_delay_seconds=RETRY_DELAYS,
        retry_condition_fn=is_transient,
        cache_policy=NO_CACHE,
        persist_result=False,
    )


class Bind(Protocol):
    """Gives a step the blocks, the settings and the retry delays of a run; see `bind_to`."""

    def __call__(
        self, task: Task[..., Coroutine[Any, Any, R]], /
    ) -> Callable[..., Coroutine[Any, Any, R]]:
        """The step; what is left to give is its subject."""
        ...


def bind_to(credentials: ToAPIsCredentials, bucket: VideoBucket, settings: RunSettings) -> Bind:
    """What gives steps the blocks, the settings and the retry delays of a run.

    Args:
        credentials: Whose account pays.
        bucket: Where everything is kept.
        settings: Waits, bounds and retries.
    """
    delays = settings.retries.task_delays_seconds

    def bind(task: Task[..., Coroutine[Any, Any, R]], /) -> Callable[..., Coroutine[Any, Any, R]]:
        # Quoted: Prefect would search them for results of other tasks, several times for each run.
        return partial(
            task.with_options(retries=len(delays), retry_delay_seconds=delays),
            credentials=quote(credentials),
            bucket=quote(bucket),
            settings=quote(settings),
        )

    return bind


def is_transient(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """A `retry_condition_fn`: whether a task failed by something that is safe to do again."""
    return isinstance(state.data, Transient)


def named(verb: str, subject: str) -> Callable[[], str]:
    """A `task_run_name`: the verb and the label of what it works on.

    Args:
        verb: Such as `submit`.
        subject: The task's parameter that has a label.
    """

    def name() -> str:
        what = task_run.parameters[subject]
        label = getattr(what, "label", None) or getattr(what, "prompt", None) or what
        return f"{verb} {printable(str(label), _SHOWN)}"

    return name


def run_logger() -> "logging.Logger | LoggingAdapter":
    """The logger of the flow run or task run; this package's own where nothing runs."""
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("prefect_toapis")


@contextmanager
def account_of(credentials: ToAPIsCredentials, settings: RunSettings) -> Iterator[Account]:
    """The account that credentials belong to, with rate limits that hold until the block ends.

    They hold for the whole process; see `strictest`. A task holds them for one call, and a flow's
    run from its start to its end, so that they hold between its tasks too.

    Args:
        credentials: Whose account.
        settings: The rate limits that are asked for, and how long calls are tried again.

    Raises:
        Unauthorized: The key can't be one: it is empty, or masked.

    Example:
        ```python
        with account_of(credentials, settings) as account:
            balance = await account.account_balance()
        ```
    """
    limits = LimitRequest(settings.limits.account_group, settings.limits.rate_limit_share or 1)
    retry = RetryPolicy(budget=settings.retries.client_seconds)
    try:
        if problem := credentials.problem():
            raise Unauthorized(problem)
        with account(credentials.api_key, credentials.base_url, limits, retry) as held:
            yield held
    except ToAPIsError as error:
        with_batch_advice(error)
        raise


def api_is_private(credentials: ToAPIsCredentials) -> Callable[[], bool]:
    """What says whether the API is at a private address; it may ask the network."""
    return partial(is_private_host, credentials.base_url)


async def is_private(credentials: ToAPIsCredentials) -> bool:
    """Whether the API is at a private address."""
    return await asyncio.to_thread(api_is_private(credentials))


def pace_of(settings: RunSettings) -> PollPolicy:
    """When to ask, by the settings."""
    return PollPolicy(
        first=settings.polling.first_seconds,
        every=settings.polling.interval_seconds,
        timeout=settings.polling.timeout_seconds,
        grace=settings.polling.grace_seconds,
    )


async def keep_reply(buyer: Buyer, item: Buyable, error: ToAPIsError) -> None:
    """Record the reply that an error keeps, if any; that this fails is no reason to hide the error.

    Args:
        buyer: Has the record.
        item: What the reply is about.
        error: What is raised.
    """
    if error.reply:
        try:
            await buyer.keep_reply(item, error)
        except StoreError as failure:
            what = "%s: the provider's reply could not be kept: %s"
            run_logger().warning(what, item.label, failure.message)
