"""When a running batch may be done."""

import math

import pytest

from prefect_toapis.flows.progress import Progress, seconds_left


def test_nothing_is_known_before_anything_is_under_way() -> None:
    progress = Progress(phases={"a": "waiting"})
    assert seconds_left(progress, now=10, at_once=5) is None


def test_a_batch_whose_shots_have_all_ended_needs_no_time() -> None:
    progress = Progress(phases={"a": "stored", "b": "failed", "c": "open"})
    assert seconds_left(progress, now=10, at_once=5) == 0


@pytest.mark.parametrize(
    ("percent", "elapsed", "left"), [(25, 30, 90), (50, 60, 60), (100, 60, 0), (90, 9, 1)]
)
def test_a_shot_is_judged_by_its_progress(percent: float, elapsed: float, left: float) -> None:
    progress = Progress(phases={"a": "rendering"}, percent={"a": percent}, began={"a": 100})
    assert seconds_left(progress, now=100 + elapsed, at_once=5) == pytest.approx(left)


def test_a_shot_without_progress_takes_as_long_as_the_others_did() -> None:
    progress = Progress(
        phases={"a": "stored", "b": "stored", "c": "stored", "d": "queued"},
        took={"a": 40, "b": 60, "c": 200},
        began={"d": 100},
    )
    assert seconds_left(progress, now=110, at_once=5) == 50


def test_a_shot_that_takes_longer_than_the_others_may_end_at_any_moment() -> None:
    progress = Progress(phases={"a": "stored", "b": "queued"}, took={"a": 40}, began={"b": 0})
    assert seconds_left(progress, now=90, at_once=5) == 0


@pytest.mark.parametrize(("waiting", "waves"), [(0, 0), (1, 1), (5, 1), (6, 2), (50, 10)])
def test_those_that_wait_come_in_waves(waiting: int, waves: int) -> None:
    progress = Progress(took={"done": 60}, phases={"done": "stored", "now": "queued"})
    progress.began["now"] = 0
    progress.phases |= {f"later {number}": "waiting" for number in range(waiting)}
    assert seconds_left(progress, now=20, at_once=5) == 40 + 60 * waves


@pytest.mark.parametrize("percent", [1e-300, 5e-324, 1e-9, -1, 1e308, math.inf, math.nan])
def test_what_can_not_be_is_no_estimate(percent: float) -> None:
    progress = Progress(phases={"a": "rendering"}, percent={"a": percent}, began={"a": 0})
    assert seconds_left(progress, now=60, at_once=5) is None


def test_more_than_a_month_is_no_estimate() -> None:
    progress = Progress(phases=dict.fromkeys(map(str, range(10**5)), "waiting"), took={"x": 3600})
    assert seconds_left(progress, now=60, at_once=1) is None
