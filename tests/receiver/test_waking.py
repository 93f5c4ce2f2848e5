"""From the provider's webhooks to a flow that waits: it is woken, and stores each video once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from pydantic import SecretStr
from tests.receiver.conftest import SECRET, Served

from prefect_toapis import (
    Manifest,
    PollingSettings,
    RunSettings,
    ToAPIsCredentials,
    Variant,
    VideoBucket,
    WebhookSettings,
)
from prefect_toapis.flows.generate import agenerate_videos
from prefect_toapis.simulator import SimulatedWebhooks, Simulator, SimulatorSettings
from prefect_toapis.tasks.options import account_of
from prefect_toapis.tasks.webhook_listener import webhook_listener

HOUR = 3600.0


@contextmanager
def provider(receiver: Served, **told: Any) -> Iterator[Simulator]:
    url, secret = f"{receiver.url}/webhook", SecretStr(SECRET)
    webhooks = SimulatedWebhooks(url=url, secret=secret, every_task=True, **told)
    settings = SimulatorSettings(account_group=None, render_seconds=(4, 6), webhooks=webhooks)
    with Simulator(settings) as running:
        yield running


@pytest.fixture
def make(bucket: VideoBucket) -> Callable[..., Awaitable[Manifest]]:
    """Makes as many videos as it is told, and is woken by events."""
    flow = cast("Callable[..., Awaitable[Manifest]]", agenerate_videos)

    async def make(simulator: Simulator, count: int, settings: RunSettings) -> Manifest:
        key = SecretStr(simulator.api_key)
        credentials = ToAPIsCredentials(api_key=key, base_url=simulator.url)
        listener = webhook_listener()
        assert listener
        with account_of(credentials, settings) as account:
            await listener.listen(account)
        await simulator.await_for(lambda: listener.connected, 30)
        return await flow(
            [f"dog number {number}" for number in range(count)],
            variants=[Variant(name="short", model="sora-2-vip", duration=1)],
            batch="b",
            credentials=credentials,
            bucket=bucket,
            settings=settings,
        )

    return make


async def test_without_a_poll_of_its_own_a_run_hears_of_every_end(
    receiver: Served, make: Callable[..., Awaitable[Manifest]], no_aws_settings: None
) -> None:
    rare_polls = RunSettings(
        webhooks=WebhookSettings(notify="webhook"),
        polling=PollingSettings(first_seconds=HOUR, interval_seconds=HOUR),
    )
    with provider(receiver, doubled=0.3, forged=0.3) as simulator:
        manifest = await asyncio.wait_for(make(simulator, 20, rare_polls), 120)
        assert manifest.shots("stored") == len(simulator.ledger.submissions) == 20
        assert max(simulator.ledger.queries.values()) <= 3


async def test_through_a_killed_receiver_and_lost_events_every_video_is_stored_once(
    receiver: Served, make: Callable[..., Awaitable[Manifest]], no_aws_settings: None
) -> None:
    odd = {"doubled": 0.3, "dropped": 0.3, "forged": 0.3, "late_seconds": (0, 1), "speed": 20}
    rare = RunSettings(polling=PollingSettings(first_seconds=2, interval_seconds=2))
    with provider(receiver, **odd) as simulator:
        making = asyncio.ensure_future(make(simulator, 30, rare))
        deliveries = simulator.ledger.deliveries
        await simulator.await_for(lambda: sum(one.taken for one in deliveries) > 5, 30)
        receiver.kill()
        await simulator.await_for(lambda: any(one.status is None for one in deliveries), 30)
        await asyncio.to_thread(receiver.start)
        manifest = await making
        assert manifest.shots("stored") == len(simulator.ledger.submissions) == 30
        assert len(simulator.ledger.paid) == 30
        assert any(one.forged for one in deliveries)
        assert set(simulator.ledger.downloads.values()) == {1}
