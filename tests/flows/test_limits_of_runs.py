"""Rate limits that a run asks for hold while it runs, whoever else uses the account."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from prefect_toapis import LimitSettings, RunSettings, ToAPIsCredentials, aget_balance
from prefect_toapis.simulator import Hold, Simulator
from prefect_toapis.tasks.options import account_of


async def test_a_careful_batch_is_not_reset_by_get_balance(
    make: Callable[..., Awaitable[Any]],
    simulator: Simulator,
    credentials: ToAPIsCredentials,
    quick: RunSettings,
) -> None:
    simulator.faults.add(Hold(operation="submit"))
    careful = quick.with_overrides(RunSettings(limits=LimitSettings(rate_limit_share=0.1)))
    batch = asyncio.ensure_future(make(["A dog"], settings=careful))
    await simulator.await_for(lambda: simulator.faults.held)
    await aget_balance(credentials=credentials)
    with account_of(credentials, RunSettings()) as account:
        submissions = account._shared._buckets["async_submit"]
        during = submissions.per_second
        simulator.faults.release()
        await batch
        assert (during, submissions.per_second) == (0.5, 5)
    assert len(simulator.ledger.paid) == 1
