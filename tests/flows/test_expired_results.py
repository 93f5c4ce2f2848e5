"""Results that were paid and not fetched while they lived."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from prefect_toapis import RunSettings, ToAPIsCredentials, VideoBucket
from prefect_toapis.simulator import Simulator, SimulatorSettings

Make = Callable[..., Awaitable[Any]]


@pytest.fixture
def brief() -> Iterator[Simulator]:
    """A provider whose results live for a second."""
    settings = SimulatorSettings(
        api_keys=("test-key",), account_group=None, render_seconds=1, result_lifetime_seconds=1
    )
    with Simulator(settings) as running:
        yield running


def at(simulator: Simulator) -> ToAPIsCredentials:
    return ToAPIsCredentials(api_key=SecretStr(simulator.api_key), base_url=simulator.url)


async def left_for_too_long(make: Make, brief: Simulator, quick: RunSettings) -> None:
    hasty = quick.model_copy(update={"patience_seconds": 0.001})
    began = await make(["a dog"], credentials=at(brief), settings=hasty, on_failure="tolerate")
    assert "Run the batch again: it goes on waiting" in began.open[0].error
    await asyncio.sleep(2.5)


async def test_an_expired_one_is_failed_said_to_be_paid_and_not_bought_again(
    make: Make, brief: Simulator, quick: RunSettings, bucket: VideoBucket
) -> None:
    await left_for_too_long(make, brief, quick)
    for _ in range(2):  # every run says it, none buys
        manifest = await make(["a dog"], credentials=at(brief), on_failure="tolerate")
        [row] = manifest.failed
        assert "The generation is paid for." in row.error
        assert 'settings.on_expired="rebuy"' in row.error
        assert row.task_id == brief.ledger.paid[0].task_id
    assert len(brief.ledger.submissions) == 1
    [record] = [key for key in bucket.list_keys("b/") if "attempt" in key]
    assert '"state": "expired"' in (bucket.read(record) or b"").decode()


async def test_it_is_bought_anew_in_the_same_run_when_told(
    make: Make, brief: Simulator, quick: RunSettings
) -> None:
    await left_for_too_long(make, brief, quick)
    rebuy = quick.model_copy(update={"on_expired": "rebuy"})
    for _ in range(2):  # the second run has it
        manifest = await make(["a dog"], credentials=at(brief), settings=rebuy)
        assert manifest.shots("stored") == 1
    assert manifest.stored[0].attempt == 2
    assert len(brief.ledger.paid) == 2
