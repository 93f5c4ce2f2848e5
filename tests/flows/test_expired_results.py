"""Results that were paid and not fetched while they lived."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.provider_clock import ProviderClock

from prefect_toapis import RunSettings, VideoBucket
from prefect_toapis.simulator import Simulator

Make = Callable[..., Awaitable[Any]]


DAY_AND_MORE = 25 * 3600


async def left_for_too_long(leave: Make, clock: ProviderClock) -> None:
    clock.skip(-DAY_AND_MORE)  # so that it is over now, by our own clock too
    began = await leave(["a dog"])
    assert "Run the batch again: it goes on waiting" in began.open[0].error
    clock.skip(DAY_AND_MORE)


async def test_an_expired_one_is_failed_said_to_be_paid_and_not_bought_again(
    leave: Make, make: Make, clock: ProviderClock, simulator: Simulator, bucket: VideoBucket
) -> None:
    await left_for_too_long(leave, clock)
    for _ in range(2):  # every run says it, none buys
        manifest = await make(["a dog"], on_failure="tolerate")
        [row] = manifest.failed
        assert "The generation is paid for." in row.error
        assert 'settings.on_expired="rebuy"' in row.error
        assert row.task_id == simulator.ledger.paid[0].task_id
    assert len(simulator.ledger.submissions) == 1
    [record] = [key for key in bucket.list_keys("b/") if "attempt" in key]
    assert '"state": "expired"' in (bucket.read(record) or b"").decode()


async def test_it_is_bought_anew_in_the_same_run_when_told(
    leave: Make, make: Make, clock: ProviderClock, simulator: Simulator, quick: RunSettings
) -> None:
    await left_for_too_long(leave, clock)
    rebuy = quick.model_copy(update={"on_expired": "rebuy"})
    for _ in range(2):  # the second run has it
        manifest = await make(["a dog"], settings=rebuy)
        assert manifest.shots("stored") == 1
    assert manifest.stored[0].attempt == 2
    assert len(simulator.ledger.paid) == 2
