"""Retries of safe requests within seconds, by stamina."""

import logging
import time
from dataclasses import dataclass

import stamina

from prefect_toapis.client.errors import Transient


@dataclass(frozen=True)
class RetryPolicy:
    """How the client itself retries safe requests.

    Args:
        budget: Seconds within which every attempt starts; a `Retry-After` beyond it isn't waited
            for. 0 means a single attempt.
        first: Seconds before the second attempt, doubled before each further.
        longest: The maximum seconds between two attempts, limited to a quarter of the budget.
    """

    budget: float = 60.0
    first: float = 0.5
    longest: float = 15.0

    def delay(self, error: Exception, left: float) -> bool | float:
        """Whether to retry after an error, or the seconds of its `Retry-After`.

        Args:
            error: Raised by the latest attempt.
            left: Remaining seconds of the budget.
        """
        if not isinstance(error, Transient):
            return False
        if not error.retry_after:  # 0 would retry without a pause until the budget ends
            return True
        return error.retry_after if error.retry_after <= left else False

    def caller(self) -> stamina.BoundAsyncRetryingCaller:
        """A caller that retries an async function by this policy; the budget starts now."""
        if self.budget == 0:
            return stamina.AsyncRetryingCaller(attempts=1, timeout=None).on(Transient)
        end = time.monotonic() + self.budget
        longest = min(self.longest, self.budget / 4)
        return stamina.AsyncRetryingCaller(
            attempts=None,
            timeout=self.budget - longest,  # later another wait would exceed the budget
            wait_initial=self.first,
            wait_max=longest,
            wait_jitter=self.first,
        ).on(lambda error: self.delay(error, end - time.monotonic()))


def _in_words(record: logging.LogRecord) -> bool:
    """Put the cause into the message: stamina has it in the record's extra data only."""
    cause = str(vars(record).get("stamina.caused_by"))
    if cause.partition("(")[0] in _names(Transient):
        record.msg = "%s; retrying in %.1f s"
        record.args = (cause, vars(record)["stamina.wait_for"])
    return True


def _names(kind: type[Exception]) -> set[str]:
    """The names of a class of errors and its subclasses defined so far."""
    return {kind.__name__}.union(*map(_names, kind.__subclasses__()))


logging.getLogger("stamina").addFilter(_in_words)
