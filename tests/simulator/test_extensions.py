"""Grok's extensions and remixes, and generations that take long on purpose."""

from typing import Any

import httpx
import pytest
from tests.provider_clock import ProviderClock

from prefect_toapis.simulator import Drop, SimulatedPrice, Simulator, SimulatorSettings

GENERATIONS = "/v1/videos/generations"
GROK = {"model": "grok-video-1.0", "prompt": "A dog runs", "resolution": "480p"}
NEXT = {"model": "grok-video-1.0", "prompt": "It jumps into a lake"}


@pytest.fixture
def grok(swift_api: httpx.Client) -> str:
    """The task id of a finished video of Grok's."""
    task_id: str = swift_api.post(GENERATIONS, json=GROK).json()["id"]
    return task_id


def test_an_extension_is_answered_like_a_submission_and_paid(
    swift: Simulator, swift_api: httpx.Client, grok: str
) -> None:
    body = NEXT | {"size": "16:9", "client_business_id": "next-1"}
    reply = swift_api.post(f"/v1/videos/{grok}/extend", json=body)
    assert reply.status_code == 200
    _, extension = swift.ledger.paid
    assert (extension.kind, extension.extend_of, extension.remix_of) == ("extend", grok, None)
    assert (extension.task_id, extension.credits) == (reply.json()["id"], 20)
    shown = swift_api.get(f"{GENERATIONS}/next-1").json()
    assert (shown["id"], shown["status"]) == (extension.task_id, "completed")
    assert httpx.head(shown["result"]["data"][0]["url"]).status_code == 200


@pytest.mark.parametrize(
    ("path", "change", "named"),
    [
        ("extend", {"model": "sora-2"}, "model"),
        ("extend", {"prompt": " "}, "prompt"),
        ("extend", {"duration": 5}, "duration"),
        ("extend", {"aspect_ratio": "16:9"}, "aspect_ratio"),
        ("extend", {"size": 16}, "size"),
        ("remix", {"aspect_ratio": "1:1"}, "aspect_ratio"),
        ("remix", {"duration": 5}, "duration"),
    ],
    ids=str,
)
def test_names_the_parameter_that_is_wrong(
    swift: Simulator,
    swift_api: httpx.Client,
    grok: str,
    path: str,
    change: dict[str, Any],
    named: str,
) -> None:
    reply = swift_api.post(f"/v1/videos/{grok}/{path}", json=NEXT | change)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (400, "invalid_request")
    assert error["message"].startswith(f"{named}: ")
    assert len(swift.ledger.paid) == 1


def test_a_video_of_grok_is_remixed_with_size_or_ratio(swift_api: httpx.Client, grok: str) -> None:
    for change in ({}, {"aspect_ratio": "9:16"}, {"size": "9:16"}):
        reply = swift_api.post(f"/v1/videos/{grok}/remix", json=NEXT | change)
        size = "180x320" if change else "320x180"
        assert (reply.status_code, reply.json()["metadata"]) == (200, {"size": size})


@pytest.mark.parametrize(
    ("model", "duration", "status"),
    [
        ("sora-2", 10, 200),
        ("sora-2", 15, 200),
        ("sora-2", 25, 400),
        ("sora-2-pro", 15, 200),
        ("sora-2-pro", 25, 200),
        ("sora-2-pro", 10, 400),
        ("sora-2-vip", 7, 200),
    ],
)
def test_remixes_of_sora_have_their_durations(
    swift_api: httpx.Client, grok: str, model: str, duration: int, status: int
) -> None:
    body = {"model": model, "prompt": "At night", "duration": duration}
    assert swift_api.post(f"/v1/videos/{grok}/remix", json=body).status_code == status


def test_does_not_extend_what_is_no_task(swift_api: httpx.Client) -> None:
    reply = swift_api.post("/v1/videos/video_none/extend", json=NEXT)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "task_not_found")


def test_faults_of_extensions_leave_new_videos_alone(
    swift: Simulator, swift_api: httpx.Client
) -> None:
    swift.faults.add(Drop(operation="extend", when="after"))
    task_id = swift_api.post(GENERATIONS, json=GROK).json()["id"]
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        swift_api.post(f"/v1/videos/{task_id}/extend", json=NEXT)
    assert [one.kind for one in swift.ledger.paid] == ["video", "extend"]


@pytest.mark.parametrize(
    "settings",
    [
        SimulatorSettings(
            account_group=None,
            render_seconds=0,
            prices=(SimulatedPrice(model="grok-*", credits=3),),
        )
    ],
)
def test_an_extension_has_the_price_of_its_model(
    swift: Simulator, swift_api: httpx.Client, grok: str
) -> None:
    swift_api.post(f"/v1/videos/{grok}/extend", json=NEXT)
    assert swift.ledger.credits_spent == 6


def test_off_peak_takes_hours(
    simulator: Simulator, api: httpx.Client, clock: ProviderClock
) -> None:
    body = {"model": "viduq3-pro", "prompt": "A dog", "metadata": {"off_peak": True}}
    task_id = api.post(GENERATIONS, json=body).json()["id"]
    states = []
    for hours in (0, 3.9, 48):
        clock.skip(hours * 3600)
        states.append(api.get(f"{GENERATIONS}/{task_id}").json()["status"])
    assert states[0] == "queued"
    assert states[1] in {"queued", "in_progress"}
    assert states[2] == "completed"
    assert len(simulator.ledger.paid) == 1
