"""The account's allowance as all workers share it."""

from collections.abc import Iterator

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import (
    GlobalConcurrencyLimitCreate,
    GlobalConcurrencyLimitUpdate,
)

from prefect_toapis import RunSettings, ToAPIsCredentials, VideoBucket, VideoRequest, asubmit_video
from prefect_toapis.client.errors import Transient
from prefect_toapis.simulator import Simulator
from prefect_toapis.tasks.account import SUBMISSIONS

SLOTS = 4
NONE = f"has no rate limit {SUBMISSIONS}"


@pytest.fixture
def limit() -> Iterator[None]:
    """A rate limit that gives nothing back while a test runs."""
    with get_client(sync_client=True) as client:
        client.create_global_concurrency_limit(
            GlobalConcurrencyLimitCreate(name=SUBMISSIONS, limit=SLOTS, slot_decay_per_second=1e-5)
        )
        yield
        client.delete_global_concurrency_limit_by_name(SUBMISSIONS)


def slots_taken() -> float:
    with get_client(sync_client=True) as client:
        return client.read_global_concurrency_limit_by_name(SUBMISSIONS).active_slots


@flow
async def buys(
    requests: list[str], credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    once = asubmit_video.with_options(retries=0)
    for prompt in requests:
        request = VideoRequest(prompt=prompt)
        await once(request, credentials=credentials, bucket=bucket, settings=quick)


async def test_each_submission_takes_a_slot_of_the_limit_and_nothing_else_does(
    limit: None,
    simulator: Simulator,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
    log: pytest.LogCaptureFixture,
) -> None:
    await buys(["a dog", "a cat"], credentials, bucket, quick)
    await buys(["a dog", "a cat", "a cow"], credentials, bucket, quick)
    assert len(simulator.ledger.paid) == slots_taken() == 3
    assert NONE not in log.text


async def test_without_one_a_run_says_so_once_and_goes_on(
    simulator: Simulator,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
    log: pytest.LogCaptureFixture,
) -> None:
    await buys(["a dog", "a cat"], credentials, bucket, quick)
    assert len(simulator.ledger.paid) == 2
    assert log.text.count(NONE) == 1
    assert "prefect-toapis setup" in log.text


async def test_a_limit_that_gives_no_turn_fails_the_submission_before_anything_is_sent(
    limit: None,
    simulator: Simulator,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
) -> None:
    with get_client(sync_client=True) as client:
        no_rate = GlobalConcurrencyLimitUpdate(slot_decay_per_second=0)
        client.update_global_concurrency_limit(SUBMISSIONS, no_rate)
    with pytest.raises(Transient, match=SUBMISSIONS):
        await buys(["a dog"], credentials, bucket, quick)
    assert simulator.ledger.submissions == []
    assert [key for key in bucket.list_keys() if "attempt" in key] == []
