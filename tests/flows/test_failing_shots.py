"""Trouble while a batch runs: what stops, what goes on, what the run ends as."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from prefect import get_client
from prefect.client.schemas.objects import State
from pydantic import SecretStr

from prefect_toapis import LimitSettings, RetrySettings, RunSettings, ToAPIsCredentials, VideoBucket
from prefect_toapis.errors import BatchFailed
from prefect_toapis.simulator import Replace, Simulator, SimulatorSettings

Make = Callable[..., Awaitable[Any]]

SIX = [f"scene {number}" for number in range(6)]


@pytest.fixture
def for_three() -> Iterator[Simulator]:
    """An account that can pay for three generations."""
    settings = SimulatorSettings(
        api_keys=("test-key",), account_group=None, render_seconds=0.2, balance_credits=60
    )
    with Simulator(settings) as running:
        yield running


def at(simulator: Simulator) -> ToAPIsCredentials:
    return ToAPIsCredentials(api_key=SecretStr(simulator.api_key), base_url=simulator.url)


def attempts(bucket: VideoBucket) -> list[str]:
    return [key for key in bucket.list_keys("b/") if "attempt" in key]


@pytest.mark.parametrize("in_flight", [1, 500])
async def test_no_balance_stops_the_rest_and_what_is_paid_is_stored(
    make: Make,
    for_three: Simulator,
    simulator: Simulator,
    quick: RunSettings,
    bucket: VideoBucket,
    in_flight: int,
) -> None:
    settings = quick.with_overrides(RunSettings(limits=LimitSettings(max_in_flight=in_flight)))
    with pytest.raises(BatchFailed, match="3 of 6 shots not bought") as stopped:
        await make(SIX, credentials=at(for_three), settings=settings)
    assert len(for_three.ledger.paid) == 3
    if in_flight == 1:
        assert len(for_three.ledger.submissions) == len(attempts(bucket)) == 4
    manifest = stopped.value.manifest
    assert (manifest.shots("stored"), manifest.shots("planned")) == (3, 3)
    assert all("The balance does not cover" in (row.error or "") for row in manifest.planned)
    # After a top-up the same batch is completed.
    manifest = await make(SIX, credentials=at(simulator), settings=settings)
    assert manifest.shots("stored") == 6
    assert len(simulator.ledger.paid) == 3


async def test_a_key_that_is_refused_stops_the_rest_and_what_is_paid_is_stored(
    make: Make, simulator: Simulator, quick: RunSettings, log: pytest.LogCaptureFixture
) -> None:
    error = '{"error": {"code": "unauthorized", "message": "Invalid API key"}}'
    simulator.faults.add(
        Replace(operation="submit", status=401, body=error, prompt="scene 2", times=None)
    )
    settings = quick.with_overrides(RunSettings(limits=LimitSettings(max_in_flight=1)))
    manifest = await make(SIX, settings=settings, on_failure="tolerate")
    assert len(simulator.ledger.paid) == 2
    assert len(simulator.ledger.submissions) == 3
    assert [row.status for row in manifest.rows] == ["stored"] * 2 + ["planned"] * 4
    assert "Check the API key" in manifest.rows[2].error
    assert "not submitted, because the account was refused" in manifest.rows[3].error
    assert log.text.count("Nothing more is submitted: ") == 1
    assert "Retry" not in log.text
    simulator.faults.clear()
    manifest = await make(SIX)
    assert manifest.shots("stored") == len(simulator.ledger.paid) == 6


async def test_a_key_that_is_refused_while_waiting_leaves_the_shot_open(
    make: Make, simulator: Simulator
) -> None:
    error = '{"error": {"code": "unauthorized", "message": "Invalid API key"}}'
    simulator.faults.add(Replace(operation="status", status=401, body=error))
    manifest = await make(["a dog"], on_failure="tolerate")
    assert [row.status for row in manifest.rows] == ["open"]
    assert "The generation is paid for." in manifest.rows[0].error
    manifest = await make(["a dog"])
    assert manifest.shots("stored") == len(simulator.ledger.paid) == 1


async def test_refused_and_failed_shots_fail_alone(
    make: Make, simulator: Simulator, bucket: VideoBucket, log: pytest.LogCaptureFixture
) -> None:
    scenes = ["a dog", "refuse me", "fail me", "a cat"]
    manifest = await make(scenes, on_failure="tolerate")
    assert [row.status for row in manifest.rows] == ["stored", "failed", "failed", "stored"]
    assert (len(simulator.ledger.paid), len(simulator.ledger.refunded)) == (3, 1)
    refused, failed = manifest.failed
    assert "Shot refuse-me / short: " in refused.error
    assert "content_policy_violation" in refused.error
    assert "Change the prompt" in refused.error
    assert "Content violates the content policy" in failed.error
    assert failed.task_id in {submission.task_id for submission in simulator.ledger.refunded}
    assert "Nothing was spent." in failed.error
    assert "2 of 4 shots stored, 2 failed; see s3://" in log.text
    # What is refused by policy isn't bought again but on demand.
    again = await make(scenes, on_failure="tolerate")
    assert [row.status for row in again.rows] == ["stored", "failed", "failed", "stored"]
    assert len(simulator.ledger.submissions) == 4
    assert sum("attempt-2" in key for key in attempts(bucket)) == 0


async def test_failed_shots_are_bought_again_where_the_settings_say_so(
    make: Make, simulator: Simulator, quick: RunSettings, bucket: VideoBucket
) -> None:
    await make(["fail me"], on_failure="tolerate")
    settings = quick.with_overrides(RunSettings(retries=RetrySettings(failed_shots="all")))
    await make(["fail me"], on_failure="tolerate", settings=settings)
    ids = [submission.business_id or "" for submission in simulator.ledger.refunded]
    assert [id_[-2:] for id_ in ids] == ["-1", "-2"]
    assert len(attempts(bucket)) == 2


async def test_a_record_that_can_not_be_read_buys_nothing_and_stops_no_other_shot(
    leave: Make,
    make: Make,
    simulator: Simulator,
    bucket: VideoBucket,
    log: pytest.LogCaptureFixture,
) -> None:
    await leave(["a dog"])
    [record] = attempts(bucket)
    bucket.write(record, b"not a record", "application/json")
    simulator.faults.add(Replace(operation="status", prompt="a dog", status=404, times=None))
    with pytest.raises(BatchFailed, match="1 of 2 shots open") as failed:
        await make(["a dog", "a cat"])
    dog, cat = failed.value.manifest.rows
    assert (dog.status, cat.status) == ("open", "stored")
    assert "attempt-1.json is damaged" in (dog.error or "")
    assert "Money may have been spent" in log.text
    assert len(simulator.ledger.submissions) == 2


async def test_two_runs_of_a_batch_at_once_buy_each_shot_once(
    make: Make, simulator: Simulator, aws_bucket: VideoBucket
) -> None:
    one, other = await asyncio.gather(
        make(["a dog", "a cat"], bucket=aws_bucket), make(["a dog", "a cat"], bucket=aws_bucket)
    )
    assert one.shots("stored") == other.shots("stored") == 2
    assert len(simulator.ledger.submissions) == 2


async def final_state(run: UUID) -> State[Any]:
    async with get_client() as client:
        state = (await client.read_flow_run(run)).state
    assert state
    return state


async def test_a_run_with_a_failed_shot_ends_failed_with_the_manifest(
    make: Make, simulator: Simulator, log: pytest.LogCaptureFixture, bucket: VideoBucket
) -> None:
    scenes = ["a dog", "refuse me", "a cat", "a hen"]
    with pytest.raises(BatchFailed) as failed:
        await make(scenes)
    assert failed.value.message.startswith(
        "1 of 4 shots failed: refuse-me / short: the API refuses"
    )
    assert failed.value.manifest.shots("stored") == len(simulator.ledger.paid) == 3
    assert len((bucket.read("b/manifest.jsonl") or b"").splitlines()) == 4
    [run] = re.findall(r"runs/flow-run/([0-9a-f-]{36})", log.text)[:1]
    state = await final_state(UUID(run))
    assert state.is_failed()
    assert state.message is not None
    assert "1 of 4 shots failed" in state.message


async def test_a_run_that_tolerates_failures_ends_completed(
    make: Make, log: pytest.LogCaptureFixture
) -> None:
    await make(["a dog", "refuse me"], on_failure="tolerate")
    [run] = re.findall(r"runs/flow-run/([0-9a-f-]{36})", log.text)[:1]
    assert (await final_state(UUID(run))).is_completed()


async def test_kinds_of_trouble_are_counted_apart(make: Make, simulator: Simulator) -> None:
    simulator.faults.add(
        Replace(operation="media", status=200, body="<html>", prompt="a cat", times=None)
    )
    with pytest.raises(BatchFailed) as failed:
        await make(["a dog", "refuse me", "a cat"])
    assert failed.value.message.startswith("1 of 3 shots failed, 1 open: refuse-me")
    assert failed.value.money == "spent"
