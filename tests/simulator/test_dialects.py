"""How the dialects word what the documentation shows: as data, and the same for a seed."""

import json
import random
from typing import Any, get_args

import pytest

from prefect_toapis.simulator.dialect_replies import Surroundings, placed, speak
from prefect_toapis.simulator.dialects import (
    DOCUMENTED,
    GATEWAY,
    WORDS,
    Files,
    IdStyle,
    Place,
    Reason,
    Times,
    Wording,
    Wordings,
    Wrapper,
    draw_wording,
    task_id_in,
)
from prefect_toapis.simulator.error_bodies import ERROR_SHAPES, ErrorShape, draw_error, error_reply

FIRST = {"url": "https://files/1.mp4", "format": "mp4", "thumbnail_url": "https://files/1.jpg"}
SECOND = {"url": "https://files/2.mp4", "format": "mp4"}
QUEUED: dict[str, Any] = {
    "id": "video_12345678",
    "object": "generation.task",
    "model": "sora-2",
    "status": "queued",
    "progress": 0,
    "created_at": 1768380222,
    "metadata": {"size": "320x180"},
}
COMPLETED = QUEUED | {
    "status": "completed",
    "progress": 100,
    "completed_at": 1768380514,
    "expires_at": 1768466914,
    "result": {"type": "video", "data": [FIRST]},
}
FAILED = QUEUED | {"status": "failed", "error": {"code": "generation_failed", "message": "Not so"}}
AROUND = Surroundings(
    api_url="https://api",
    business_id="order-1",
    content_paths=("/v1/videos/video_12345678/content",),
    pictures=("https://files/1.jpg",),
)


@pytest.mark.parametrize("shown", [QUEUED, COMPLETED, FAILED], ids=lambda one: one["status"])
def test_the_documented_wording_changes_nothing(shown: dict[str, Any]) -> None:
    said = speak(shown, DOCUMENTED, AROUND)
    assert json.dumps(said) == json.dumps(shown)


@pytest.mark.parametrize(
    ("place", "one", "two"),
    [
        ("result.data{}", "https://files/1.mp4", ["https://files/1.mp4", "https://files/2.mp4"]),
        ("result.url", "https://files/1.mp4", ["https://files/1.mp4", "https://files/2.mp4"]),
        ("url", "https://files/1.mp4", ["https://files/1.mp4", "https://files/2.mp4"]),
    ],
)
def test_a_member_of_one_url_holds_a_list_of_several(place: Place, one: Any, two: Any) -> None:
    def url(videos: list[dict[str, Any]]) -> Any:
        members = placed(place, videos)
        inside = members.get("result", members)
        return inside.get("data", inside)["url"]

    assert url([FIRST]) == one
    assert url([FIRST, SECOND]) == two
    assert not url([])


@pytest.mark.parametrize("place", get_args(Place))
def test_each_place_holds_each_video_and_its_thumbnail_once(place: Place) -> None:
    said = json.dumps(placed(place, [FIRST, SECOND]))
    for url in ("https://files/1.mp4", "https://files/2.mp4", "https://files/1.jpg"):
        assert said.count(url) == 1
    assert "https" not in json.dumps(placed(place, []))


@pytest.mark.parametrize(
    ("wording", "members"),
    [
        (Wording(queued="NOT_START"), {"status": "NOT_START"}),
        (Wording(ids="beside"), {"id": "gw-12345678", "task_id": "video_12345678"}),
        (Wording(percent=True), {"progress": "0%"}),
        (Wording(times="negative"), {"created_at": -1768380222}),
        (Wording(times="milliseconds"), {"created_at": 1768380222000}),
        (Wording(times="iso"), {"created_at": "2026-01-14T08:43:42+00:00"}),
        (Wording(times="text"), {"created_at": "1768380222"}),
        (Wording(times="zero"), {"expires_at": 0, "created_at": 1768380222}),
        (Wording(echo="top"), {"client_business_id": "order-1"}),
        (
            Wording(echo="metadata"),
            {"metadata": {"size": "320x180", "client_business_id": "order-1"}},
        ),
        (Wording(reason="fail_reason"), {"fail_reason": ""}),
    ],
)
def test_a_wording_says_it_so(wording: Wording, members: dict[str, Any]) -> None:
    said = speak(QUEUED, wording, AROUND)
    assert said | members == said


def test_a_numeric_id_is_a_number() -> None:
    task_id = task_id_in("numeric", "f" * 26, random.Random(0))
    assert speak(QUEUED | {"id": task_id}, Wording(ids="numeric"), AROUND)["id"] == int(task_id)
    assert json.loads(json.dumps(float(task_id))) == int(task_id)


def test_contradicting_times_expire_before_they_are_completed_before_they_begin() -> None:
    said = speak(COMPLETED, Wording(times="contradicting"), AROUND)
    assert said["expires_at"] < said["completed_at"] < said["created_at"]


@pytest.mark.parametrize(
    ("reason", "member", "text"),
    [
        ("error", "error", {"code": "generation_failed", "message": "Not so"}),
        ("error text", "error", "Not so"),
        ("fail_reason", "fail_reason", "Not so"),
        ("message", "message", "Not so"),
        ("error_message", "error_message", "Not so"),
    ],
)
def test_the_reason_of_a_failure_stands_in_one_place(
    reason: Reason, member: str, text: Any
) -> None:
    said = speak(FAILED, Wording(reason=reason), AROUND)
    assert said[member] == text
    assert json.dumps(said).count("Not so") == 1


