"""Balance and models."""

from typing import Any

import httpx
import pytest

from prefect_toapis.simulator import Replace, Simulator, SimulatorSettings
from prefect_toapis.simulator.documented_models import DOCUMENTED

GENERATIONS = "/v1/videos/generations"
BALANCES = ["/v1/balance", "/v1/user/balance"]


@pytest.mark.parametrize("path", BALANCES)
@pytest.mark.parametrize(
    "settings", [SimulatorSettings(balance_credits=100, price_credits=30, render_seconds=0)]
)
def test_the_balance_is_what_is_left_and_used(swift_api: httpx.Client, path: str) -> None:
    for prompt in ("A dog", "fail me"):
        assert swift_api.post(GENERATIONS, json={"prompt": prompt}).status_code == 200
    reply = swift_api.get(path)
    assert reply.status_code == 200
    assert reply.json() == {
        "success": True,
        "remain_balance": 0.35,
        "used_balance": 0.15,
        "remain_credits": 70,
        "used_credits": 30,
        "credits_per_usd": 200,
        "unlimited_quota": False,
    }


@pytest.mark.parametrize("path", BALANCES)
def test_an_unlimited_balance_is_minus_one(swift_api: httpx.Client, path: str) -> None:
    swift_api.post(GENERATIONS, json={"prompt": "A dog"})
    shown = swift_api.get(path).json()
    assert (shown["remain_balance"], shown["unlimited_quota"]) == (-1, True)
    assert (shown["used_balance"], shown["used_credits"]) == (0.1, 20)


@pytest.mark.parametrize("path", BALANCES)
def test_an_unknown_key_has_no_balance_and_is_told_so_with_200(swift: Simulator, path: str) -> None:
    reply = httpx.get(swift.url + path, headers={"Authorization": "Bearer wrong"})
    assert (reply.status_code, reply.json()["success"]) == (200, False)
    assert set(reply.json()) == {"success", "message"}
    assert swift.ledger.unauthorized == 1


def _models(api: httpx.Client, **params: str) -> list[str]:
    shown = api.get("/v1/models", params=params).json()
    assert (shown["success"], shown["object"]) == (True, "list")
    return [model["id"] for model in shown["data"]]


def test_the_video_models_are_the_documented_ones(swift_api: httpx.Client) -> None:
    names = _models(swift_api, type="video")
    assert {"sora-2", "sora-2-vip", "veo3.1-fast", "Veo3.1-lite-official", "kling-v3"} <= {*names}
    assert names == list(DOCUMENTED)


def test_a_listed_model_is_shown_as_documented(swift_api: httpx.Client) -> None:
    for model in swift_api.get("/v1/models", params={"type": "all"}).json()["data"]:
        assert set(model) == {"id", "object", "created", "owned_by", "supported_endpoint_types"}
        assert model["object"] == "model"


def test_without_a_type_text_models_alone_are_listed(swift_api: httpx.Client) -> None:
    text = _models(swift_api)
    assert text
    assert not {*text} & {*DOCUMENTED}
    assert text == _models(swift_api, type="text") == _models(swift_api, type="chat")
    assert _models(swift_api, type="all") == [*text, *DOCUMENTED]
    assert _models(swift_api, type="image") == []


@pytest.mark.parametrize(
    ("settings", "listed"),
    [
        (SimulatorSettings(offered_models=("wan-9", "sora-2")), ["wan-9", "sora-2"]),
        (SimulatorSettings(offered_models=()), []),
    ],
    ids=["narrowed", "empty"],
)
def test_the_list_can_be_chosen(swift_api: httpx.Client, listed: list[str]) -> None:
    assert _models(swift_api, type="video") == listed
    body = {"model": "kling-v3", "prompt": "A dog"}
    assert swift_api.post(GENERATIONS, json=body).status_code == 200, "it is only a list"


@pytest.mark.parametrize(
    "settings", [SimulatorSettings(offered_models=("wan-9", "sora-2"), only_offered=True)]
)
@pytest.mark.parametrize(
    ("model", "status"), [("wan-9", 200), ("sora-2", 200), ("kling-v3", 400), ("veo-9", 400)]
)
def test_it_may_refuse_what_it_does_not_offer(
    swift_api: httpx.Client, model: str, status: int
) -> None:
    reply = swift_api.post(GENERATIONS, json={"model": model, "prompt": "A dog"})
    assert reply.status_code == status


def test_an_unknown_key_sees_no_models(swift: Simulator) -> None:
    assert httpx.get(swift.url + "/v1/models").status_code == 401


@pytest.mark.parametrize(
    ("operation", "path"), [("balance", "/v1/balance"), ("models", "/v1/models")]
)
def test_faults_meet_them(
    swift: Simulator, swift_api: httpx.Client, operation: Any, path: str
) -> None:
    swift.faults.add(Replace(operation=operation, status=503))
    assert swift_api.get(path).status_code == 503
    assert swift_api.get(path).status_code == 200


@pytest.mark.parametrize("settings", [SimulatorSettings()])
@pytest.mark.parametrize("path", [*BALANCES, "/v1/models"])
def test_count_as_queries(swift_api: httpx.Client, path: str) -> None:
    reply = swift_api.get(path)
    assert reply.headers["X-RateLimit-Category"] == "async_query"
    assert reply.headers["X-RateLimit-Remaining"] == "499"


def test_a_balance_asked_too_often_is_refused_like_anything_else() -> None:
    with Simulator(clock=lambda: 1_768_380_000.0) as simulator:
        headers = {"Authorization": f"Bearer {simulator.api_key}"}
        with httpx.Client(base_url=simulator.url, headers=headers) as api:
            replies = [api.get("/v1/balance") for _ in range(501)]
    assert [reply.status_code for reply in replies] == [200] * 500 + [429]
    assert replies[-1].json()["error"]["code"] == "rate_limit_exceeded"
