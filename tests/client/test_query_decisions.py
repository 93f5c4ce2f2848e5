"""What follows from the answer to a query, and from single headers and fields."""

import email.utils
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.error_bodies import ErrorBody
from prefect_toapis.client.errors import (
    BadRequest,
    Forbidden,
    GenerationFailed,
    InsufficientBalance,
    NotFound,
    PolicyRefused,
    RateLimited,
    ToAPIsError,
    Unauthorized,
    Unavailable,
    UnreadableReply,
)
from prefect_toapis.client.replies import Answer, Reply, read_reply
from prefect_toapis.client.response_decisions import (
    Rejected,
    failure_error,
    query_reply,
    retry_after,
    submission_outcome,
)

QUEUED = {"id": "video_1", "object": "generation.task", "model": "sora-2", "status": "queued"}
API_ERROR = {"error": {"code": "some_code", "message": "The reason", "type": "some_type"}}
LIMITER_DOWN = {"error": {"code": "rate_limit_unavailable", "message": "The reason"}}
HTML = "<html><body>502 Bad Gateway</body></html>"


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    return Answer(status, text, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, API_ERROR, BadRequest),
        (401, API_ERROR, Unauthorized),
        (402, API_ERROR, InsufficientBalance),
        (403, API_ERROR, Forbidden),
        (403, {"error": {"code": "invalid_api_key"}}, Unauthorized),
        (404, API_ERROR, NotFound),
        (404, {"error": "task_not_found"}, NotFound),
        (408, API_ERROR, Unavailable),
        (409, API_ERROR, BadRequest),
        (422, API_ERROR, PolicyRefused),
        (429, API_ERROR, RateLimited),
        (500, API_ERROR, Unavailable),
        (502, API_ERROR, Unavailable),
        (503, API_ERROR, Unavailable),
        (503, LIMITER_DOWN, Unavailable),
        (408, HTML, Unavailable),
        (429, HTML, Unavailable),
        (500, HTML, Unavailable),
        (502, "", Unavailable),
        (504, QUEUED, Unavailable),
        # A 404 that isn't the API's own says nothing of the task.
        (404, HTML, UnreadableReply),
        (404, "", UnreadableReply),
        (404, {"detail": "Not Found"}, UnreadableReply),
        (404, {"detail": "Not Found", "error": None}, UnreadableReply),
        (404, {"error": {"message": "Invalid URL (GET /v1/videos)"}}, UnreadableReply),
        (404, {"error": {"code": "model_not_found", "message": "No"}}, UnreadableReply),
        (404, {"error": {"message": "no Route matched with those values"}}, UnreadableReply),
        (404, {"error": {"code": "not_found_error", "message": "Not found"}}, NotFound),
        (404, {"error": {"code": "task_not_exist", "message": "task_not_exist"}}, NotFound),
        (400, {"error": {"code": "task_not_exist", "message": "No"}}, NotFound),
        *(
            (
                status,
                {"code": "task_not_exist", "message": "task_not_exist", "data": None},
                NotFound,
            )
            for status in (400, 404)
        ),
        (400, {"error": {"message": "Task not found"}}, NotFound),
        (404, {"msg": "任务不存在"}, NotFound),
        (400, {"error": {"code": "model_not_found", "message": "No"}}, BadRequest),
        (400, HTML, UnreadableReply),
        (401, HTML, UnreadableReply),
        (302, "", UnreadableReply),
        (302, QUEUED, UnreadableReply),
        (304, HTML, UnreadableReply),
        (200, HTML, UnreadableReply),
        (200, "", UnreadableReply),
        (200, "[]", UnreadableReply),
        (200, {}, UnreadableReply),
        (200, API_ERROR, UnreadableReply),
        (200, {"success": False, "message": "Unknown key"}, UnreadableReply),
    ],
)
def test_a_query_that_brings_no_reply_brings_an_error(
    status: int, body: Any, kind: type[ToAPIsError]
) -> None:
    error = query_reply(answer(status, body))
    assert not isinstance(error, Reply)
    assert type(error) is kind
    assert error.http_status == status
    assert error.money == "not spent"
    if body is API_ERROR:
        assert "The reason" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        QUEUED,
        {"id": "video_1", "status": "failed", "error": {"message": "No"}},
        {"id": "video_1", "status": "never heard"},
        {"status": "completed"},
        {"data": QUEUED},
    ],
)
def test_a_query_s_2xx_is_the_reply_that_it_holds(body: dict[str, Any]) -> None:
    assert query_reply(answer(200, body)) == read_reply(body)


TASK = {"id": "video_1", "status": "queued"}


