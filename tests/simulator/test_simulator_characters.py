"""Characters: made from a clip, from an earlier video, or along with a new one."""

import re
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.simulator import Drop, Hide, Replace, Simulator, SimulatorSettings
from prefect_toapis.simulator.characters import invent

GENERATIONS = "/v1/videos/generations"
CREATIONS = "/v1/characters_tasks"
CLIP = {"model": "sora-2", "timestamps": "1,3", "url": "https://clips.example/cat.mp4"}
UNLIMITED = {"account_group": None, "render_seconds": 0}


def _video(api: httpx.Client, **metadata: Any) -> str:
    body = {"prompt": "A dog", "metadata": metadata}
    task_id: str = api.post(GENERATIONS, json=body).json()["id"]
    return task_id


def test_is_accepted_like_a_video(swift: Simulator, swift_api: httpx.Client) -> None:
    reply = swift_api.post(GENERATIONS, json=CLIP)
    shown = reply.json()
    assert reply.status_code == 200
    assert (shown["object"], shown["model"]) == ("generation.task", "sora-2")
    (submission,) = swift.ledger.paid
    assert (submission.kind, submission.task_id) == ("character", shown["id"])


@pytest.mark.parametrize("path", [CREATIONS, GENERATIONS])
def test_both_queries_show_the_finished_character(swift_api: httpx.Client, path: str) -> None:
    task_id = swift_api.post(GENERATIONS, json=CLIP).json()["id"]
    shown = swift_api.get(f"{path}/{task_id}").json()
    assert set(shown) == {
        *("id", "object", "model", "status", "progress", "created_at", "completed_at"),
        *("metadata", "result"),
    }
    assert (shown["status"], shown["progress"], shown["metadata"]) == ("completed", 100, {})
    assert shown["result"]["type"] == "character"
    (character,) = shown["result"]["data"]["characters"]
    assert set(character) == {"id", "display_name", "profile_picture_url", "username"}


def test_its_picture_is_a_jpeg_that_needs_no_signature(
    swift: Simulator, swift_api: httpx.Client
) -> None:
    task_id = swift_api.post(GENERATIONS, json=CLIP).json()["id"]
    result = swift_api.get(f"{CREATIONS}/{task_id}").json()["result"]
    url = result["data"]["characters"][0]["profile_picture_url"]
    picture = httpx.get(url)
    assert url.startswith(swift.media_url)
    assert "?" not in url
    assert picture.headers["Content-Type"] == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8")
    assert httpx.get(url.replace("/ch_", "/ch_0")).status_code == 404


@pytest.mark.parametrize("settings", [SimulatorSettings(draw_prompts=True, **UNLIMITED)])
def test_its_picture_is_its_own_when_prompts_are_drawn(swift_api: httpx.Client) -> None:
    pictures = set()
    for _ in range(2):
        task_id = swift_api.post(GENERATIONS, json=CLIP).json()["id"]
        result = swift_api.get(f"{CREATIONS}/{task_id}").json()["result"]
        pictures.add(httpx.get(result["data"]["characters"][0]["profile_picture_url"]).content)
    assert len(pictures) == 2


@given(st.text(), st.text())
def test_a_username_is_told_by_its_seed_and_written_as_the_providers(one: str, other: str) -> None:
    first, second = (invent(seed, 64, captioned=False) for seed in (one, other))
    assert re.fullmatch(r"[a-z]{8}\.[a-z_]{1,10}", first.username)
    assert (first == second) == (one == other)


def test_the_nth_character_of_a_seed_has_the_same_name_in_each_simulator() -> None:
    def usernames(seed: int) -> list[str]:
        with Simulator(SimulatorSettings(seed=seed, **UNLIMITED)) as running:
            headers = {"Authorization": f"Bearer {running.api_key}"}
            with httpx.Client(base_url=running.url, headers=headers) as api:
                shown = [api.post(GENERATIONS, json=CLIP).json() for _ in range(2)]
        return [one["result"]["data"]["characters"][0]["username"] for one in shown]

    assert usernames(1) == usernames(1)
    assert len({*usernames(1), *usernames(2)}) == 4


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"url": CLIP["url"]}, "timestamps"),
        (CLIP | {"timestamps": "1"}, "timestamps"),
        (CLIP | {"timestamps": "3,1"}, "timestamps"),
        (CLIP | {"timestamps": "1,1.5"}, "timestamps"),
        (CLIP | {"timestamps": "1,4.5"}, "timestamps"),
        (CLIP | {"timestamps": [1, 3]}, "timestamps"),
        ({"timestamps": "1,3"}, "url"),
        (CLIP | {"from_task": "video_1"}, "url"),
        (CLIP | {"url": "ftp://clips.example/cat.mp4"}, "url"),
        (CLIP | {"url": "data:video/mp4;base64,AAAA"}, "url"),
        (CLIP | {"url": 7}, "url"),
        (CLIP | {"model": 7}, "model"),
        (CLIP | {"duration": 10}, "duration"),
        (CLIP | {"metadata": {"n": 2}}, "metadata.n"),
        (CLIP | {"metadata": 7}, "metadata"),
    ],
    ids=str,
)
def test_names_the_parameter_that_is_wrong(
    swift: Simulator, swift_api: httpx.Client, body: dict[str, Any], named: str
) -> None:
    reply = swift_api.post(GENERATIONS, json=body)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (400, "invalid_request")
    assert error["message"].startswith(f"{named}:")
    assert (swift.ledger.submissions[0].refusal, swift.ledger.paid) == ("invalid_request", [])


