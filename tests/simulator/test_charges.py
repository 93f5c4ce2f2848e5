"""What the simulator charges, by what was ordered."""

from typing import Any

import httpx
import pytest

from prefect_toapis.simulator import SimulatedPrice, Simulator, SimulatorSettings

GENERATIONS = "/v1/videos/generations"
CLIP = "https://files.example/a.mp4"
PRICES = (
    SimulatedPrice(model="kling-*", credits=4, per="second"),
    SimulatedPrice(model="kling-*", when={"mode": "pro"}, credits=6, per="second"),
    SimulatedPrice(model="kling-*", when={"mode": "pro", "audio": True}, credits=9, per="second"),
    SimulatedPrice(model="kling-v3-omni", when={"input": "video"}, credits=70),
    SimulatedPrice(model="wan2.6-flash", when={"resolution": "720P", "audio": True}, credits=8),
    SimulatedPrice(model="wan2.6-flash", when={"audio": False}, credits=5),
    SimulatedPrice(model="seedance-2*", when={"resolution": ["1080p", "4k"]}, credits=60),
    SimulatedPrice(model="seedance-2*", credits=3, per="second"),
    SimulatedPrice(model="doubao-*", when={"resolution": "1080p"}, credits=12),
    SimulatedPrice(model="sora-2", credits=40),
    SimulatedPrice(model="sora-*", when={"duration": 15}, credits=7),
)
PRICED = SimulatorSettings(account_group=None, render_seconds=0, prices=PRICES)


@pytest.mark.parametrize("settings", [PRICED])
@pytest.mark.parametrize(
    ("body", "price"),
    [
        ({"model": "kling-v3", "duration": 10}, 40),
        ({"model": "kling-v3"}, 20),
        ({"model": "kling-v3", "mode": "pro"}, 30),
        ({"model": "kling-v3", "mode": "pro", "audio": True, "duration": 3}, 27),
        ({"model": "kling-v3-omni", "video_list": [{"video_url": CLIP}]}, 70),
        ({"model": "kling-v3-omni", "mode": "pro"}, 30),
        ({"model": "wan2.6-flash", "metadata": {"reference_urls": [CLIP]}}, 20),
        ({"model": "wan2.6-flash", "resolution": "720p", "image_urls": [CLIP]}, 8),
        ({"model": "wan2.6-flash", "audio": False, "image_urls": [CLIP]}, 5),
        ({"model": "seedance-2", "resolution": "4k"}, 60),
        ({"model": "seedance-2", "duration": -1}, 15),
        ({"model": "doubao-seedance-1-5-pro", "metadata": {"resolution": "1080p"}}, 12),
        ({"model": "sora-2", "metadata": {"n": 3}}, 120),
        ({"model": "sora-2", "duration": 15}, 40),
        ({"model": "sora-2-pro"}, 7),
        ({"model": "unheard-of"}, 20),
    ],
    ids=str,
)
def test_the_closest_price_is_charged(
    swift: Simulator, swift_api: httpx.Client, body: dict[str, Any], price: float
) -> None:
    assert swift_api.post(GENERATIONS, json={"prompt": "A dog", **body}).status_code == 200
    (submission,) = swift.ledger.paid
    assert submission.credits == swift.ledger.credits_spent == price


@pytest.mark.parametrize(
    "settings",
    [PRICED.model_copy(update={"balance_credits": 50})],
)
def test_the_balance_pays_and_failures_are_refunded(
    swift: Simulator, swift_api: httpx.Client
) -> None:
    kling = {"model": "kling-v3", "duration": 10}
    statuses = [
        swift_api.post(GENERATIONS, json={**kling, "prompt": prompt}).status_code
        for prompt in ("fail me", "A dog", "A cat")
    ]
    assert statuses == [200, 200, 402]
    assert swift.ledger.credits_spent == 40
    assert swift_api.get("/v1/balance").json()["remain_credits"] == 10


@pytest.mark.parametrize(
    "settings",
    [
        SimulatorSettings(
            account_group=None, render_seconds=0, prices=lambda body: 2 * body["duration"]
        )
    ],
    ids=["function"],
)
def test_a_function_may_price_the_body(swift: Simulator, swift_api: httpx.Client) -> None:
    body = {"model": "kling-v3", "prompt": "A dog", "duration": 7}
    swift_api.post(GENERATIONS, json=body)
    assert swift.ledger.credits_spent == 14


def test_prices_may_be_plain_dictionaries() -> None:
    table = [{"model": "kling-*", "when": {"mode": "pro"}, "credits": 6, "per": "second"}]
    settings = SimulatorSettings.model_validate({"prices": table})
    assert settings.prices == (PRICES[1],)
