"""What an account may do, and how much of it one process uses."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.at_once import taken_at_once
from tests.virtual_time import in_virtual_time

from prefect_toapis.client.allowance import (
    ALLOWANCES,
    Allowance,
    Bucket,
    LimitRequest,
    strictest,
    usable,
)
from prefect_toapis.client.circuit_breaker import CircuitBreaker
from prefect_toapis.client.response_decisions import remaining_in


@pytest.mark.parametrize(
    ("remaining", "rate"),
    [(500, 50), (100, 50), (50, 25), (1, 0.5), (0, 0.5), (-3, 0.5), (9_999, 50)],
)
def test_the_less_is_left_the_less_is_used(remaining: float, rate: float) -> None:
    assert usable(50, remaining, capacity=500) == pytest.approx(rate)


def test_parts_of_an_allowance_come_to_the_whole() -> None:
    whole = ALLOWANCES["vip"]
    parts = [whole.shared(1 / 4)] * 4
    assert sum(part.queries for part in parts) == whole.queries
    assert sum(part.submissions for part in parts) == whole.submissions


NOTHING = LimitRequest()
DEFAULT, VIP, SVIP = (LimitRequest(group) for group in ALLOWANCES)


@pytest.mark.parametrize(
    ("requests", "submissions"),
    [
        ([], 50),
        ([NOTHING, NOTHING], 50),
        ([DEFAULT], 50),
        ([VIP], 166),
        ([VIP, NOTHING], 166),  # a default asks for nothing
        ([VIP, DEFAULT], 50),  # and one that is named does
        ([SVIP, VIP], 166),
        ([LimitRequest(share=0.5)], 25),
        ([LimitRequest(share=0.5), NOTHING], 25),
        ([LimitRequest(share=0.5), LimitRequest(share=0.2)], 10),
        ([VIP, LimitRequest(share=0.5)], 83),
        ([LimitRequest("vip", 0.5), LimitRequest("svip", 0.25)], 41.5),
    ],
)
def test_the_strictest_of_the_requests_holds(
    requests: list[LimitRequest], submissions: float
) -> None:
    assert strictest(requests).submissions == submissions


limit_requests = st.builds(
    LimitRequest,
    st.sampled_from([None, *ALLOWANCES]),
    st.floats(0, 1, exclude_min=True, allow_subnormal=False),
)


def fits(allowance: Allowance, request: LimitRequest) -> bool:
    """Whether it is within what a request asks for; one without a group asks for a share of any."""
    most = ALLOWANCES[request.group or "svip"].shared(request.share)
    return allowance.submissions <= most.submissions and allowance.queries <= most.queries


@given(st.lists(limit_requests), limit_requests)
def test_every_request_is_kept_to_whatever_the_others_and_their_order(
    others: list[LimitRequest], careful: LimitRequest
) -> None:
    together = strictest([*others, careful])
    assert all(fits(together, request) for request in [*others, careful])
    assert strictest([careful, *reversed(others)]) == together
    assert strictest([careful, *others, NOTHING, careful]) == together
    known_group = strictest([*others, LimitRequest(careful.group)])
    assert together.submissions <= known_group.submissions
    assert together.queries <= known_group.queries


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"x-ratelimit-category": "async_query", "x-ratelimit-remaining": "7"}, 7.0),
        ({"x-ratelimit-category": "async_submit", "x-ratelimit-remaining": " 0 "}, 0.0),
        ({"x-ratelimit-category": "other", "x-ratelimit-remaining": "7"}, None),
        ({"x-ratelimit-category": "async_query", "x-ratelimit-remaining": "-1"}, None),
        ({"x-ratelimit-category": "async_query", "x-ratelimit-remaining": "many"}, None),
        ({"x-ratelimit-category": "async_query"}, None),
        ({"x-ratelimit-remaining": "7"}, None),
        ({}, None),
    ],
)
def test_what_headers_tell_of_an_allowance(headers: dict[str, str], told: float | None) -> None:
    result = remaining_in(headers)
    assert (result and result[1]) == told


@pytest.mark.parametrize(
    ("remaining", "at_once"), [(None, 27), (100, 27), (30, 27), (7, 7), (0, 0)]
)
async def test_no_more_is_used_at_once_than_the_provider_says_is_left(
    remaining: float | None, at_once: int
) -> None:
    bucket = Bucket(30, CircuitBreaker(time.monotonic))
    if remaining is not None:
        await bucket.observe_remaining(remaining)
    assert at_once <= await taken_at_once(bucket.acquire) <= at_once + 1


async def test_a_small_part_of_an_allowance_still_lets_one_through() -> None:
    assert await taken_at_once(Bucket(0.01, CircuitBreaker(time.monotonic)).acquire) == 1


async def test_what_was_used_counts_when_it_is_used_to_another_extent() -> None:
    bucket = Bucket(100, CircuitBreaker(time.monotonic))
    assert await taken_at_once(bucket.acquire) >= 90
    bucket.set_limit(50)
    assert await taken_at_once(bucket.acquire) <= 3  # what has come back meanwhile


async def test_what_the_provider_says_is_left_outlasts_a_change_of_limits() -> None:
    bucket = Bucket(500, CircuitBreaker(time.monotonic))
    await bucket.observe_remaining(50)
    slowed = bucket.per_second
    bucket.set_limit(50)
    bucket.set_limit(500)
    assert bucket.per_second == slowed == 25


def test_the_smallest_part_is_kept_to_as_well() -> None:
    async def use() -> float:
        bucket = Bucket(0.5, CircuitBreaker(time.monotonic))  # one in 20 seconds
        for _ in range(10):
            await bucket.acquire()
        return asyncio.get_running_loop().time()

    assert in_virtual_time(use()) == pytest.approx(9 * 20, abs=20)
