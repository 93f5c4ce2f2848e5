"""What a batch may cost: told before, and kept to."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import SecretStr

from prefect_toapis import Character, Price, PurchaseSettings, RunSettings, ToAPIsCredentials
from prefect_toapis.errors import InvalidBatch
from prefect_toapis.simulator import Simulator, SimulatorSettings

Make = Callable[..., Awaitable[Any]]

PRICES = [Price(model="sora-2-vip", credits=40), Price(model="sora-2", credits=9)]


def priced(settings: RunSettings, min_remaining_credits: float | None = None) -> RunSettings:
    purchases = PurchaseSettings(prices=PRICES, min_remaining_credits=min_remaining_credits)
    return settings.with_overrides(RunSettings(purchases=purchases))


async def test_a_budget_counts_what_earlier_runs_bought(
    make: Make, quick: RunSettings, simulator: Simulator
) -> None:
    told: dict[str, Any] = {"settings": priced(quick), "budget_credits": 100}
    first = await make(["a dog", "a cat"], **told)
    assert first.plan == "2 shots: 0 stored, 2 to buy; for 80 credits ($0.40)"
    with pytest.raises(InvalidBatch) as raised:
        await make(["a dog", "a cow"], **told)
    (fault,) = raised.value.faults
    assert fault.startswith(
        "budget_credits=100: 80 credits were spent before and this run would spend 40, 120 in total"
    )
    assert len(simulator.ledger.submissions) == 2
    again = await make(["a dog", "a cat"], **told | {"budget_credits": 1})
    assert again.shots("stored") == 2  # what buys nothing needs no budget


async def test_a_dry_run_tells_the_cost_characters_included(
    make: Make, quick: RunSettings, simulator: Simulator
) -> None:
    clip = Character(name="Duke", url="https://media.example/duke.mp4", timestamps="1,3")
    told: dict[str, Any] = {"characters": [clip], "dry_run": True}
    manifest = await make(["{character} runs"], settings=priced(quick), **told)
    assert manifest.plan == (
        "1 shot: 0 stored, 1 to buy; 1 character to make; for at least 40 credits ($0.20)"
    )
    with pytest.raises(InvalidBatch, match="has no character_credits for it"):
        await make(["{character} runs"], settings=priced(quick), budget_credits=500, **told)
    assert simulator.ledger.submissions == []


async def test_a_model_without_a_price_is_a_fault_under_a_budget(
    make: Make, simulator: Simulator
) -> None:
    with pytest.raises(InvalidBatch, match=r"sora-2-vip: .* has no price"):
        await make(["a dog"], budget_credits=100)
    assert simulator.ledger.submissions == []


async def test_the_account_keeps_what_it_is_to_keep(make: Make, quick: RunSettings) -> None:
    settings = SimulatorSettings(account_group=None, render_seconds=0.2, balance_credits=60)
    with Simulator(settings) as poor:
        key = SecretStr(poor.api_key)
        told = {"credentials": ToAPIsCredentials(api_key=key, base_url=poor.url)}
        too_much = r"min_remaining_credits=30: the account has 60 credits, .* spend 40 and leave 20"
        with pytest.raises(InvalidBatch, match=too_much):
            await make(["a dog"], settings=priced(quick, 30), **told)
        assert poor.ledger.submissions == []
        manifest = await make(["a dog"], settings=priced(quick, 20), **told)
        assert manifest.shots("stored") == len(poor.ledger.paid) == 1


async def test_a_key_that_the_api_does_not_know_is_one_fault_in_a_dry_run_too(
    make: Make, credentials: ToAPIsCredentials, simulator: Simulator
) -> None:
    wrong = credentials.model_copy(update={"api_key": SecretStr("wrong-key")})
    with pytest.raises(InvalidBatch) as raised:
        await make(["a dog", "a cat"], credentials=wrong, dry_run=True)
    (fault,) = raised.value.faults
    assert fault.startswith("credentials: ")
    assert "wrong-key" not in fault
    assert simulator.ledger.submissions == []