@pytest.mark.parametrize("timestamps", ["1,2", "0,3", "0.3,2.3", " 1 , 3 "])
def test_takes_one_to_three_seconds_of_the_clip(swift_api: httpx.Client, timestamps: str) -> None:
    reply = swift_api.post(GENERATIONS, json=CLIP | {"timestamps": timestamps})
    assert reply.status_code == 200


def test_is_made_from_a_finished_video(swift_api: httpx.Client) -> None:
    body = {"timestamps": "1,3", "from_task": _video(swift_api)}
    shown = swift_api.post(GENERATIONS, json=body).json()
    assert shown["model"] == "sora-2"
    assert swift_api.get(f"{CREATIONS}/{shown['id']}").json()["result"]["type"] == "character"


def test_refuses_an_earlier_task_that_is_unknown(swift_api: httpx.Client) -> None:
    reply = swift_api.post(GENERATIONS, json={"timestamps": "1,3", "from_task": "video_none"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "task_not_found")


def test_refuses_an_earlier_task_that_made_no_video(swift_api: httpx.Client) -> None:
    failed = swift_api.post(GENERATIONS, json={"prompt": "fail me"}).json()["id"]
    character = swift_api.post(GENERATIONS, json=CLIP).json()["id"]
    for task_id in (failed, character):
        reply = swift_api.post(GENERATIONS, json={"timestamps": "1,3", "from_task": task_id})
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("settings", [SimulatorSettings(render_seconds=60, account_group=None)])
def test_refuses_an_earlier_task_that_is_not_finished(swift_api: httpx.Client) -> None:
    body = {"timestamps": "1,3", "from_task": _video(swift_api)}
    assert swift_api.post(GENERATIONS, json=body).status_code == 400


@pytest.mark.parametrize(
    "settings",
    [SimulatorSettings(balance_credits=12, character_price_credits=5, **UNLIMITED)],
)
def test_costs_what_is_set_until_the_balance_is_used_up(
    swift: Simulator, swift_api: httpx.Client
) -> None:
    replies = [swift_api.post(GENERATIONS, json=CLIP) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, 402]
    assert swift.ledger.credits_spent == 10


@pytest.mark.parametrize(
    ("settings", "character", "video"),
    [
        (SimulatorSettings(render_seconds=60, character_render_seconds=0), "completed", "queued"),
        (SimulatorSettings(render_seconds=0, character_render_seconds=60), "queued", "completed"),
        (SimulatorSettings(render_seconds=60), "queued", "queued"),
    ],
)
def test_takes_as_long_as_is_set(swift_api: httpx.Client, character: str, video: str) -> None:
    assert swift_api.post(GENERATIONS, json=CLIP).json()["status"] == character
    assert swift_api.post(GENERATIONS, json={"prompt": "A dog"}).json()["status"] == video


def test_fails_and_is_refused_by_the_marker_in_its_source(
    swift: Simulator, swift_api: httpx.Client
) -> None:
    failing = CLIP | {"url": "https://clips.example/fail me.mp4"}
    shown = swift_api.post(GENERATIONS, json=failing).json()
    assert (shown["status"], shown["error"]["code"]) == ("failed", "generation_failed")
    assert len(swift.ledger.refunded) == 1
    refused = CLIP | {"url": "https://clips.example/refuse me.mp4"}
    assert swift_api.post(GENERATIONS, json=refused).status_code == 422


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        (SimulatorSettings(**UNLIMITED), 404),
        (SimulatorSettings(characters_have_business_ids=True, **UNLIMITED), 200),
    ],
)
def test_is_found_by_a_business_id_only_where_that_is_set(
    swift: Simulator, swift_api: httpx.Client, status: int
) -> None:
    swift_api.post(GENERATIONS, json=CLIP | {"client_business_id": "hero-1"})
    assert swift_api.get(f"{GENERATIONS}/hero-1").status_code == status
    assert swift.ledger.paid[0].business_id == "hero-1"


@pytest.mark.parametrize(
    "settings", [SimulatorSettings(characters_have_business_ids=True, **UNLIMITED)]
)
def test_its_own_query_knows_nothing_but_task_ids_of_characters(swift_api: httpx.Client) -> None:
    swift_api.post(GENERATIONS, json=CLIP | {"client_business_id": "hero-1"})
    for wanted in ("hero-1", _video(swift_api), "video_none"):
        reply = swift_api.get(f"{CREATIONS}/{wanted}")
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "task_not_found")


