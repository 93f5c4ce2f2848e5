"""Shared options of the tasks: retries, names, blocks and the account."""

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
from prefect.utilities.annotations import BaseAnnotation, quote

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

_MAX_LABEL = 60  # characters of a label in a name
RETRY_DELAYS: list[float] = [30, 120, 600]  # seconds


def step(
    name: str, task_run_name: str | Callable[[], str]
) -> Callable[[AsyncFunction[P, R]], Task[P, Coroutine[Any, Any, R]]]:
    """Declare a task, retried only if that is safe.

    It is never cached: the record in the bucket is the single source of truth about purchases.

    Args:
        name: Of the task.
        task_run_name: Of its runs.
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
    """Binds blocks, settings and retry delays to a task; see `bind_to`."""

    def __call__(
        self, task: Task[..., Coroutine[Any, Any, R]], /
    ) -> Callable[..., Coroutine[Any, Any, R]]:
        """Return the task with all parameters bound, except its subject."""
        ...


def bind_to(credentials: ToAPIsCredentials, bucket: VideoBucket, settings: RunSettings) -> Bind:
    """Return a function that binds the blocks, settings and retry delays of a run to tasks.

    Args:
        credentials: Of the account that pays.
        bucket: Contains the videos and records.
        settings: Timeouts, limits and retries.
    """
    delays = settings.retries.task_delays_seconds

    def bind(task: Task[..., Coroutine[Any, Any, R]], /) -> Callable[..., Coroutine[Any, Any, R]]:
        # Quoted, so that Prefect doesn't search them for results of other tasks in every run.
        return partial(
            task.with_options(retries=len(delays), retry_delay_seconds=delays),
            credentials=quote(credentials),
            bucket=quote(bucket),
            settings=quote(settings),
        )

    return bind


def is_transient(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """A `retry_condition_fn`: retry only errors after which that is safe."""
    return isinstance(state.data, Transient)


def named(verb: str, subject: str) -> Callable[[], str]:
    """A `task_run_name`: a verb and the label of the task's subject.

    Args:
        verb: Such as `submit`.
        subject: Name of the parameter that has the label.
    """

    def name() -> str:
        value = task_run.parameters[subject]
        value = value.unwrap() if isinstance(value, BaseAnnotation) else value
        label = getattr(value, "label", None) or getattr(value, "prompt", None) or value
        return f"{verb} {printable(str(label), _MAX_LABEL)}"

    return name


def run_logger() -> "logging.Logger | LoggingAdapter":
    """Return the logger of the flow run or task run; outside of runs, that of this package."""
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("prefect_toapis")


@contextmanager
def account_of(credentials: ToAPIsCredentials, settings: RunSettings) -> Iterator[Account]:
    """Open the account of the credentials, with rate limits that apply until the block ends.

    They apply to the whole process; see `strictest`. A task holds them for a call, and a flow for
    its whole run, so that they also apply between its tasks.

    Args:
        credentials: Of the account.
        settings: The requested rate limits, and `retries.client_seconds`.

    Raises:
        Unauthorized: The key is empty, masked or malformed.

    Example:
        ```python
        with account_of(credentials, settings) as account:
            balance = await account.account_balance()
        ```
    """
    limits = LimitRequest(settings.limits.account_group, settings.limits.rate_limit_share or 1)
    retry = retry_policy_of(settings)
    try:
        if problem := credentials.problem():
            raise Unauthorized(problem)
        with account(credentials.api_key, credentials.base_url, limits, retry) as held:
            yield held
    except ToAPIsError as error:
        with_batch_advice(error)
        raise


def api_is_private(credentials: ToAPIsCredentials) -> Callable[[], bool]:
    """Return a function that checks if the API has a private address; it may use DNS."""
    return partial(is_private_host, credentials.base_url)


async def is_private(credentials: ToAPIsCredentials) -> bool:
    """Return whether the API has a private address."""
    return await asyncio.to_thread(api_is_private(credentials))


def retry_policy_of(settings: RunSettings) -> RetryPolicy:
    """Return the policy for requests that are safe to repeat: to the API, a result or the store."""
    return RetryPolicy(budget=settings.retries.client_seconds)


def poll_policy_of(settings: RunSettings) -> PollPolicy:
    """Return the polling policy of the settings."""
    return PollPolicy(
        first=settings.polling.first_seconds,
        every=settings.polling.interval_seconds,
        timeout=settings.polling.timeout_seconds,
        grace=settings.polling.grace_seconds,
    )


async def keep_reply(buyer: Buyer, item: Buyable, error: ToAPIsError) -> None:
    """Record the reply attached to an error, if any; a failure to do so is only logged.

    Args:
        buyer: With the record.
        item: The subject of the reply.
        error: To be raised by the caller.
    """
    if error.reply:
        try:
            await buyer.keep_reply(item, error)
        except StoreError as failure:
            what = "%s: the provider's reply could not be kept: %s"
            run_logger().warning(what, item.label, failure.message)
