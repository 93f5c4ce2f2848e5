"""What the tasks share: how they are retried, what they are called, whose account they use."""

from collections.abc import Callable
from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import task_run

from prefect_toapis.batches.spec import RunSettings
from prefect_toapis.blocks import ToAPIsCredentials
from prefect_toapis.client.account import Account, account
from prefect_toapis.client.errors import Transient, Unauthorized
from prefect_toapis.client.polling import Pace
from prefect_toapis.client.retrying import RetryPolicy

RETRY_DELAYS: list[float] = [30, 120, 600]  # seconds


def is_transient(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """A `retry_condition_fn`: whether a task failed by something that is safe to do again."""
    return isinstance(state.data, Transient)


def named(step: str, subject: str) -> Callable[[], str]:
    """A `task_run_name`: the step and the label of what it works on.

    Args:
        step: Such as `submit`.
        subject: The task's parameter that has a label.
    """

    def name() -> str:
        what = task_run.parameters[subject]
        return f"{step} {getattr(what, 'label', None) or what.prompt[:60]}"

    return name


def account_of(credentials: ToAPIsCredentials, settings: RunSettings) -> Account:
    """The account that credentials belong to, shared by the whole process.

    Raises:
        Unauthorized: The key can't be one: it is empty, or masked.
    """
    if problem := credentials.problem():
        raise Unauthorized(problem)
    policy = RetryPolicy(budget=settings.retry_seconds)
    return account(credentials.api_key, credentials.base_url, settings.account_group, policy)


def pace_of(settings: RunSettings) -> Pace:
    """When to ask, by the settings."""
    return Pace(
        first=settings.poll_first_seconds,
        every=settings.poll_every_seconds,
        patience=settings.patience_seconds,
        grace=settings.grace_seconds,
    )
