"""What a batch cost, in its manifest and in its run's words, against the provider's ledger."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from prefect_toapis import Character, Price, PurchaseSettings, RunSettings, Variant, VideoBucket
from prefect_toapis.errors import InvalidBatch
from prefect_toapis.simulator import Simulator

Make = Callable[..., Awaitable[Any]]

PRICES = [
    Price(model="sora-2", credits=40, character_credits=5),
    Price(model="sora-2-vip", credits=6, per="second"),
    Price(model="sora-2-vip", credits=9, per="second", when={"private": True}),
]
VARIANTS = [
    Variant(name="plain", model="sora-2-vip", duration=2),
    Variant(name="twice", model="sora-2-vip", duration=1, n=2),
    Variant(name="private", model="sora-2-vip", duration=1, private=True),
]


def priced(settings: RunSettings, prices: list[Price]) -> RunSettings:
    return settings.with_overrides(RunSettings(purchases=PurchaseSettings(prices=prices)))


def paid(simulator: Simulator) -> float:
    """What the ledger's generations cost, by hand."""
    total = 0.0
    for submission in simulator.ledger.paid:
        inside = submission.body.get("metadata", {})
        each = 9.0 if inside.get("private") else 6.0
        if not submission.refunded:
            total += each * submission.body["duration"] * inside.get("n", 1)
    return total


async def test_rows_cost_what_their_generations_do(
    make: Make,
    quick: RunSettings,
    simulator: Simulator,
    bucket: VideoBucket,
    log: pytest.LogCaptureFixture,
) -> None:
    told: dict[str, Any] = {"variants": VARIANTS, "settings": priced(quick, PRICES)}
    manifest = await make(["a dog"], **told)
    assert [row.credits for row in manifest.rows] == [12, 6, 6, 9]
    assert manifest.plan.endswith("for 33 credits ($0.17)")
    assert sum(row.credits for row in manifest.rows) == paid(simulator) == 33
    assert "3 of 3 shots stored; spent about 33 credits ($0.17); see " in log.text
    assert bucket.load_manifest("b").rows == manifest.rows

    more = await make(["a dog", "a cat"], **told)
    assert more.spent == "spent about 33 credits ($0.17)"  # those of the cat
    assert sum(row.credits for row in more.rows) == paid(simulator) == 66
    again = await make(["a dog", "a cat"], **told)
    assert (again.spent, len(simulator.ledger.paid)) == ("", 6)


async def test_what_decides_a_price_is_what_was_sent_or_its_default(
    make: Make, quick: RunSettings, simulator: Simulator
) -> None:
    each = {(False, "std"): 3, (True, "std"): 4, (False, "pro"): 5, (True, "pro"): 7}
    prices = [
        Price(model="Kling-V3", credits=credit, per="second", when={"audio": audio, "mode": mode})
        for (audio, mode), credit in each.items()
    ]
    fields: list[dict[str, Any]] = [
        {},
        {"mode": "pro"},
        {"mode": "pro", "audio": True},
        {"duration": 10, "audio": False},
    ]
    variants = [
        Variant.model_validate({"name": f"v{number}", "model": "kling-v3", **given})
        for number, given in enumerate(fields)
    ]
    manifest = await make(["a dog"], variants=variants, settings=priced(quick, prices))
    assert [row.credits for row in manifest.rows] == [15, 25, 35, 30]
    bodies = [submission.body for submission in simulator.ledger.paid]
    charged = sum(
        each[body.get("audio", False), body.get("mode", "std")] * body.get("duration", 5)
        for body in bodies
    )
    assert charged == 105
    assert manifest.spent.startswith("spent about 105 credits ")


async def test_what_has_no_price_is_unknown_and_without_prices_nothing_is_said(
    make: Make, quick: RunSettings, simulator: Simulator
) -> None:
    manifest = await make(["a dog"], variants=VARIANTS)
    assert (manifest.spent, {row.credits for row in manifest.rows}) == ("", {None})
    cow = await make(["a cow"], variants=VARIANTS, settings=priced(quick, PRICES[2:]))
    assert cow.spent == "spent at least 9 credits ($0.04)"
    assert {row.variant: row.credits for row in cow.rows} == {
        "plain": None,
        "twice": None,
        "private": 9,
    }
    assert len(simulator.ledger.paid) == 6


async def test_a_shot_that_failed_cost_nothing(
    make: Make, quick: RunSettings, simulator: Simulator
) -> None:
    settings = priced(quick, PRICES)
    told: dict[str, Any] = {"variants": VARIANTS[:1], "on_failure": "tolerate"}
    manifest = await make(["a dog", "fail me"], settings=settings, **told)
    assert [(row.status, row.credits) for row in manifest.rows] == [
        ("stored", 12),
        ("failed", None),
    ]
    assert manifest.spent == "spent about 12 credits ($0.06)"
    assert paid(simulator) == 12


async def test_characters_count_in_the_run_that_makes_them(
    make: Make, quick: RunSettings, simulator: Simulator
) -> None:
    clip = Character(name="Duke", url="https://media.example/duke.mp4", timestamps="1,3")
    told: dict[str, Any] = {"characters": [clip], "settings": priced(quick, PRICES)}
    manifest = await make(["{character} runs"], variants=VARIANTS[:1], **told)
    assert manifest.plan.endswith("for 17 credits ($0.09)")
    assert manifest.spent == "spent about 17 credits ($0.09)"
    assert len(simulator.ledger.paid) == 2


async def test_prices_of_a_file_count_and_a_fault_in_it_stops_a_batch_before_it_pays(
    make: Make, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text("- {model: sora-2-vip, credits: -1}")
    monkeypatch.setenv("TOAPIS_PRICES", str(path))
    with pytest.raises(InvalidBatch, match=r"prices\.yaml: prices\[0\]\.credits: "):
        await make(["a dog"])
    assert simulator.ledger.submissions == []
    path.write_text("- {model: sora-2-vip, credits: 7}")
    with pytest.raises(InvalidBatch, match="this run would spend 7 credits"):
        await make(["a dog"], budget_credits=6)
    manifest = await make(["a dog"], budget_credits=7)
    assert (manifest.rows[0].credits, len(simulator.ledger.paid)) == (7, 1)