@pytest.mark.parametrize(
    ("wrapper", "path"),
    [
        ("code", ["data"]),
        ("number", ["data"]),
        ("success", ["data"]),
        ("data", ["data"]),
        ("list", ["data", 0]),
    ],
)
def test_a_wrapper_holds_the_reply(wrapper: Wrapper, path: list[Any]) -> None:
    around = Surroundings(api_url="https://api", submitted=True)
    said = speak(QUEUED, Wording(wrapper=wrapper, completed="done"), around)
    for member in path:
        said = said[member]
    assert said["id"] == QUEUED["id"]


@pytest.mark.parametrize(
    ("files", "url"),
    [
        ("signed", "https://files/1.mp4"),
        ("key", "https://api/v1/videos/video_12345678/content"),
        ("key and redirect", "https://api/v1/videos/video_12345678/content"),
        ("relative", "/v1/videos/video_12345678/content"),
    ],
)
def test_the_files_are_where_they_are_said_to_be(files: Files, url: str) -> None:
    wording = Wording(files=files, completed="done")
    assert speak(COMPLETED, wording, AROUND)["result"]["data"][0]["url"] == url


def test_decoys_are_no_videos() -> None:
    said = speak(COMPLETED, Wording(decoys=True), AROUND)
    assert said["cover"] == said["last_frame_url"] == "https://files/1.jpg"
    assert said["urls"]["get"] == "https://api/v1/videos/generations/video_12345678"
    assert "cover" not in speak(QUEUED, Wording(decoys=True), AROUND)


def test_what_a_fault_rewrote_is_worded_too() -> None:
    rewritten = QUEUED | {"status": "dancing", "client_business_id": "order-2", "metadata": None}
    said = speak(rewritten, GATEWAY, AROUND)["data"]
    assert (said["status"], said["client_business_id"]) == ("dancing", "order-2")
    silent = speak(rewritten, Wording(place="url"), AROUND)
    assert silent["client_business_id"] == "order-2"


def test_a_seed_draws_the_same_for_the_same_prompts_in_whatever_order() -> None:
    prompts = [f"scene {number}" for number in range(30)]
    drawn = []
    for seed, order in ((1, prompts), (1, prompts[::-1]), (2, prompts)):
        wordings = Wordings("random", seed)
        found = {one: wordings.generation("video", one)[0] for one in order}
        again = wordings.generation("video", prompts[0])[0]
        drawn.append([*(found[one] for one in prompts), again])
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0][0] != drawn[0][-1]


def test_every_choice_is_drawn() -> None:
    drawn = [draw_wording(random.Random(seed)) for seed in range(400)]
    assert {one.place for one in drawn} == {*get_args(Place)}
    assert {one.files for one in drawn} == {*get_args(Files)}
    assert {one.wrapper for one in drawn} == {*get_args(Wrapper)}
    assert {one.reason for one in drawn} == {*get_args(Reason)}
    assert {one.times for one in drawn} == {*get_args(Times)}
    assert {one.ids for one in drawn} == {*get_args(IdStyle)}
    assert {one.failed for one in drawn} == {*WORDS["failed"]}
    assert {one.completed for one in drawn} == {*WORDS["completed"]}
    assert {draw_error("unauthorized", random.Random(seed)).shape for seed in range(99)} == {
        *ERROR_SHAPES
    }


def test_what_says_that_there_is_no_such_task_is_the_api_and_no_proxy() -> None:
    for seed in range(99):
        shape = draw_error("task_not_found", random.Random(seed)).shape
        reply = error_reply(shape, 404, "task_not_found", "not_found_error", "No such task")
        assert "No such task" in str(json.loads(reply.body))


def test_an_empty_balance_can_be_told_from_other_refusals_in_every_wording() -> None:
    statuses = set()
    for seed in range(300):
        spoken = draw_error("insufficient_quota", random.Random(seed))
        code = spoken.code or "insufficient_quota"
        body = error_reply(spoken.shape, spoken.status or 0, code, code, "No").body
        statuses.add(spoken.status)
        assert spoken.status == 402 or code in body
    assert statuses == {402, 403, 429}


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        ("documented", {"error": {"code": "no_access", "message": "Not yours", "type": "t"}}),
        ("empty", {"error": {}}),
        ("string", {"error": "no_access: Not yours"}),
        ("flat", {"code": "no_access", "message": "Not yours", "data": None}),
        ("detail", {"detail": "no_access: Not yours"}),
        (
            "details",
            {"detail": [{"loc": ["body"], "msg": "no_access: Not yours", "type": "value_error"}]},
        ),
        ("errors", {"errors": ["no_access: Not yours"]}),
        ("msg", {"code": 403, "msg": "no_access: Not yours"}),
    ],
)
def test_an_error_has_many_shapes(shape: ErrorShape, body: dict[str, Any]) -> None:
    reply = error_reply(shape, 403, "no_access", "t", "Not yours")
    assert (reply.status, reply.content_type) == (403, "application/json")
    assert json.loads(reply.body) == body


@pytest.mark.parametrize(("shape", "kind"), [("text", "text/plain"), ("html", "text/html")])
def test_an_error_may_be_no_json(shape: ErrorShape, kind: str) -> None:
    reply = error_reply(shape, 403, "no_access", "t", "Not yours")
    assert reply.content_type.startswith(kind)
    assert "no_access: Not yours" in reply.body
