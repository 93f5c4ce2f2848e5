"""Two names for each task and flow, as in Prefect's own integrations.

`asubmit_video` is the task, for async code: `await asubmit_video(...)`. `submit_video` is the same
task for sync code: a call returns the result. What sync code calls is typed as sync; if async code
calls it all the same, it gets the coroutine that the async name returns.
"""

import asyncio
import contextvars
import inspect
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from prefect import Flow, Task
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import ParameterTypeError

from prefect_toapis.blocks.prefect_internals import share_state, without_logged_values

P = ParamSpec("P")
R = TypeVar("R")


def sync_task(task: Task[P, Coroutine[Any, Any, R]]) -> Task[P, R]:
    """An async task for sync code.

    Both names are one task: what is set on one, such as a hook, is set on both.

    Example:
        ```python
        @task(name="double")
        async def adouble(number: int) -> int:
            return 2 * number


        double = sync_task(adouble)


        @flow
        def sync_flow() -> int:
            return double(21)


        @flow
        async def async_flow() -> int:
            return await adouble(21)
        ```
    """
    return _SyncTask(cast("Task[P, R]", task))


def sync_flow(flow: Flow[P, Coroutine[Any, Any, R]]) -> Flow[P, R]:
    """An async flow for sync code; see `sync_task`."""
    return _SyncFlow(cast("Flow[P, R]", flow))


def hides_values(flow: Flow[P, R]) -> Flow[P, R]:
    """A flow that says which of its parameters don't fit, without their values.

    Prefect's own message and log line hold them all, secrets and signed URLs too.
    """
    return _HidesValues(flow)


class _SyncTask(Task[P, R], Generic[P, R]):
    def __init__(self, task: Task[P, R]) -> None:
        share_state(self, task)

    if not TYPE_CHECKING:  # type checkers see Prefect's own signatures, which are exact

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return _for_the_caller(super().__call__(*args, **kwargs))

        def with_options(self, **options: Any) -> Task[P, R]:
            return _SyncTask(super().with_options(**options))


class _HidesValues(Flow[P, R], Generic[P, R]):
    def __init__(self, flow: Flow[P, R]) -> None:
        share_state(self, flow)

    if not TYPE_CHECKING:  # as above

        def with_options(self, **options: Any) -> Flow[P, R]:
            return type(self)(super().with_options(**options))

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """As Prefect's, but a block that isn't saved is named: this is all that a run shows."""
        with without_logged_values():
            try:
                return super().validate_parameters(parameters)
            except ParameterTypeError as error:
                if not (why := str(error.__cause__ or "")):
                    raise
                first, *_ = why.splitlines()  # the rest might show values
                advice = "`prefect-toapis setup` saves the default ones"
                raise ParameterTypeError(f"{error} {first}; {advice}") from error


class _SyncFlow(_HidesValues[P, R], Generic[P, R]):
    if not TYPE_CHECKING:  # as above

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return _for_the_caller(super().__call__(*args, **kwargs))


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
