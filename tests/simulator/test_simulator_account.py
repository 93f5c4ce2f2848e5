"""Balance and models."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from prefect_toapis.simulator import Replace, Simulator, SimulatorSettings

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


def test_the_models_are_those_of_the_catalogue_and_more(swift_api: httpx.Client) -> None:
    shown = swift_api.get("/v1/models", params={"type": "video"}).json()
    models = shown.pop("data")
    assert shown == {"success": True, "object": "list"}
    names = [model["id"] for model in models]
    assert {"sora-2", "sora-2-pro", "sora-2-vip", "veo3.1-fast", "kling-v2"} <= set(names)
    assert len(names) == len(set(names))
    assert not any("*" in name for name in names), "families aren't models"
    for model in models:
        assert set(model) == {"id", "object", "owned_by", "supported_endpoint_types"}
        assert model["object"] == "model"


OWN = """
models:
  wan-9: {fields: {prompt: {}, duration: {choices: [5]}}}
  mini-*: {fields: {prompt: {}, aspect_ratio: {choices: ["1:1"]}}, defaults: {aspect_ratio: "1:1"}}
"""


@pytest.fixture
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue of one's own, before the simulator starts."""
    path = tmp_path / "models.yaml"
    path.write_text(OWN, encoding="utf-8")
    monkeypatch.setenv("TOAPIS_CATALOGUE", str(path))


@pytest.mark.usefixtures("own_models")
def test_it_knows_the_models_of_one_s_own_catalogue() -> None:
    with Simulator(SimulatorSettings(render_seconds=0)) as simulator:
        headers = {"Authorization": f"Bearer {simulator.api_key}"}
        with httpx.Client(base_url=simulator.url, headers=headers) as api:
            names = [model["id"] for model in api.get("/v1/models").json()["data"]]
            replies = [
                api.post(GENERATIONS, json={"prompt": "A dog", **fields})
                for fields in (
                    {"model": "wan-9", "duration": 5},
                    {"model": "wan-9", "duration": 6},
                    {"model": "mini-3"},
                    {"model": "mini-3", "aspect_ratio": "16:9"},
                )
            ]
    assert "wan-9" in names
    assert "mini-*" not in names
    assert [reply.status_code for reply in replies] == [200, 400, 200, 400]
    assert replies[2].json()["metadata"] == {"size": "180x180"}, "a family has its defaults"


def test_there_are_no_models_of_another_type(swift_api: httpx.Client) -> None:
    assert swift_api.get("/v1/models", params={"type": "image"}).json()["data"] == []
    assert swift_api.get("/v1/models").json()["data"]


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
