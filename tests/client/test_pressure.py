"""What a process does when the account pushes back: all of it waits, one tries."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from prefect_toapis.client.errors import (
    BadRequest,
    NotFound,
    RateLimited,
    ToAPIsError,
    Unavailable,
)
from prefect_toapis.client.pressure import IN_A_ROW, LONGEST_ASKED, LONGEST_PAUSE, Gate, Pressure
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.simulator import Replace, Simulator

SLOW_DOWN = RateLimited("slow down", http_status=429)
OVERLOADED = Unavailable("overloaded", http_status=503)
BROKEN = Unavailable("broken", http_status=500)


@pytest.mark.parametrize(
    ("before", "error", "after"),
    [
        (Pressure(), None, Pressure()),
        (Pressure(3, 3, 9.0), None, Pressure()),
        (Pressure(3, 3, 9.0), NotFound("no such task"), Pressure()),  # it answers
        (Pressure(3, 3, 9.0), BadRequest("no"), Pressure()),
        (Pressure(), SLOW_DOWN, Pressure(1, 1, 100.5)),
        (Pressure(1, 1, 100.2), SLOW_DOWN, Pressure(2, 2, 101.0)),
        (Pressure(8, 8, 0.0), SLOW_DOWN, Pressure(9, 9, 100 + LONGEST_PAUSE)),
        (Pressure(), RateLimited("", retry_after=7), Pressure(1, 1, 107.0)),
        (Pressure(), RateLimited("", retry_after=9000), Pressure(1, 1, 100 + LONGEST_ASKED)),
        (Pressure(1, 1, 130.0), SLOW_DOWN, Pressure(2, 2, 130.0)),  # a longer pause stands
        (Pressure(), OVERLOADED, Pressure(1, 1, 100.5)),
        (Pressure(), BROKEN, Pressure(1)),  # once is nothing
        (Pressure(IN_A_ROW - 1), BROKEN, Pressure(IN_A_ROW, 1, 100.5)),
        (Pressure(2, 1, 99.0), BROKEN, Pressure(3, 2, 101.0)),  # whoever tried failed
    ],
)
def test_what_an_answer_changes(
    before: Pressure, error: ToAPIsError | None, after: Pressure
) -> None:
    assert before.after(error, 100.0) == after


@given(st.lists(st.sampled_from([SLOW_DOWN, OVERLOADED, BROKEN])))
def test_a_pause_never_gets_shorter_nor_longer_than_it_may(errors: list[ToAPIsError]) -> None:
    pressure = Pressure()
    for error in errors:
        following = pressure.after(error, 50.0)
        assert pressure.until <= following.until <= 50 + LONGEST_PAUSE
        pressure = following
    assert pressure.after(None, 50.0) == Pressure()


async def test_while_the_account_pushes_back_one_tries_and_the_others_wait() -> None:
    now = [0.0]
    gate = Gate(lambda: now[0])
    gate.pressure = Pressure(1, 1, until=-1.0)
    asking: list[int] = []
    answer = asyncio.Event()

    async def ask(number: int) -> None:
        async with gate.passage(deadline=1000):
            asking.append(number)
            await answer.wait()

    tasks = [asyncio.ensure_future(ask(number)) for number in range(5)]
    await asyncio.sleep(0.02)
    assert asking == [0]
    answer.set()
    await asyncio.gather(*tasks)
    assert asking == [0, 1, 2, 3, 4]
    assert gate.pressure.eased


async def test_who_can_not_ask_before_the_deadline_does_not_ask() -> None:
    gate = Gate(lambda: 0.0)
    gate.pressure = Pressure(6, 6, until=100.0)
    with pytest.raises(Unavailable, match="6 times in a row: not asked") as raised:
        async with gate.passage(deadline=50):
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
