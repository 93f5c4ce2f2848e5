"""The token bucket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.simulator.limits import DOCUMENTED, Category, RateLimits, TokenBucket
from prefect_toapis.simulator.settings import AccountGroup


@pytest.mark.parametrize("group", list(DOCUMENTED))
@pytest.mark.parametrize("category", ["async_submit", "async_query"])
def test_lets_the_documented_burst_through_then_the_rate(
    group: AccountGroup, category: Category
) -> None:
    per_minute, burst = DOCUMENTED[group][category]
    limits = RateLimits(group)
    assert sum(limits.take(category, 1000.0)[0] for _ in range(2 * burst)) == burst
    minute = [1000.0 + 60 * tick / (2 * per_minute) for tick in range(1, 2 * per_minute + 1)]
    assert sum(limits.take(category, now)[0] for now in minute) == per_minute


@given(st.integers(1, 20), st.integers(6, 600), st.lists(st.floats(0, 5), min_size=1, max_size=80))
def test_never_lets_more_through_than_burst_and_rate(
    burst: int, per_minute: int, pauses: list[float]
) -> None:
    bucket = TokenBucket(per_minute, burst)
    now, allowed = 0.0, 0
    for pause in pauses:
        now += pause
        allowed += bucket.take(now).allowed
    assert allowed <= burst + now * per_minute / 60 + 1e-6


@given(st.integers(1, 20), st.integers(6, 600), st.integers(1, 40))
def test_who_waits_as_told_is_let_through(burst: int, per_minute: int, asked: int) -> None:
    bucket = TokenBucket(per_minute, burst)
    answers = [bucket.take(5.0) for _ in range(burst + asked)]
    assert not answers[-1].allowed
    assert bucket.take(5.0 + answers[-1].retry_after).allowed


def test_a_clock_that_steps_back_gives_no_tokens() -> None:
    bucket = TokenBucket(per_minute=60, burst=1)
    assert bucket.take(100.0).allowed
    assert not bucket.take(50.0).allowed
    assert not bucket.take(100.5).allowed
    assert bucket.take(101.0).allowed
