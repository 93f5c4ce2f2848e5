"""A mixed batch costs what its plan says, by the provider's own count."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from tests.simulator.test_prices_of_both import OURS, PICTURE, THEIRS

from prefect_toapis import PurchaseSettings, RunSettings, Scene, ToAPIsCredentials, Variant
from prefect_toapis.simulator import Simulator, SimulatorSettings

Make = Callable[..., Awaitable[Any]]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A provider that charges by a table of mode, sound, resolution, seconds and number."""
    settings = SimulatorSettings(account_group=None, render_seconds=0.1, prices=tuple(THEIRS))
    with Simulator(settings) as running:
        yield running


async def test_the_plan_the_manifest_and_the_ledger_agree(
    make: Make, simulator: Simulator, credentials: ToAPIsCredentials, quick: RunSettings
) -> None:
    priced = quick.with_overrides(RunSettings(purchases=PurchaseSettings(prices=OURS)))
    variants = [
        Variant(name="a", model="kling-v3", mode="pro", audio=True, duration=3),
        Variant(name="b", model="kling-v3", duration=5),
        Variant(name="c", model="doubao-seedance-1-5-pro", resolution="1080p", duration=4),
        Variant(name="d", model="happyhorse-1.1", watermark=False, duration=3),
        Variant(name="e", model="wan2.6-flash"),
    ]
    scene = Scene(name="dog", prompt="A dog", image_urls=[PICTURE])
    kling = [variant for variant in variants if variant.model != "kling-v3"]
    told = {"variants": kling, "settings": priced}
    plan = await make([scene], dry_run=True, **told)
    assert "for 69 credits" in plan.plan
    manifest = await make([scene], budget_credits=69, **told)
    text = await make(["A cat"], batch="text", variants=variants[:2], settings=priced)
    rows = [*manifest.rows, *text.rows]
    assert [row.credits for row in rows] == [30, 9, 30, 27, 20]
    assert simulator.ledger.credits_spent == sum(row.credits for row in rows)
