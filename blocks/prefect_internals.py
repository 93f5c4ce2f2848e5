"""Every use of undocumented parts of Prefect: private names and internal behaviour.

Each docstring says why it is needed. All of them work with Prefect 3.8.8 and 3.9.1, and have a test
in `tests/blocks/test_prefect_internals.py` that fails if Prefect changes. The module is in `blocks`
because some of the blocks need it.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from prefect.blocks.core import Block
from prefect.context import FlowRunContext
from prefect.filesystems import WritableFileSystem
from pydantic import ConfigDict

from prefect_toapis.client.errors import ToAPIsError

_hides_values: ContextVar[bool] = ContextVar("hides_values", default=False)

_FINISHED = "Finished in state Failed("

QUIET_TASKS: set[str] = set()
"""Names of tasks whose completed runs aren't logged by Prefect, as they log their results."""


def share_state(new: object, existing: object) -> None:
    """Copy all attributes of an existing task or flow to a new one.

    `with_options` returns a plain `Task` or `Flow`, whatever the class, and creating a flow takes
    0.2 s for the schema of its parameters. Prefect keeps the state of tasks and flows in their
    `__dict__`, and copies them the same way (`Task.__get__`).
    """
    vars(new).update(vars(existing))


def saved_name(block: Block) -> str | None:
    """Return the name that a block is saved under; None if other runs can't load it.

    Blocks have no public attribute for this.
    """
    return None if block._is_anonymous else block._block_document_name  # noqa: SLF001


def refer_to_document_of(block: Block, saved: Block) -> None:
    """Make a block refer to the document that another block was loaded from.

    Blocks saved with it then refer to that document. There is no public way to set it.
    """
    block._block_document_id = saved._block_document_id  # noqa: SLF001
    block._block_document_name = saved._block_document_name  # noqa: SLF001


def schema_checksum(block_type: type[Block]) -> str:
    """Return the checksum of a block type's schema, for which there is no public function."""
    checksum: str = block_type._calculate_schema_checksum()  # noqa: SLF001
    return checksum


@contextmanager
def without_logged_values() -> Iterator[None]:
    """Remove parameter values from the validation errors that Prefect logs in this context.

    `Flow.validate_parameters` logs all values, including keys and signed URLs.
    """
    token = _hides_values.set(True)
    try:
        yield
    finally:
        _hides_values.reset(token)


def _without_values(record: logging.LogRecord) -> bool:
    if _hides_values.get() and record.levelno >= logging.ERROR:
        record.msg, record.args = record.getMessage().partition(": ")[0], None
    return True


logging.getLogger("prefect.flows").addFilter(_without_values)


class DropCompletedFilter(logging.Filter):
    """Drops the last log line of completed runs of some tasks.

    Prefect logs "Finished in state Completed()" for every task run: 1,500 redundant lines for 500
    videos, and a considerable part of the overhead of their tasks. Other final states are still
    logged.

    Args:
        tasks: Names of the tasks; may grow.
    """

    def __init__(self, tasks: set[str]) -> None:
        super().__init__()
        self._tasks = tasks

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record."""
        is_quiet = getattr(record, "task_name", None) in self._tasks
        return record.msg != "Finished in state Completed()" or not is_quiet


logging.getLogger("prefect.task_runs").addFilter(DropCompletedFilter(QUIET_TASKS))


class ExpectedErrorFilter(logging.Filter):
    """Logs an error of this package as its message, without a traceback.

    It says what happened and what to do, while Prefect logs every error of a flow or task run with
    its traceback, and again when a worker's process ends. At level DEBUG the traceback is kept.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten the record of an expected error; always return True."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, ToAPIsError) and not _is_debugged(record):
            record.msg, record.args, record.exc_info = str(error), None, None
        elif str(record.msg).startswith(_FINISHED):
            first, more, _ = str(record.msg).partition("\\n")
            # A message of several lines was logged before, and is escaped here.
            record.msg = f"{first}{record.msg[len(_FINISHED)]})" if more else record.msg
        return True


def _is_debugged(record: logging.LogRecord) -> bool:
    return logging.getLogger(record.name).isEnabledFor(logging.DEBUG)


for _name in ("prefect.flow_runs", "prefect.task_runs", "prefect.engine"):
    logging.getLogger(_name).addFilter(ExpectedErrorFilter())


class NullStorage(WritableFileSystem):
    """A result storage that stores nothing."""

    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "prefect-toapis: null storage"

    async def read_path(self, path: str) -> bytes:
        """Raise, as nothing is stored.

        Raises:
            FileNotFoundError: Always.
        """
        raise FileNotFoundError(path)

    async def write_path(self, path: str, content: bytes) -> None:
        """Discard the content."""


@contextmanager
def without_result_storage() -> Iterator[None]:
    """Keep the results of tasks in memory only in this context; that of the flow is unaffected.

    For each task run, Prefect resolves the storage of its result even if it isn't persisted, with
    about twenty look-ups in the file system. While other threads compute, each of them makes the
    event loop wait for the GIL, which was a fifth of the overhead of a batch's tasks.
    """
    context = FlowRunContext.get()
    if context is None:
        yield
        return
    update = {"result_storage": NullStorage(), "storage_key_fn": lambda: "nowhere"}
    store = context.result_store.model_copy(update=update)
    with context.model_copy(update={"result_store": store}):
        yield
