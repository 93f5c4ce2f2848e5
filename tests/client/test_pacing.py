"""When to ask again, by what is known of how long it takes."""

import random
import statistics
from itertools import pairwise
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.pacing import ADVISED, KEPT, Belief, RenderTimes, next_age, worth_of

TIMES = st.lists(st.floats(0.01, 5_000), max_size=KEPT)
AGE = st.floats(0, 10_000)
PROGRESS = st.none() | st.floats(-10, 200)


@given(TIMES, AGE, st.floats(0.001, 50), PROGRESS)
def test_the_next_query_is_always_later_and_never_out_of_sight(
    took: list[float], age: float, worth: float, progress: float | None
) -> None:
    belief = Belief.of(took)
    after = next_age(belief, age, worth, progress)
    last = max(belief.edges[-1], age)
    assert after > age or after == pytest.approx(age)
    assert after <= last + worth * max(last, sqrt(last))  # the tail's step is less than that


@given(TIMES, AGE, PROGRESS)
def test_the_less_a_query_is_worth_the_closer_they_are(
    took: list[float], age: float, progress: float | None
) -> None:
    belief = Belief.of(took)
    ages = [next_age(belief, age, worth, progress) for worth in (0.1, 0.5, 1, 4)]
    assert ages == sorted(ages)


@given(TIMES)
def test_the_spans_of_a_belief_are_in_order(took: list[float]) -> None:
    edges = Belief.of(took).edges
    assert edges[0] == 0
    assert all(a < b for a, b in pairwise(edges))
    latest = max([*took, 3 * statistics.median(took)]) if took else ADVISED[-1]
    assert edges[-1] == pytest.approx(latest, rel=0.11)


def test_the_closer_the_likely_end_the_closer_the_queries() -> None:
    chance = random.Random(3)
    belief = Belief.of([chance.uniform(60, 300) for _ in range(KEPT)])
    worth = worth_of(10, belief)
    gaps = {age: next_age(belief, age, worth) - age for age in (60, 200, 290)}
    assert list(gaps.values()) == sorted(gaps.values(), reverse=True)
    assert next_age(belief, 0, worth) > 40, "none ended before 60 s"


@pytest.mark.parametrize("typical", [0.5, 3, 9, 30])
def test_what_takes_less_than_the_pace_is_asked_for_when_half_have_ended(typical: float) -> None:
    belief = Belief.of([typical] * KEPT)
    first = next_age(belief, 0, worth_of(10, belief))
    assert first <= belief.typical * 1.01


def test_progress_brings_the_end_nearer_or_puts_it_off() -> None:
    belief, worth = Belief.of(range(60, 300)), 0.8
    unknown = next_age(belief, 100, worth)
    assert next_age(belief, 100, worth, progress=95) < unknown
    assert next_age(belief, 100, worth, progress=35) > unknown


@pytest.mark.parametrize("progress", [0, 100, 250, -5])
def test_a_progress_that_tells_nothing_changes_nothing(progress: float) -> None:
    belief = Belief.of(range(60, 300))
    assert next_age(belief, 100, 0.8, progress) == next_age(belief, 100, 0.8)


def test_kinds_are_told_apart_and_old_times_forgotten() -> None:
    times = RenderTimes()
    times.saw("quick", *[5.0] * 300)
    times.saw("slow", 900.0)
    assert len(times.by_kind["quick"]) == KEPT
    assert times.belief("quick").typical < 10 < times.belief("slow").typical
    times.saw("quick", *[500.0] * KEPT)
    assert times.belief("quick").typical > 100


@pytest.mark.parametrize("took", [1e-200, 5e-324, 1e-9])
@pytest.mark.parametrize("progress", [None, 50.0, 1e-300])
def test_times_of_next_to_nothing_are_no_error(took: float, progress: float | None) -> None:
    belief = Belief.of([took] * 3)
    assert next_age(belief, 1.0, worth_of(10, belief), progress) >= 1.0
