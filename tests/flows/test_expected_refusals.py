"""A refusal that a user can act on is a message, in the state and in the log, and no traceback."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prefect import State, flow
from prefect.logging import get_run_logger

from prefect_toapis import InvalidBatch, RunSettings, ToAPIsCredentials, VideoBucket
from prefect_toapis.errors import BatchFailed
from prefect_toapis.flows.generate import agenerate_videos
from prefect_toapis.simulator import Refuse, Simulator

Make = Callable[..., Awaitable[Any]]

RUN = "prefect.flow_runs"


def lines_of(log: pytest.LogCaptureFixture, level: int = logging.ERROR) -> list[str]:
    return [record.getMessage() for record in log.records if record.levelno >= level]


def assert_no_traceback(log: pytest.LogCaptureFixture) -> None:
    assert [record for record in log.records if record.exc_info] == []
    assert "Traceback" not in log.text


async def test_a_plan_with_faults_ends_with_their_list_once(
    make: Make, simulator: Simulator, log: pytest.LogCaptureFixture
) -> None:
    state: State[Any] = await make(["A {hero} dog"], batch="refused", return_state=True)
    assert state.is_failed()
    message = state.message or ""
    assert message.startswith("Nothing was spent. 1 problem to fix before anything is submitted:\n")
    assert message.count("Nothing was spent") == 1
    assert_no_traceback(log)
    assert [line for line in lines_of(log) if "no cast fills {hero}" in line] == [message]
    with pytest.raises(InvalidBatch):
        await state.aresult()
    assert simulator.ledger.submissions == []


async def test_a_refused_key_is_told_once(
    simulator: Simulator,
    bucket: VideoBucket,
    quick: RunSettings,
    log: pytest.LogCaptureFixture,
) -> None:
    wrong = ToAPIsCredentials(api_key="wrong-key", base_url=simulator.url)
    with pytest.raises(InvalidBatch) as refused:
        await agenerate_videos(["A dog"], credentials=wrong, bucket=bucket, settings=quick)
    assert len(refused.value.faults) == 1
    assert str(refused.value).count("Nothing was spent") == 1
    assert "Check the API key" in str(refused.value)
    assert_no_traceback(log)
    assert not [line for line in lines_of(log, logging.WARNING) if "list its models" in line]


@pytest.mark.parametrize(
    ("status", "what", "advice"),
    [
        (402, "2 of 2 shots not", "Top up the account, then run the batch again"),
        (401, "2 of 2 shots not", "Check the API key of the ToAPIsCredentials in use"),
        (422, "2 of 2 shots failed: a-", "a refused prompt has to be changed first"),
    ],
)
async def test_the_state_tells_what_failed_and_one_next_step(
    make: Make,
    simulator: Simulator,
    log: pytest.LogCaptureFixture,
    status: int,
    what: str,
    advice: str,
) -> None:
    simulator.faults.add(Refuse(operation="submit", status=status, times=2))
    state: State[Any] = await make(["A dog", "A cat"], batch="b", return_state=True)
    message = state.message or ""
    assert state.is_failed()
    assert message.startswith(what)
    assert "the API refuses: Not this time" in message
    assert "Nothing was spent." in message
    assert advice in message
    assert_no_traceback(log)
    with pytest.raises(BatchFailed) as failed:
        await state.aresult()
    assert failed.value.manifest.shots() == 2


async def test_an_own_flow_gets_the_error_itself(make: Make) -> None:
    @flow
    async def own() -> str:
        try:
            await make(["A {hero} dog"], batch="refused")
        except InvalidBatch as error:
            get_run_logger().info("caught")
            return error.faults[0]
        return "made"

    assert "no cast fills {hero}" in await own()


async def test_retries_of_the_flow_run_it_again(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    simulator.faults.add(Refuse(operation="submit", status=402))
    twice = agenerate_videos.with_options(retries=1)
    manifest = await twice(
        ["A dog"], batch="b", credentials=credentials, bucket=bucket, settings=quick
    )
    assert manifest.shots("stored") == 1
    assert len(simulator.ledger.paid) == 1


async def test_the_traceback_is_logged_at_level_debug(
    make: Make, log: pytest.LogCaptureFixture
) -> None:
    @flow
    async def own() -> None:
        await make(["A {hero} dog"], batch="refused")

    runs = logging.getLogger(RUN)
    level = runs.level
    runs.setLevel(logging.DEBUG)
    try:
        with pytest.raises(InvalidBatch):
            await own()
    finally:
        runs.setLevel(level)
    assert [record for record in log.records if record.exc_info]
