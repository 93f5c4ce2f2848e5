"""Trying again, for seconds, what is safe to try again: on stamina."""

import logging
import time
from dataclasses import dataclass

import stamina

from prefect_toapis.client.errors import Transient


@dataclass(frozen=True)
class RetryPolicy:
    """How long the client itself tries again what is safe to try again.

    Args:
        budget: Seconds in which every try begins; a `Retry-After` beyond it isn't waited for. With
            0 there is one try.
        first: Seconds before the second try; each later one waits twice as long.
        longest: Seconds between two tries at most, and no more than a quarter of the budget.
    """

    budget: float = 60.0
    first: float = 0.5
    longest: float = 15.0

    def delay(self, error: Exception, left: float) -> bool | float:
        """Whether to try again after an error, and after how many seconds if it says so itself.

        Args:
            error: What the latest try raised.
            left: Seconds of the budget.
        """
        if not isinstance(error, Transient):
            return False
        if not error.retry_after:  # "at once" would ask without a pause until the budget ends
            return True
        return error.retry_after if error.retry_after <= left else False

    def caller(self) -> stamina.BoundAsyncRetryingCaller:
        """Calls an async function and tries it again by this policy; the budget starts now."""
        if self.budget == 0:
            return stamina.AsyncRetryingCaller(attempts=1, timeout=None).on(Transient)
        end = time.monotonic() + self.budget
        longest = min(self.longest, self.budget / 4)
        return stamina.AsyncRetryingCaller(
            attempts=None,
            timeout=self.budget - longest,  # later there is no room for another wait
            wait_initial=self.first,
            wait_max=longest,
            wait_jitter=self.first,
        ).on(lambda error: self.delay(error, end - time.monotonic()))


def _in_words(record: logging.LogRecord) -> bool:
    """Stamina keeps what it retries and why in the record's data, which consoles don't show."""
    cause = str(vars(record).get("stamina.caused_by"))
    if cause.partition("(")[0] in _names(Transient):
        record.msg = "%s; trying again in %.1f s"
        record.args = (cause, vars(record)["stamina.wait_for"])
    return True


def _names(kind: type[Exception]) -> set[str]:
    """Of a class of errors and all below it, as far as they are defined by now."""
    return {kind.__name__}.union(*map(_names, kind.__subclasses__()))


logging.getLogger("stamina").addFilter(_in_words)
