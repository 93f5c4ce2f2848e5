"""Remixes: a finished video, made anew after another prompt."""

from typing import Any

import httpx
import pytest

from prefect_toapis.simulator import Drop, Simulator, SimulatorSettings

GENERATIONS = "/v1/videos/generations"
REMIX = {"model": "sora-2", "prompt": "The same dog, at night"}


def _video(api: httpx.Client, prompt: str = "A dog", **metadata: Any) -> str:
    body = {"prompt": prompt, "metadata": metadata, "client_business_id": "order-1"}
    task_id: str = api.post(GENERATIONS, json=body).json()["id"]
    return task_id


@pytest.fixture
def path(swift_api: httpx.Client) -> str:
    """Where a finished video is remixed."""
    return f"/v1/videos/{_video(swift_api)}/remix"


def test_is_answered_like_a_submission_and_paid(
    swift: Simulator, swift_api: httpx.Client, path: str
) -> None:
    reply = swift_api.post(path, json=REMIX)
    assert reply.status_code == 200
    video, remix = swift.ledger.paid
    assert (remix.kind, remix.remix_of) == ("remix", video.task_id)
    assert (remix.task_id, remix.credits, remix.body) == (reply.json()["id"], 20, REMIX)
    shown = swift_api.get(f"{GENERATIONS}/{remix.task_id}").json()
    assert (shown["status"], shown["result"]["type"]) == ("completed", "video")
    assert httpx.head(shown["result"]["data"][0]["url"]).status_code == 200


@pytest.mark.parametrize(
    ("change", "size"),
    [
        ({"aspect_ratio": "16:9"}, "320x180"),
        ({"aspect_ratio": "9:16"}, "180x320"),
        ({"aspect_ratio": "1:1"}, "180x180"),
        ({"model": "sora-2-pro", "duration": 25}, "320x180"),
        ({"model": "sora-2-vip"}, "320x180"),
    ],
    ids=str,
)
def test_takes_models_durations_and_ratios(
    swift_api: httpx.Client, path: str, change: dict[str, Any], size: str
) -> None:
    shown = swift_api.post(path, json=REMIX | change).json()
    assert shown["metadata"] == {"size": size}


def test_sora_2_official_takes_a_prompt_only(swift_api: httpx.Client, path: str) -> None:
    body = REMIX | {"model": "sora-2-official"}
    assert swift_api.post(path, json=body).status_code == 200
    assert swift_api.post(path, json=body | {"duration": 4}).status_code == 400


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"model": "sora-2"}, "prompt"),
        (REMIX | {"prompt": " "}, "prompt"),
        (REMIX | {"model": "kling-v2"}, "model"),
        (REMIX | {"model": 2}, "model"),
        (REMIX | {"duration": 12}, "duration"),
        (REMIX | {"duration": "10"}, "duration"),
        (REMIX | {"aspect_ratio": "4:3"}, "aspect_ratio"),
        (REMIX | {"thumbnail": True}, "thumbnail"),
        (REMIX | {"metadata": {"hd": True}}, "metadata.hd"),
    ],
    ids=str,
)
def test_names_the_parameter_that_is_wrong(
    swift: Simulator, swift_api: httpx.Client, path: str, body: dict[str, Any], named: str
) -> None:
    reply = swift_api.post(path, json=body)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (400, "invalid_request")
    assert error["message"].startswith(f"{named}: ")
    assert len(swift.ledger.paid) == 1


@pytest.mark.parametrize("wanted", ["video_none", "order-1"])
@pytest.mark.usefixtures("path")
def test_does_not_know_what_is_no_task_id(
    swift: Simulator, swift_api: httpx.Client, wanted: str
) -> None:
    reply = swift_api.post(f"/v1/videos/{wanted}/remix", json=REMIX)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "task_not_found")
    assert swift.ledger.submissions[-1].refusal == "task_not_found"


@pytest.mark.parametrize("settings", [SimulatorSettings(render_seconds=60)])
def test_refuses_a_video_that_is_not_finished(swift_api: httpx.Client, path: str) -> None:
    assert swift_api.post(path, json=REMIX).status_code == 400


def test_refuses_a_task_that_made_no_video(swift_api: httpx.Client) -> None:
    creation = {"timestamps": "1,3", "url": "https://clips.example/cat.mp4"}
    character = swift_api.post(GENERATIONS, json=creation).json()["id"]
    for task_id in (_video(swift_api, "fail me"), character):
        assert swift_api.post(f"/v1/videos/{task_id}/remix", json=REMIX).status_code == 400


def test_refuses_a_private_video(swift: Simulator, swift_api: httpx.Client) -> None:
    task_id = _video(swift_api, private=True)
    reply = swift_api.post(f"/v1/videos/{task_id}/remix", json=REMIX)
    assert reply.status_code == 400
    assert reply.json()["error"]["message"] == "Private videos can't be remixed"
    assert len(swift.ledger.paid) == 1


def test_a_remix_can_be_remixed(swift_api: httpx.Client, path: str) -> None:
    task_id = swift_api.post(path, json=REMIX).json()["id"]
    assert swift_api.post(f"/v1/videos/{task_id}/remix", json=REMIX).status_code == 200


def test_is_found_by_its_business_id(swift_api: httpx.Client, path: str) -> None:
    body = REMIX | {"client_business_id": "remix-1"}
    task_id = swift_api.post(path, json=body).json()["id"]
    assert swift_api.get(f"{GENERATIONS}/remix-1").json()["id"] == task_id


@pytest.mark.parametrize(("when", "paid"), [("before", 0), ("after", 1)])
def test_faults_of_remixes_leave_new_videos_alone(
    swift: Simulator, swift_api: httpx.Client, when: Any, paid: int
) -> None:
    swift.faults.add(Drop(operation="remix", when=when, business_id="remix-1"))
    path = f"/v1/videos/{_video(swift_api)}/remix"
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        swift_api.post(path, json=REMIX | {"client_business_id": "remix-1"})
    assert len(swift.ledger.paid) == 1 + paid
    assert swift_api.get(f"{GENERATIONS}/remix-1").status_code == (200 if paid else 404)


def test_refuses_whom_it_does_not_know(swift: Simulator, path: str) -> None:
    assert httpx.post(swift.url + path, json=REMIX).status_code == 401


@pytest.mark.parametrize("settings", [SimulatorSettings(render_seconds=0)])
def test_counts_as_a_submission(swift_api: httpx.Client, path: str) -> None:
    reply = swift_api.post(path, json=REMIX)
    assert reply.headers["X-RateLimit-Category"] == "async_submit"
