"""What every test of the flows stands on."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from prefect_toapis import Manifest, RunSettings, ToAPIsCredentials, Variant, VideoBucket
from prefect_toapis.flows import generate_videos


@pytest.fixture(autouse=True)
def at_a_server(prefect_server: None, no_aws_settings: None) -> None:
    """A real Prefect server, and the settings of no developer."""


@pytest.fixture
def make(
    credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> Callable[..., Awaitable[Any]]:
    """Runs `generate_videos` with one-second clips into batch `b`, but for what it is told."""

    flow = cast("Callable[..., Awaitable[Manifest]]", generate_videos)

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