@pytest.mark.parametrize(
    ("fields", "task_id", "business_id", "foreign"),
    [
        ({}, "video_1", None, None),
        ({}, "video_1", "mine-1", None),
        ({}, None, "mine-1", None),
        ({"id": None}, "video_1", "mine-1", None),
        ({"id": "video_2"}, "video_1", None, "about the generation video_2, which was not queried"),
        ({"id": "video_2", "task_id": "video_1"}, "video_1", None, None),
        ({"task_id": "video_2"}, "video_1", None, None),
        ({"id": "x", "task_id": "video_2"}, "video_1", None, "the generation video_2, which"),
        ({"client_business_id": "mine-1"}, "video_1", "mine-1", None),
        ({"client_business_id": "other-1"}, "video_1", "mine-1", "the business id other-1"),
        ({"client_business_id": "other-1"}, None, "mine-1", "the business id other-1"),
        ({"client_business_id": "other-1"}, "video_1", None, None),
        ({"metadata": {"client_business_id": "other-1"}}, None, "mine-1", "business id other-1"),
        ({"client_business_id": None}, None, "mine-1", None),
    ],
)
def test_a_reply_about_another_generation_is_none(
    fields: dict[str, Any], task_id: str | None, business_id: str | None, foreign: str | None
) -> None:
    for body in (TASK | fields, {"code": "success", "data": TASK | fields}):
        result = query_reply(answer(200, body), task_id, business_id)
        if foreign is None:
            assert result == read_reply(body)
        else:
            assert isinstance(result, UnreadableReply)
            assert foreign in result.message
            assert result.reply


def test_what_can_not_be_understood_keeps_its_first_500_characters() -> None:
    text = '{"link": "https://a.example/b.mp4?sig=5ec2e7", "x": "' + "y" * 1000
    error = query_reply(answer(200, text))
    assert isinstance(error, UnreadableReply)
    assert error.reply
    assert error.reply.startswith('{"link": "https://a.example/b.mp4", "x": "yyy')
    assert len(error.reply) == 500
    assert len(error.message) < 300


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
names = st.sampled_from(["id", "task_id", "status", "data", "error", "code", "message", "success"])
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=8
)
answers = st.builds(
    Answer,
    st.integers(100, 599),
    json_values.map(json.dumps) | st.text(),
    st.dictionaries(st.sampled_from(["retry-after", "x-request-id"]), st.text()),
)


@given(answers)
def test_any_answer_to_a_query_is_a_reply_or_an_error(given: Answer) -> None:
    result = query_reply(given)
    if isinstance(result, Reply):
        assert 200 <= given.http_status < 300
    else:
        assert str(result)
        assert result.http_status == given.http_status


@pytest.mark.parametrize("decide", [submission_outcome, query_reply])
def test_an_error_keeps_what_the_reply_tells(decide: Any) -> None:
    result = decide(answer(429, API_ERROR, retry_after="7", x_request_id="req_1"))
    error = result.error if isinstance(result, Rejected) else result
    assert error.http_status == 429
    assert error.code == "some_code"
    assert error.request_id == "req_1"
    assert error.retry_after == 7


def test_without_a_code_the_type_serves() -> None:
    error = query_reply(answer(400, {"error": {"message": "No", "type": "some_type"}}))
    assert isinstance(error, BadRequest)
    assert error.code == "some_type"
    plain = query_reply(answer(400, {"error": "No"}))
    assert isinstance(plain, BadRequest)
    assert (plain.code, plain.request_id, plain.retry_after) == (None, None, None)


@pytest.mark.parametrize(
    ("reply", "said", "code"),
    [
        (Reply("v", "failed"), "the provider's reply has no reason", None),
        (Reply("v", "failed", payload={"oh": "Too dark"}), 'no reason: {"oh": "Too dark"}', None),
        (Reply("v", "failed", failure=ErrorBody("Too dark")), "Too dark", None),
        (
            Reply("v", "failed", failure=ErrorBody("Too dark", "moderation")),
            "Too dark",
            "moderation",
        ),
    ],
)
def test_a_failed_generation_has_the_provider_s_reason(
    reply: Reply, said: str, code: str | None
) -> None:
    error = failure_error(reply)
    assert type(error) is GenerationFailed
    assert said in str(error)
    assert error.code == code
    assert error.money == "not spent"


NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0.05", 0.05),
        ("120", 120.0),
        (email.utils.formatdate(NOW + 30, usegmt=True), 30.0),
        (email.utils.formatdate(NOW + 30), 30.0),
        (email.utils.formatdate(NOW - 30, usegmt=True), 0.0),
        ("Thursday, 01-Jan-70 00:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1e3", None),
        ("1.2.3", None),
        (".", None),
        ("nan", None),
        ("inf", None),
        ("7 seconds", None),
        ("01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2001 00:00:00 +9999999999999999999", None),
        ("Mon, 99 Jan 2001 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(
    header: str | None, seconds: float | None
) -> None:
    assert retry_after(header, NOW) == seconds


dates = st.text(alphabet="Mon, 01Jan2006:+-GMTUTCZ . 99", max_size=40)


@given(st.text() | dates)
def test_any_retry_after_is_a_time_to_come_or_nothing(header: str) -> None:
    seconds = retry_after(header, NOW)
    assert seconds is None or seconds >= 0
