"""Sync and async names for each task and flow, as in Prefect's own integrations.

`asubmit_video` is the task for async code: `await asubmit_video(...)`. `submit_video` is the same
task for sync code: a call returns the result. It is typed as sync; when called from async code, it
returns the coroutine of the async name.
"""

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from prefect import Flow, Task
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import ParameterTypeError
from prefect.logging import get_run_logger
from prefect.states import Failed

from prefect_toapis.blocks.prefect_internals import share_state, without_logged_values
from prefect_toapis.client.errors import ToAPIsError

P = ParamSpec("P")
R = TypeVar("R")
AsyncFunction = Callable[P, Coroutine[Any, Any, R]]


def async_flow(
    *, name: str, flow_run_name: Callable[[], str] | str | None = None
) -> Callable[[AsyncFunction[P, R]], Flow[P, Coroutine[Any, Any, R]]]:
    """Declare an async flow that fails with the message of an error, and shows no parameter values.

    An error of this package ends the run Failed with its message, and is raised to the caller. If
    validation fails, Prefect's own message and log line contain all values, including secrets and
    signed URLs.

    Args:
        name: Of the flow.
        flow_run_name: Of its runs.
    """

    def decorate(function: AsyncFunction[P, R]) -> Flow[P, Coroutine[Any, Any, R]]:
        flow = Flow(_failing_with_message(function), name=name, flow_run_name=flow_run_name)
        return _WithoutLoggedValues(flow)

    return decorate


def _failing_with_message(function: AsyncFunction[P, R]) -> AsyncFunction[P, R]:
    """Return a function that returns a failed state for an error of this package.

    Prefect raises the error of a returned state to the caller. If the error is raised here, the
    run's message begins with "Flow run encountered an exception" and the class of the error.
    """

    @wraps(function)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await function(*args, **kwargs)
        except ToAPIsError as error:
            context = FlowRunContext.get()
            if context is None or context.flow is None or context.flow.retries:
                raise  # Prefect 3.8 doesn't retry a run that returned a failed state
            message = str(error)
            if "\n" in message:
                get_run_logger().error("%s", message)  # the state is logged in a single line
            return cast("R", Failed(data=error, message=message))

    return run


def sync_flow(flow: Flow[P, Coroutine[Any, Any, R]]) -> Flow[P, R]:
    """Return an async flow for sync code; see `sync_task`."""
    return _SyncFlow(cast("Flow[P, R]", flow))


def sync_task(task: Task[P, Coroutine[Any, Any, R]]) -> Task[P, R]:
    """Return an async task for sync code. Both are the same task, with the same hooks.

    Example:
        ```python
        @step("get_balance", "get balance")
        async def aget_balance(*, credentials: ToAPIsCredentials) -> Balance: ...


        get_balance = sync_task(aget_balance)


        @flow
        def sync_balance() -> Balance:
            return get_balance(credentials=ToAPIsCredentials.load("default"))


        @flow
        async def async_balance() -> Balance:
            return await aget_balance(credentials=await ToAPIsCredentials.aload("default"))
        ```
    """
    return _SyncTask(cast("Task[P, R]", task))


def called_from_async() -> bool:
    """Return whether the caller is async code, from the current run or else the event loop."""
    context = TaskRunContext.get() or FlowRunContext.get()
    runs = getattr(context, "task", None) or getattr(context, "flow", None)
    if runs is not None:
        return bool(runs.isasync)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _SyncTask(Task[P, R], Generic[P, R]):
    def __init__(self, task: Task[P, R]) -> None:
        share_state(self, task)

    if not TYPE_CHECKING:  # type checkers use Prefect's signatures, which are exact

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return _run_for_caller(super().__call__(*args, **kwargs))

        def with_options(self, **options: Any) -> Task[P, R]:
            return _SyncTask(super().with_options(**options))


class _WithoutLoggedValues(Flow[P, R], Generic[P, R]):
    def __init__(self, flow: Flow[P, R]) -> None:
        share_state(self, flow)

    if not TYPE_CHECKING:  # as above

        def with_options(self, **options: Any) -> Flow[P, R]:
            return type(self)(super().with_options(**options))

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Validate as Prefect does, without values in the error; it names an unsaved block."""
        with without_logged_values():
            try:
                return super().validate_parameters(parameters)
            except ParameterTypeError as error:
                if not (why := str(error.__cause__ or "")):
                    raise
                first, *_ = why.splitlines()  # the rest may contain values
                advice = "`prefect-toapis setup` saves the default ones"
                raise ParameterTypeError(f"{error} {first}; {advice}") from error


class _SyncFlow(_WithoutLoggedValues[P, R], Generic[P, R]):
    if not TYPE_CHECKING:  # as above

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return _run_for_caller(super().__call__(*args, **kwargs))


def _run_for_caller(work: Any) -> Any:
    if not inspect.iscoroutine(work) or called_from_async():
        return work
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    # Sync code in a thread with a running event loop: run it in another thread.
    with ThreadPoolExecutor(1, thread_name_prefix="toapis-sync") as thread:
        return thread.submit(contextvars.copy_context().run, asyncio.run, work).result()
