"""Conditional creation of an object, with retries while the store's response is inconclusive."""

import random
import time
from collections.abc import Callable, Iterator

from prefect_toapis.blocks.s3_client import boto_errors
from prefect_toapis.blocks.s3_errors import error_code

RETRY_SECONDS = 20.0

_TAKEN = frozenset({"412", "PreconditionFailed"})
# S3 requires a retry after a 409: a concurrent request for the key is still pending.
_UNCLEAR = frozenset({*_TAKEN, "409", "ConditionalRequestConflict", "OperationAborted"})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds


def put_if_absent(
    put: Callable[[], None], is_ours: Callable[[], bool | None], retry_seconds: float
) -> bool | None:
    """Create an object; return whether it was created, or None if conditions aren't supported.

    Args:
        put: Sends a conditional request, with a unique mark in the object.
        is_ours: Returns whether the existing object has this mark; None if there is no object.
        retry_seconds: How long to retry while the store can't decide whether the key is taken, or
            reports it as taken although there is no object.

    Raises:
        botocore.exceptions.ClientError: It is still undecided, or was refused for another reason.
    """
    pauses = _pauses(retry_seconds)
    while True:
        try:
            put()
        except boto_errors() as error:  # noqa: PERF203 - a request per iteration
            code = error_code(error)
            if code == "NotImplemented":
                return None
            ours = is_ours() if code in _TAKEN else None
            if ours is not None:
                return ours
            pause = next(pauses, None) if code in _UNCLEAR else None
            if pause is None:
                raise
            time.sleep(pause)
        else:
            return True


def _pauses(budget: float) -> Iterator[float]:
    """Yield the seconds to wait after each try, with jitter, until the budget is spent."""
    spent, pause = 0.0, _FIRST_PAUSE
    while spent + pause <= budget:
        yield random.uniform(0.5, 1) * pause  # noqa: S311 - no secret
        spent += pause
        pause = min(2 * pause, _LONGEST_PAUSE)
