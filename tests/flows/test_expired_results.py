"""Results that were paid and not fetched while they lived."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.provider_clock import ProviderClock
from tests.provider_replies import completed

from prefect_toapis import PurchaseSettings, RunSettings, VideoBucket
from prefect_toapis.simulator import Replace, Simulator

Make = Callable[..., Awaitable[Any]]


DAY_AND_MORE = 25 * 3600


async def left_for_too_long(leave: Make, clock: ProviderClock, bucket: VideoBucket) -> None:
    clock.skip(-DAY_AND_MORE)  # so that it is over now, by our own clock too
    began = await leave(["a dog"])
    assert "Run the batch again: it continues the wait" in began.open[0].error
    clock.skip(DAY_AND_MORE)
    age_record(bucket, DAY_AND_MORE)


def age_record(bucket: VideoBucket, seconds: float) -> None:
    """Have the record say that the shot was sent so much earlier."""
    [key] = [key for key in bucket.list_keys("b/") if "attempt" in key]
    record = json.loads(bucket.read(key) or b"")
    sent = datetime.fromisoformat(record["sent_at"].replace("Z", "+00:00"))
    record["sent_at"] = (sent - timedelta(seconds=seconds)).isoformat()
    bucket.write(key, json.dumps(record).encode(), "application/json")


async def test_an_expired_one_is_failed_said_to_be_paid_and_not_bought_again(
    leave: Make, make: Make, clock: ProviderClock, simulator: Simulator, bucket: VideoBucket
) -> None:
    await left_for_too_long(leave, clock, bucket)
    for _ in range(2):  # every run says it, none buys
        manifest = await make(["a dog"], on_failure="tolerate")
        [row] = manifest.failed
        assert "The generation is paid for." in row.error
        assert 'settings.purchases.on_expired="rebuy"' in row.error
        assert row.task_id == simulator.ledger.paid[0].task_id
    assert len(simulator.ledger.submissions) == 1
    [record] = [key for key in bucket.list_keys("b/") if "attempt" in key]
    assert '"state": "expired"' in (bucket.read(record) or b"").decode()


async def test_it_is_bought_anew_in_the_same_run_when_told(
    leave: Make,
    make: Make,
    clock: ProviderClock,
    simulator: Simulator,
    bucket: VideoBucket,
    quick: RunSettings,
) -> None:
    await left_for_too_long(leave, clock, bucket)
    rebuy = quick.with_overrides(RunSettings(purchases=PurchaseSettings(on_expired="rebuy")))
    for _ in range(2):  # the second run has it
        manifest = await make(["a dog"], settings=rebuy)
        assert manifest.shots("stored") == 1
    assert manifest.stored[0].attempt == 2
    assert len(simulator.ledger.paid) == 2


@pytest.mark.parametrize(
    "times",
    [
        {"expires_at": 0},
        {"expires_at": -1},
        {"expires_at": 1},
        {"expires_at": "1970-01-01T00:00:00Z"},
        {"completed_at": 1768380222, "expires_at": 1768466914},  # long ago, by the provider alone
        {"completed_at": 1768380222000, "expires_at": 1768466914000},
        {"completed_at": 0, "expires_at": 1768466914},
        {"created_at": 0, "completed_at": 0, "expires_at": 0},
        {"created_at": 1e300, "completed_at": -1e300, "expires_at": "yesterday"},
    ],
)
async def test_odd_times_and_refused_urls_never_buy_anew(
    leave: Make,
    make: Make,
    simulator: Simulator,
    quick: RunSettings,
    times: dict[str, Any],
) -> None:
    began = await leave(["a dog"])
    reply = completed(simulator, began.open[0].task_id) | times
    simulator.faults.add(
        Replace(operation="status", status=200, body=json.dumps(reply), times=None),
        Replace(operation="media", status=403, times=None),
    )
    rebuy = quick.with_overrides(RunSettings(purchases=PurchaseSettings(on_expired="rebuy")))
    manifest = await make(["a dog"], settings=rebuy, on_failure="tolerate")
    assert manifest.shots("open") == 1
    assert "refuses its URL" in manifest.open[0].error
    assert len(simulator.ledger.submissions) == 1
    simulator.faults.clear()
    assert (await make(["a dog"])).shots("stored") == len(simulator.ledger.paid) == 1
