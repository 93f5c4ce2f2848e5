"""What a plan says a mixed batch costs is what the simulated provider charges for it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.request_rules import check
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.planning.pricing import Price, cost_of, price_of
from prefect_toapis.simulator import SimulatedPrice
from prefect_toapis.simulator.charges import charge
from prefect_toapis.simulator.submissions import read_video

CATALOGUE = Catalogue.shipped()
CLIP = "https://files.example/a.mp4"
PICTURE = "https://files.example/a.png"
TABLE: list[dict[str, Any]] = [
    {"model": "kling-*", "credits": 4, "per": "second"},
    {"model": "kling-*", "when": {"mode": "pro"}, "credits": 6, "per": "second"},
    {"model": "kling-*", "when": {"mode": "pro", "audio": True}, "credits": 9, "per": "second"},
    {"model": "kling-v3-omni", "credits": 5, "per": "second"},
    {"model": "kling-v3-omni", "when": {"input": "video"}, "credits": 70},
    {"model": "wan2.6-flash", "when": {"audio": False}, "credits": 3, "per": "second"},
    {"model": "wan2.6-flash", "when": {"audio": True}, "credits": 6, "per": "second"},
    {"model": "doubao-*", "when": {"resolution": ["480p", "720P"]}, "credits": 12},
    {"model": "doubao-*", "when": {"resolution": "1080p"}, "credits": 30},
    {"model": "sora-2*", "credits": 40},
    {"model": "sora-2*", "when": {"duration": 15}, "credits": 55.5},
    {"model": "happyhorse-1.1", "when": {"watermark": True}, "credits": 2, "per": "second"},
    {"model": "happyhorse-1.1", "when": {"watermark": False}, "credits": 3, "per": "second"},
]
OURS = [Price.model_validate(price) for price in TABLE]
THEIRS = [SimulatedPrice.model_validate(price) for price in TABLE]


def choice(**fields: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Fields with one of their values each, or without it."""
    return st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(values) for name, values in fields.items()}
    )


def of(model: str, always: dict[str, Any] | None = None, **fields: list[Any]) -> Any:
    """Orders of a model."""
    return choice(**fields).map(lambda given: {"model": model, **(always or {}), **given})


ORDERS = st.one_of(
    of("kling-v3", mode=["std", "pro"], audio=[True, False], duration=[3, 5, 15]),
    of("kling-v3-omni", mode=["std", "pro"], duration=[3, 10], video_list=[[{"video_url": CLIP}]]),
    of("wan2.6-flash", {"image_urls": [PICTURE]}, audio=[True, False], duration=[5, 15]),
    of("doubao-seedance-1-5-pro", resolution=["480p", "720p", "1080p"], duration=[4, 12]),
    of("sora-2", duration=[10, 15], n=[1, 2, 4], watermark=[False, True]),
    of("happyhorse-1.1", duration=[3, 15], watermark=[True, False]),
)


@given(st.lists(ORDERS, max_size=8))
def test_a_mixed_batch_costs_what_is_charged(orders: list[dict[str, Any]]) -> None:
    requests = [VideoRequest(prompt="A dog", **order) for order in orders]
    assert [fault for request in requests for fault in check(request, CATALOGUE)] == []
    planned = cost_of([], [price_of(request, OURS, CATALOGUE) for request in requests])
    charged = [charge(read_video(request.body()), THEIRS) for request in requests]
    assert planned.unpriced == ()
    assert planned.to_pay == pytest.approx(sum(amount or 0 for amount in charged))
    assert None not in charged
