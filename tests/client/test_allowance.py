"""What an account may do, and how much of it one process uses."""

import asyncio
import time

import pytest
from tests.virtual_time import in_virtual_time

from prefect_toapis.client.allowance import ALLOWANCES, Bucket, usable
from prefect_toapis.client.decisions import remaining_in
from prefect_toapis.client.pressure import CircuitBreaker


@pytest.mark.parametrize(
    ("remaining", "rate"),
    [(500, 50), (100, 50), (50, 25), (1, 0.5), (0, 0.5), (-3, 0.5), (9_999, 50)],
)
def test_the_less_is_left_the_less_is_used(remaining: float, rate: float) -> None:
    assert usable(50, remaining, holds=500) == pytest.approx(rate)


def test_parts_of_an_allowance_come_to_the_whole() -> None:
    whole = ALLOWANCES["vip"]
    parts = [whole.shared(1 / 4)] * 4
    assert sum(part.queries for part in parts) == whole.queries
    assert sum(part.submissions for part in parts) == whole.submissions


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


async def taken_at_once(bucket: Bucket) -> int:
    """How many requests a bucket lets through without a wait."""
    taken = 0
    while True:
        try:
            await asyncio.wait_for(bucket.acquire(), 0.05)
        except asyncio.TimeoutError:
            return taken
        taken += 1


@pytest.mark.parametrize(
    ("remaining", "at_once"), [(None, 27), (100, 27), (30, 27), (7, 7), (0, 0)]
)
async def test_no_more_is_used_at_once_than_the_provider_says_is_left(
    remaining: float | None, at_once: int
) -> None:
    bucket = Bucket(30, CircuitBreaker(time.monotonic))
    if remaining is not None:
        await bucket.told(remaining)
    assert at_once <= await taken_at_once(bucket) <= at_once + 1


async def test_a_small_part_of_an_allowance_still_lets_one_through() -> None:
    assert await taken_at_once(Bucket(0.01, CircuitBreaker(time.monotonic))) == 1


async def test_what_was_used_counts_when_it_is_used_to_another_extent() -> None:
    bucket = Bucket(100, CircuitBreaker(time.monotonic))
    assert await taken_at_once(bucket) >= 90
    bucket.holds(50)
    assert await taken_at_once(bucket) <= 3  # what has come back meanwhile


def test_the_smallest_part_is_kept_to_as_well() -> None:
    async def use() -> float:
        bucket = Bucket(0.5, CircuitBreaker(time.monotonic))  # one in 20 seconds
        for _ in range(10):
            await bucket.acquire()
        return asyncio.get_running_loop().time()

    assert in_virtual_time(use()) == pytest.approx(9 * 20, abs=20)
