"""Where the provider is told to send the webhooks of a run."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from prefect_toapis import RunSettings, ToAPIsCredentials, WebhookSettings
from prefect_toapis.simulator import SimulatedWebhooks, Simulator, SimulatorSettings

Make = Callable[..., Awaitable[Any]]

SET_UP = "http://127.0.0.1:9/webhook"  # nobody listens there


@pytest.fixture
def telling() -> Iterator[Simulator]:
    """A provider that sends webhooks to one host, for tasks that ask for it."""
    webhooks = SimulatedWebhooks(url=SET_UP, secret=SecretStr("whsec_" + "a" * 32))
    settings = SimulatorSettings(account_group=None, webhooks=webhooks, render_seconds=0.2)
    with Simulator(settings) as running:
        yield running


def at(simulator: Simulator) -> ToAPIsCredentials:
    return ToAPIsCredentials(api_key=SecretStr(simulator.api_key), base_url=simulator.url)


async def test_each_submission_says_where_its_webhook_goes(
    make: Make, telling: Simulator, quick: RunSettings
) -> None:
    url = f"{SET_UP}?batch=b"
    settings = quick.with_overrides(RunSettings(webhooks=WebhookSettings(callback_url=url)))
    manifest = await make(["A dog", "A cat"], credentials=at(telling), settings=settings)
    assert len(manifest.stored) == len(telling.ledger.paid) == 2
    assert all("callback_url" not in row.request for row in manifest.rows)


async def test_a_host_that_is_not_set_up_stops_the_batch_and_costs_nothing(
    make: Make, telling: Simulator, quick: RunSettings
) -> None:
    wrong = quick.with_overrides(
        RunSettings(webhooks=WebhookSettings(callback_url="https://elsewhere.example/webhook"))
    )
    prompts = [f"dog {number}" for number in range(5)]
    refused = await make(prompts, credentials=at(telling), settings=wrong, on_failure="tolerate")
    assert not telling.ledger.paid
    assert not refused.stored
    assert any("Configure the webhook for this key" in (row.error or "") for row in refused.rows)
    right = quick.with_overrides(RunSettings(webhooks=WebhookSettings(callback_url=SET_UP)))
    manifest = await make(prompts, credentials=at(telling), settings=right)
    assert len(manifest.stored) == len(telling.ledger.paid) == 5
