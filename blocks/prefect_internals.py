"""Every use of what Prefect doesn't document: its private names, and how it works inside.

Each says why it is needed. All of it was seen with Prefect 3.8.8 and 3.9.1, and has a test in
`tests/blocks/test_prefect_internals.py` that fails when Prefect changes it. It is here, and not in
`tasks`, because the blocks need some of it.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from prefect.blocks.core import Block
from prefect.context import FlowRunContext
from prefect.filesystems import WritableFileSystem
from pydantic import ConfigDict


def share_state(new: object, existing: object) -> None:
    """Make a new task or flow what an existing one is: all attributes are those of the other.

    `with_options` returns a plain `Task` or `Flow`, whatever the class, and building a flow anew
    takes 0.2 s for the schema of its parameters. Prefect keeps all of a task or flow in its
    `__dict__`, and itself copies them by it (`Task.__get__`).
    """
    vars(new).update(vars(existing))


def saved_name(block: Block) -> str | None:
    """The name that a block is saved under; None if other runs can't load it.

    A block has no public name for either.
    """
    return None if block._is_anonymous else block._block_document_name  # noqa: SLF001


def refer_to_document_of(block: Block, saved: Block) -> None:
    """Have a block stand for the document that another was loaded from.

    What is saved with it then refers to that document. There is no public way to set it.
    """
    block._block_document_id = saved._block_document_id  # noqa: SLF001
    block._block_document_name = saved._block_document_name  # noqa: SLF001


def schema_checksum(block_type: type[Block]) -> str:
    """What a Prefect server knows the fields of a type of block by; nothing public returns it."""
    checksum: str = block_type._calculate_schema_checksum()  # noqa: SLF001
    return checksum


_hides_values: ContextVar[bool] = ContextVar("hides_values", default=False)


@contextmanager
def without_logged_values() -> Iterator[None]:
    """Within it, Prefect logs which parameters of a flow don't fit, and no values.

    `Flow.validate_parameters` logs all of them as one text, keys and signed URLs too.
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
    """Leaves out the last line of completed runs of some tasks.

    Prefect ends every task run with "Finished in state Completed()": for five hundred videos
    fifteen hundred lines that say nothing new, and a good part of what their tasks cost. Every
    other end is still logged.

    Args:
        tasks: Their names; may grow.
    """

    def __init__(self, tasks: set[str]) -> None:
        super().__init__()
        self._tasks = tasks

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is to be logged."""
        of_ours = getattr(record, "task_name", None) in self._tasks
        return record.msg != "Finished in state Completed()" or not of_ours


QUIET_TASKS: set[str] = set()
"""The names of the tasks whose completed runs aren't logged: they log what came of them."""

logging.getLogger("prefect.task_runs").addFilter(DropCompletedFilter(QUIET_TASKS))


class NullStorage(WritableFileSystem):
    """A storage for results that aren't kept."""

    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "prefect-toapis: null storage"

    async def read_path(self, path: str) -> bytes:
        """There is nothing.

        Raises:
            FileNotFoundError: Always.
        """
        raise FileNotFoundError(path)

    async def write_path(self, path: str, content: bytes) -> None:
        """Nothing is kept."""


@contextmanager
def without_result_storage() -> Iterator[None]:
    """Within it, results of tasks are handed on in memory alone; the flow's own is as it was.

    For each task run Prefect works out where its result would be stored, even if it is never
    kept: some twenty look-ups in the file system. With other threads at work each of them costs
    the event loop its turn, which came to a fifth of all that a batch's tasks cost.
    """
    context = FlowRunContext.get()
    if context is None:
        yield
        return
    nowhere = {"result_storage": NullStorage(), "storage_key_fn": lambda: "nowhere"}
    store = context.result_store.model_copy(update=nowhere)
    with context.model_copy(update={"result_store": store}):
        yield
