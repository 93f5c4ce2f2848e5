"""Putting an object only where there is none, at a store that can't always say at once."""

import random
import time
from collections.abc import Callable, Iterator

from prefect_toapis.blocks.s3_client import boto_errors
from prefect_toapis.blocks.s3_errors import error_code

RETRY_SECONDS = 20.0

_TAKEN = frozenset({"412", "PreconditionFailed"})
# S3 asks to try again after a 409: another request for the key isn't decided yet.
_UNCLEAR = frozenset({*_TAKEN, "409", "ConditionalRequestConflict", "OperationAborted"})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds


def put_if_absent(
    put: Callable[[], None], is_ours: Callable[[], bool | None], retry_seconds: float
) -> bool | None:
    """Whether it was put; None if the store refuses the condition.

    Args:
        put: One conditional request, with a mark of its own.
        is_ours: Whether what is under the key has this mark; None if there is nothing.
        retry_seconds: How long to try again while the store can't say whether the key is taken, or
            says so of a key with nothing under it.

    Raises:
        botocore.exceptions.ClientError: It still can't; or it refuses for another reason.
    """
    pauses = _pauses(retry_seconds)
    while True:
        try:
            put()
        except boto_errors() as error:  # noqa: PERF203 - one request a turn
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
    """Seconds to wait after each try, with jitter, as long as there is time."""
    spent, pause = 0.0, _FIRST_PAUSE
    while spent + pause <= budget:
        yield random.uniform(0.5, 1) * pause  # noqa: S311 - no secret
        spent += pause
        pause = min(2 * pause, _LONGEST_PAUSE)
