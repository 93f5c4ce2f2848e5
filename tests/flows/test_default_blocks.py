"""Which key and which bucket a flow uses when it is given none."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE
from prefect.settings import temporary_settings as settings_for_now

from prefect_toapis import ToAPIsCredentials, VideoBucket
from prefect_toapis.flows.default_blocks import bucket_or_default, credentials_or_default
from prefect_toapis.simulator import Simulator

Make = Callable[..., Awaitable[Any]]

NONE = {"credentials": None, "bucket": None}


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, credentials: ToAPIsCredentials, bucket: VideoBucket
) -> None:
    """Key and bucket as an environment gives them."""
    store = bucket.credentials
    assert store
    assert store.aws_secret_access_key
    for name, value in {
        "TOAPIS_API_KEY": credentials.api_key.get_secret_value(),
        "TOAPIS_BASE_URL": credentials.base_url,
        "TOAPIS_BUCKET": bucket.uri(),
        "AWS_ACCESS_KEY_ID": store.aws_access_key_id,
        "AWS_SECRET_ACCESS_KEY": store.aws_secret_access_key.get_secret_value(),
        "AWS_ENDPOINT_URL": store.endpoint_url,
        "AWS_REGION": store.region_name,
    }.items():
        assert value
        monkeypatch.setenv(name, value)


@pytest.fixture
async def saved(credentials: ToAPIsCredentials, bucket: VideoBucket) -> AsyncIterator[None]:
    """Blocks named default."""
    await credentials.asave("default")
    await bucket.asave("default")
    yield
    await ToAPIsCredentials.adelete("default")
    await VideoBucket.adelete("default")


async def test_the_blocks_named_default_are_used_and_the_log_says_so(
    make: Make, saved: None, simulator: Simulator, log: pytest.LogCaptureFixture
) -> None:
    manifest = await make(["a dog"], **NONE)
    assert manifest.shots("stored") == len(simulator.ledger.paid) == 1
    assert 'ToAPIsCredentials: the block named "default"' in log.text
    assert 'VideoBucket: the block named "default"' in log.text


async def test_saved_blocks_come_before_the_environment(
    make: Make, saved: None, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOAPIS_API_KEY", "of-nobody")
    monkeypatch.setenv("TOAPIS_BUCKET", "s3://nowhere")
    await make(["a dog"], **NONE)
    assert len(simulator.ledger.paid) == 1


async def test_without_saved_blocks_the_environment_serves_and_the_log_says_so(
    make: Make,
    environment: None,
    simulator: Simulator,
    bucket: VideoBucket,
    log: pytest.LogCaptureFixture,
) -> None:
    manifest = await make(["a dog"], **NONE)
    assert manifest.shots("stored") == len(simulator.ledger.paid) == 1
    assert manifest.uri == bucket.uri("b")
    assert "ToAPIsCredentials: from the environment" in log.text
    assert "VideoBucket: from the environment" in log.text


async def test_a_server_that_can_not_be_reached_is_an_error_and_no_reason_to_fall_back(
    make: Make, environment: None, simulator: Simulator
) -> None:
    closed = "http://127.0.0.1:9/api"
    with settings_for_now({PREFECT_API_URL: closed, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False}):
        with pytest.raises(Exception, match="connect"):
            await credentials_or_default(None)
        with pytest.raises(Exception, match="connect"):
            await bucket_or_default(None)
        with pytest.raises(Exception, match=r"connect|reach"):
            await make(["a dog"], **NONE)
    assert simulator.ledger.submissions == []
