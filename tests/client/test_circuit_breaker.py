"""What a process does when the account pushes back: all of it waits, one tries."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from prefect_toapis.client.circuit_breaker import (
    IN_A_ROW,
    LONGEST_ASKED,
    LONGEST_PAUSE,
    BackoffState,
    CircuitBreaker,
)
from prefect_toapis.client.errors import BadRequest, NotFound, RateLimited, ToAPIsError, Unavailable
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.simulator import Replace, Simulator

SLOW_DOWN = RateLimited("slow down", http_status=429)
OVERLOADED = Unavailable("overloaded", http_status=503)
BROKEN = Unavailable("broken", http_status=500)


@pytest.mark.parametrize(
    ("before", "error", "after"),
    [
        (BackoffState(), None, BackoffState()),
        (BackoffState(3, 3, 9.0), None, BackoffState()),
        (BackoffState(3, 3, 9.0), NotFound("no such task"), BackoffState()),  # it answers
        (BackoffState(3, 3, 9.0), BadRequest("no"), BackoffState()),
        (BackoffState(), SLOW_DOWN, BackoffState(1, 1, 100.5)),
        (BackoffState(1, 1, 100.2), SLOW_DOWN, BackoffState(2, 2, 101.0)),
        (BackoffState(8, 8, 0.0), SLOW_DOWN, BackoffState(9, 9, 100 + LONGEST_PAUSE)),
        (BackoffState(), RateLimited("", retry_after=7), BackoffState(1, 1, 107.0)),
        (
            BackoffState(),
            RateLimited("", retry_after=9000),
            BackoffState(1, 1, 100 + LONGEST_ASKED),
        ),
        (BackoffState(1, 1, 130.0), SLOW_DOWN, BackoffState(2, 2, 130.0)),  # a longer pause stands
        (BackoffState(), OVERLOADED, BackoffState(1, 1, 100.5)),
        (BackoffState(), BROKEN, BackoffState(1)),  # once is nothing
        (BackoffState(IN_A_ROW - 1), BROKEN, BackoffState(IN_A_ROW, 1, 100.5)),
        (BackoffState(2, 1, 99.0), BROKEN, BackoffState(3, 2, 101.0)),  # whoever tried failed
    ],
)
def test_what_an_answer_changes(
    before: BackoffState, error: ToAPIsError | None, after: BackoffState
) -> None:
    assert before.after(error, 100.0) == after


@given(st.lists(st.sampled_from([SLOW_DOWN, OVERLOADED, BROKEN])))
def test_a_pause_never_gets_shorter_nor_longer_than_it_may(errors: list[ToAPIsError]) -> None:
    state = BackoffState()
    for error in errors:
        following = state.after(error, 50.0)
        assert state.until <= following.until <= 50 + LONGEST_PAUSE
        state = following
    assert state.after(None, 50.0) == BackoffState()


async def test_while_the_account_pushes_back_one_tries_and_the_others_wait() -> None:
    now = [0.0]
    breaker = CircuitBreaker(lambda: now[0])
    breaker.state = BackoffState(1, 1, until=-1.0)
    asking: list[int] = []
    answer = asyncio.Event()

    async def ask(number: int) -> None:
        async with breaker.passage(deadline=1000):
            asking.append(number)
            await answer.wait()

    tasks = [asyncio.ensure_future(ask(number)) for number in range(5)]
    await asyncio.sleep(0.02)
    assert asking == [0]
    answer.set()
    await asyncio.gather(*tasks)
    assert asking == [0, 1, 2, 3, 4]
    assert breaker.state.eased


async def test_who_can_not_ask_before_the_deadline_does_not_ask() -> None:
    breaker = CircuitBreaker(lambda: 0.0)
    breaker.state = BackoffState(6, 6, until=100.0)
    with pytest.raises(Unavailable, match="6 times in a row") as raised:
        async with breaker.passage(deadline=50):
            pytest.fail("it asked")
    assert raised.value.money == "not spent"


async def test_an_outage_meets_one_request_at_a_time(simulator: Simulator) -> None:
    simulator.faults.add(Replace(operation="status", status=503, times=4))
    policy = RetryPolicy(budget=20, first=0.01)
    async with ToAPIsClient(SecretStr(simulator.api_key), simulator.url, retry=policy) as client:
        found = await asyncio.gather(*[client.find(f"nobody-{n}") for n in range(20)])
    assert found == [None] * 20
    # The first ones were on their way before the first push back; then one asked at a time.
    assert simulator.ledger.queries.total() <= 20 + 4
    assert simulator.faults.pending == []
