"""What every test of the flows stands on."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast

import pytest
from tests.chaos.faulty_store import FaultyStore
from tests.provider_clock import ProviderClock

from prefect_toapis import (
    Manifest,
    PollingSettings,
    RunSettings,
    ToAPIsCredentials,
    Variant,
    VideoBucket,
)
from prefect_toapis.flows.generate import agenerate_videos


@pytest.fixture(autouse=True)
def at_a_server(prefect_server: None, no_aws_settings: None) -> None:
    """A real Prefect server, and the settings of no developer."""


@pytest.fixture
def make(
    credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> Callable[..., Awaitable[Any]]:
    """Runs `generate_videos` with one-second clips into batch `b`, but for what it is told."""

    flow = cast("Callable[..., Awaitable[Manifest]]", agenerate_videos)

    async def make(scenes: list[Any], **told: Any) -> Manifest:
        usual: dict[str, Any] = {
            "variants": [Variant(name="short", model="sora-2-vip", duration=1)],
            "batch": "b",
            "credentials": credentials,
            "bucket": bucket,
            "settings": quick,
        }
        return await flow(scenes, **usual | told)

    return make


@pytest.fixture
def leave(
    make: Callable[..., Awaitable[Any]], clock: ProviderClock, quick: RunSettings
) -> Callable[..., Awaitable[Any]]:
    """As `make`, but the run submits, waits for nothing and leaves what it bought open."""
    hasty = quick.with_overrides(RunSettings(polling=PollingSettings(timeout_seconds=0.001)))

    async def leave(scenes: list[Any], **told: Any) -> Manifest:
        with clock.stopped():
            left: Manifest = await make(scenes, settings=hasty, on_failure="tolerate", **told)
        return left

    return leave


@pytest.fixture
def store(aws_bucket: VideoBucket) -> Iterator[FaultyStore]:
    """What stands before the bucket of `aws_bucket`."""
    assert aws_bucket.credentials
    with FaultyStore(aws_bucket.credentials.endpoint_url or "") as running:
        yield running


@pytest.fixture
def troubled(store: FaultyStore, aws_bucket: VideoBucket) -> VideoBucket:
    """The bucket, through the store in trouble."""
    assert aws_bucket.credentials
    through = aws_bucket.credentials.model_copy(update={"endpoint_url": store.url})
    return aws_bucket.model_copy(update={"credentials": through})
