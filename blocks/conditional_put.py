"""Putting an object under a key only if there is none, however unclear the store's answers are."""

import random
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

from prefect_toapis.blocks.s3_client import boto_errors
from prefect_toapis.blocks.s3_errors import error_code

RETRY_SECONDS = 20.0

_TAKEN = frozenset({"412", "PreconditionFailed"})
_UNCLEAR = frozenset({*_TAKEN, "409", "ConditionalRequestConflict", "OperationAborted"})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds


def put_if_absent(
    put: Callable[..., None], made_by: Callable[[str], bool | None], retry_seconds: float
) -> bool | None:
    """Put an object unless there is one.

    Args:
        put: Sends the request, with what it is given as further parameters of boto3.
        made_by: Whether the request with a mark made what is there; None if nothing is.
        retry_seconds: How long to try again while the store can't say whether the key is taken.

    Returns:
        Whether it was put; None if the store refuses the condition.
    """
    call = uuid4().hex  # so that a repeated request can tell its own first one
    pauses = _pauses(retry_seconds)
    while True:
        try:
            put(IfNoneMatch="*", Metadata={"call": call})
        except boto_errors() as error:  # noqa: PERF203 - one request a turn
            code = error_code(error)
            if code == "NotImplemented":
                return None
            made_here = made_by(call) if code in _TAKEN else None
            if made_here is not None:
                return made_here
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
