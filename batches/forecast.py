"""When a running batch may be done: an estimate from what is known so far."""

import math
from statistics import median

from prefect_toapis.batches.progress import Phase, Progress

_UNDER_WAY: tuple[Phase, ...] = ("queued", "rendering", "storing")
_LONGEST = 30 * 24 * 3600.0  # seconds: what would take longer is no estimate


def seconds_left(progress: Progress, now: float, at_once: int) -> float | None:
    """How many seconds a batch still needs; None while nothing tells, or nothing that can be.

    A shot that renders is judged by its progress, or else by what the others took; those that
    wait come in waves of as many as may be under way.

    Args:
        progress: Where every shot is.
        now: By the progress's own clock.
        at_once: Shots under way at once, at most.

    Example:
        >>> progress = Progress(phases={"a": "rendering"}, percent={"a": 25}, began={"a": 0})
        >>> seconds_left(progress, now=30, at_once=500)
        90.0
    """
    under_way = [label for label, phase in progress.phases.items() if phase in _UNDER_WAY]
    waiting = progress.counts()["waiting"]
    if not under_way and not waiting:
        return 0.0
    whole = {label: _whole(progress, label, now) for label in under_way}
    known = [*progress.took.values(), *(one for one in whole.values() if one is not None)]
    if not known:
        return None
    typical = median(known)
    rest = [
        (typical if whole[label] is None else whole[label] or 0) - _elapsed(progress, label, now)
        for label in under_way
    ]
    left = max([0.0, *rest]) + math.ceil(waiting / at_once) * typical
    return left if left <= _LONGEST else None


def _elapsed(progress: Progress, label: str, now: float) -> float:
    return now - progress.began.get(label, now)


def _whole(progress: Progress, label: str, now: float) -> float | None:
    """How long a shot takes from its submission to the end, by its progress."""
    percent = progress.percent.get(label, 0)
    elapsed = _elapsed(progress, label, now)
    if not 0 < percent <= 100 or elapsed <= 0:
        return None
    whole = elapsed * 100 / percent
    return whole if whole <= _LONGEST else None  # of a progress of next to nothing, for one