def test_queries_are_counted_at_both_places(swift: Simulator, swift_api: httpx.Client) -> None:
    task_id = swift_api.post(GENERATIONS, json=CLIP).json()["id"]
    swift_api.get(f"{CREATIONS}/{task_id}")
    swift_api.get(f"{GENERATIONS}/{task_id}")
    assert swift.ledger.queries == {task_id: 2}


@pytest.mark.parametrize(
    ("metadata", "count"),
    [
        ({"character_create": True}, 1),
        ({"character_from_task": "video_7497"}, 1),
        ({"character_create": True, "n": 2}, 1),
        ({"character_create": False}, 0),
    ],
    ids=str,
)
def test_a_video_brings_the_characters_that_were_asked_along(
    swift_api: httpx.Client, metadata: dict[str, Any], count: int
) -> None:
    shown = swift_api.get(f"{GENERATIONS}/{_video(swift_api, **metadata)}").json()
    assert shown["result"]["type"] == "video"
    assert len(shown["result"]["data"]) == metadata.get("n", 1)
    characters = shown["result"].get("characters", [])
    assert len(characters) == count
    assert all("username" in character for character in characters)


def test_a_video_takes_a_character_from_its_finished_task(
    swift: Simulator, swift_api: httpx.Client
) -> None:
    task_id = swift_api.post(GENERATIONS, json=CLIP).json()["id"]
    shown = swift_api.get(f"{GENERATIONS}/{_video(swift_api, character_url=task_id)}").json()
    assert shown["status"] == "completed"
    assert len(swift.ledger.paid) == 2


def _character_url_refused(api: httpx.Client, wanted: str) -> bool:
    body = {"prompt": "A dog", "metadata": {"character_url": wanted}}
    reply = api.post(GENERATIONS, json=body)
    if reply.status_code == 400:
        assert reply.json()["error"]["message"].startswith("character_url: ")
    return reply.status_code == 400


def test_a_video_takes_none_from_a_task_that_made_none(
    swift: Simulator, swift_api: httpx.Client
) -> None:
    failing = CLIP | {"url": "https://clips.example/fail me.mp4"}
    failed = swift_api.post(GENERATIONS, json=failing).json()["id"]
    video = _video(swift_api)
    assert all(_character_url_refused(swift_api, one) for one in (failed, video, "task_none"))
    assert len(swift.ledger.paid) == 2


@pytest.mark.parametrize("settings", [SimulatorSettings(render_seconds=60, account_group=None)])
def test_a_video_takes_none_from_a_task_that_is_not_finished(swift_api: httpx.Client) -> None:
    task_id = swift_api.post(GENERATIONS, json=CLIP).json()["id"]
    assert _character_url_refused(swift_api, task_id)


def test_a_prompt_may_name_anybody(swift_api: httpx.Client) -> None:
    body = {"prompt": "@duksvfkf.cruisingki meets @nobody.known"}
    assert swift_api.post(GENERATIONS, json=body).status_code == 200


@pytest.mark.parametrize(("when", "paid"), [("before", 0), ("after", 1)])
def test_faults_of_characters_leave_videos_alone(
    swift: Simulator, swift_api: httpx.Client, when: Any, paid: int
) -> None:
    swift.faults.add(Drop(operation="character", when=when, prompt="cat.mp4"))
    _video(swift_api)
    assert swift_api.post(GENERATIONS, json=CLIP | {"url": "https://a.example/dog"}).is_success
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        swift_api.post(GENERATIONS, json=CLIP)
    assert len(swift.ledger.submissions) == 3
    assert len(swift.ledger.paid) == 2 + paid


def test_a_hidden_creation_is_not_found(swift: Simulator, swift_api: httpx.Client) -> None:
    swift.faults.add(Hide(operation="character", seconds=60))
    task_id = swift_api.post(GENERATIONS, json=CLIP).json()["id"]
    assert swift_api.get(f"{CREATIONS}/{task_id}").status_code == 404
    assert swift_api.get(f"{GENERATIONS}/{task_id}").status_code == 404


def test_its_query_meets_the_faults_of_its_task(swift: Simulator, swift_api: httpx.Client) -> None:
    task_id, other = (swift_api.post(GENERATIONS, json=CLIP).json()["id"] for _ in range(2))
    swift.faults.add(Replace(operation="status", task_id=task_id, status=500))
    assert swift_api.get(f"{CREATIONS}/{other}").status_code == 200
    assert swift_api.get(f"{CREATIONS}/{task_id}").status_code == 500


@pytest.mark.parametrize("settings", [SimulatorSettings(render_seconds=0)])
def test_counts_as_a_submission_and_a_query(swift_api: httpx.Client) -> None:
    reply = swift_api.post(GENERATIONS, json=CLIP)
    assert reply.headers["X-RateLimit-Category"] == "async_submit"
    reply = swift_api.get(f"{CREATIONS}/{reply.json()['id']}")
    assert reply.headers["X-RateLimit-Category"] == "async_query"
