"""One task for both worlds: awaited in an async flow, simply called in a sync one."""

import asyncio
import contextvars
import inspect
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, Generic, ParamSpec, TypeVar, cast

from prefect import Flow, Task
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import ParameterTypeError

P = ParamSpec("P")
R = TypeVar("R")

_VALIDATES_OURS: ContextVar[bool] = ContextVar("validates_ours", default=False)


def _without_values(record: logging.LogRecord) -> bool:
    """What Prefect logs of parameters that don't fit holds them all, keys and signed URLs too."""
    if _VALIDATES_OURS.get() and record.levelno >= logging.ERROR:
        record.msg, record.args = record.getMessage().partition(": ")[0], None
    return True


logging.getLogger("prefect.flows").addFilter(_without_values)


class EitherTask(Task[P, R], Generic[P, R]):
    """An async task that returns an awaitable to async code, and its result to sync code.

    Example:
        ```python
        @flow
        async def theirs():
            generation = await submit_video(request, credentials=credentials)

        @flow
        def ours():
            generation = submit_video(request, credentials=credentials)
        ```
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task; see the class."""
        return _for_the_caller(super().__call__(*args, **kwargs))

    def with_options(self, **options: Any) -> "EitherTask[P, R]":
        """As Prefect's, for sync code too."""
        changed = super().with_options(**options)
        changed.__class__ = EitherTask  # Prefect makes a plain task of it
        return cast("EitherTask[P, R]", changed)


class EitherFlow(Flow[P, R], Generic[P, R]):
    """An async flow that returns an awaitable to async code, and its result to sync code."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the flow; see `EitherTask`."""
        return _for_the_caller(super().__call__(*args, **kwargs))

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """As Prefect's, but a block that isn't saved is named: this is all that a run shows.

        The values are not: Prefect would log them all.
        """
        ours = _VALIDATES_OURS.set(True)
        try:
            return super().validate_parameters(parameters)
        except ParameterTypeError as error:
            if not (why := str(error.__cause__ or "")):
                raise
            first, *_ = why.splitlines()  # the rest might show values
            advice = "`prefect-toapis setup` saves the default ones"
            raise ParameterTypeError(f"{error} {first}; {advice}") from error
        finally:
            _VALIDATES_OURS.reset(ours)

    def with_options(self, **options: Any) -> "EitherFlow[P, R]":
        """As Prefect's, for sync code too."""
        changed = super().with_options(**options)
        changed.__class__ = EitherFlow  # Prefect makes a plain flow of it
        return cast("EitherFlow[P, R]", changed)


def either_task(**options: Any) -> Callable[[Callable[P, R]], EitherTask[P, R]]:
    """As Prefect's `task`, for one that sync code may call too."""
    return lambda function: EitherTask(function, **options)


def either_flow(**options: Any) -> Callable[[Callable[P, R]], EitherFlow[P, R]]:
    """As Prefect's `flow`, for one that sync code may call too."""
    return lambda function: EitherFlow(function, **options)


def called_from_async() -> bool:
    """Whether who calls now can await: by the flow or task it runs in, or else by its thread."""
    context = TaskRunContext.get() or FlowRunContext.get()
    runs = getattr(context, "task", None) or getattr(context, "flow", None)
    if runs is not None:
        return bool(runs.isasync)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _for_the_caller(work: Any) -> Any:
    if not inspect.iscoroutine(work) or called_from_async():
        return work
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    # A sync flow, called by a thread whose loop is running: in a thread of its own.
    with ThreadPoolExecutor(1, thread_name_prefix="toapis-sync") as thread:
        return thread.submit(contextvars.copy_context().run, asyncio.run, work).result()
