"""Bad weather on demand, the same for the same seed."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.simulator import Simulator, SimulatorSettings, Untidy, Weather
from prefect_toapis.simulator.faults import Facts, Replace

REQUESTS = [
    Facts("submit", business_id="pt-1"),
    Facts("status", business_id="pt-1", task_id="video_1"),
    Facts("media"),
] * 40


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_the_same_seed_is_the_same_weather(share: float) -> None:
    one, other, third = Weather(3, share), Weather(3, share), Weather(4, share)
    drawn = [one.draw(facts) for facts in REQUESTS]
    assert drawn == [other.draw(facts) for facts in REQUESTS]
    assert sum(map(len, drawn)) == one.met.total()
    assert (drawn == [third.draw(facts) for facts in REQUESTS]) is (share == 0)
    assert one.met.total() in {0.0: range(1), 0.2: range(10, 40), 1.0: range(120, 121)}[share]


def test_each_kind_of_request_has_weather_of_its_own() -> None:
    alone, among = Weather(7), Weather(7)
    media = [facts for facts in REQUESTS if facts.operation == "media"]
    drawn = [among.draw(facts) for facts in REQUESTS]
    assert [alone.draw(facts) for facts in media] == drawn[2::3]


def test_what_nobody_knows_is_never_said_to_be_a_generation() -> None:
    nobody = Facts("status", business_id="pt-1", task_id="pt-1")
    drawn = [fault for _ in range(200) for fault in Weather(1, 1.0).draw(nobody)]
    assert drawn
    assert not any(isinstance(one, Replace) and '"pt-1"' in one.body for one in drawn)


def test_an_untidy_reply_has_the_id_to_ask_for_beside_another(simulator: Simulator) -> None:
    simulator.faults.add(Untidy())
    headers = {"Authorization": f"Bearer {simulator.api_key}"}
    url = f"{simulator.url}/v1/videos/generations"
    post: Callable[..., Any] = httpx.post
    shown = post(url, headers=headers, json={"model": "sora-2", "prompt": "A dog"}).json()
    [paid] = simulator.ledger.paid
    assert shown["task_id"] == paid.task_id != shown["id"]
    assert (shown["status"], shown["object"]) == ("", "video")


async def test_an_untidy_reply_names_the_task_in_every_dialect() -> None:
    settings = SimulatorSettings(account_group=None, render_seconds=0, dialect="random", seed=0)
    with Simulator(settings) as simulator:
        simulator.faults.add(Untidy(times=None))
        async with ToAPIsClient(SecretStr(simulator.api_key), simulator.url) as client:
            for number in range(60):
                accepted = await client.submit(VideoRequest(prompt=f"scene {number}"))
                assert accepted.task_id == simulator.ledger.paid[-1].task_id
