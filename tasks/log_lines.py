"""What the steps log: under the run that they belong to, and each line once.

Prefect ends every task run with "Finished in state Completed()": for a batch of five hundred videos
fifteen hundred lines that say nothing new, and a good part of what its tasks cost. What ends in any
other state is still told.
"""

import logging

from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger
from prefect.logging.loggers import LoggingAdapter

_COMPLETED = "Finished in state Completed()"


class SaidAlready(logging.Filter):
    """Leaves out the last line of completed runs of some tasks.

    Args:
        tasks: Their names; may grow.
    """

    def __init__(self, tasks: set[str]) -> None:
        super().__init__()
        self._tasks = tasks

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is to be logged."""
        return record.msg != _COMPLETED or getattr(record, "task_name", None) not in self._tasks


STEPS: set[str] = set()
"""The names of this project's steps."""

logging.getLogger("prefect.task_runs").addFilter(SaidAlready(STEPS))


def run_logger() -> "logging.Logger | LoggingAdapter":
    """The logger of the flow run or task run; this package's own where nothing runs."""
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("prefect_toapis")
