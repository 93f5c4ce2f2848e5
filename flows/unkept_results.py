"""Tasks whose results are handed on in memory, and lie nowhere else.

For each task run Prefect works out where its result would lie, even if it is never kept: some
twenty look-ups in the file system. With other threads at work each of them costs the event loop its
turn, which came to a fifth of all that a batch's tasks cost.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.context import FlowRunContext
from prefect.filesystems import WritableFileSystem
from pydantic import ConfigDict


class Nowhere(WritableFileSystem):
    """A storage for results that nobody keeps."""

    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "prefect-toapis: nowhere"

    async def read_path(self, path: str) -> bytes:
        """There is nothing.

        Raises:
            FileNotFoundError: Always.
        """
        raise FileNotFoundError(path)

    async def write_path(self, path: str, content: bytes) -> None:
        """Nothing is kept."""


@contextmanager
def unkept_results() -> Iterator[None]:
    """Within it, results of tasks are not to be kept; that of the flow itself is as it was."""
    context = FlowRunContext.get()
    if context is None:
        yield
        return
    nowhere = {"result_storage": Nowhere(), "storage_key_fn": lambda: "nowhere"}
    store = context.result_store.model_copy(update=nowhere)
    with context.model_copy(update={"result_store": store}):
        yield
