"""What the tasks share: how they are retried, what they are called, whose account they use."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ParamSpec, TypeVar

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_run_logger
from prefect.runtime import task_run

from prefect_toapis.batches.advice import with_batch_advice
from prefect_toapis.batches.buyable import Buyable
from prefect_toapis.batches.errors import StoreError
from prefect_toapis.batches.spec import RunSettings
from prefect_toapis.batches.submission import Buyer
from prefect_toapis.blocks import ToAPIsCredentials
from prefect_toapis.client.account import Account, account
from prefect_toapis.client.addresses import is_private_host
from prefect_toapis.client.allowance import LimitRequest
from prefect_toapis.client.errors import ToAPIsError, Transient, Unauthorized
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.polling import PollPolicy
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.tasks.calling import EitherTask, either_task
from prefect_toapis.tasks.log_lines import STEPS

P = ParamSpec("P")
R = TypeVar("R")

_SHOWN = 60  # characters of a label in a name
RETRY_DELAYS: list[float] = [30, 120, 600]  # seconds


def step(name: str | Callable[[], str]) -> Callable[[Callable[P, R]], EitherTask[P, R]]:
    """A task of ours, tried again only where that is safe.

    It is never cached: the record in the bucket is the only truth about what was bought.

    Args:
        name: What its runs are called.
    """
    as_task = either_task(
        task_run_name=name,
        retries=len(RETRY_DELAYS),
        retry_delay_seconds=RETRY_DELAYS,
        retry_condition_fn=is_transient,
        cache_policy=NO_CACHE,
        persist_result=False,
    )

    def decorate(function: Callable[P, R]) -> EitherTask[P, R]:
        task: EitherTask[P, R] = as_task(function)
        STEPS.add(task.name)
        return task

    return decorate


def with_delays(task: EitherTask[P, R], settings: RunSettings) -> EitherTask[P, R]:
    """A step that is tried again after the delays of the settings."""
    delays = settings.task_retry_delays_seconds
    return task.with_options(retries=len(delays), retry_delay_seconds=delays)


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
    try:
        if problem := credentials.problem():
            raise Unauthorized(problem)
        limits = LimitRequest(settings.account_group, settings.account_share)
        retry = RetryPolicy(budget=settings.retry_seconds)
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
        first=settings.poll_first_seconds,
        every=settings.poll_every_seconds,
        timeout=settings.patience_seconds,
        grace=settings.grace_seconds,
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
            get_run_logger().warning(what, item.label, failure.message)
