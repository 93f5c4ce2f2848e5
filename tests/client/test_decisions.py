"""What follows from an answer, by tables: money hangs on them."""

import email.utils
import json
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prefect_toapis.client.decisions import (
    NOT_SENT,
    Accepted,
    Rejected,
    Unknown,
    failure_error,
    query_reply,
    retry_after,
    submission_outcome,
)
from prefect_toapis.client.errors import (
    BadRequest,
    GenerationFailed,
    InsufficientBalance,
    NotFound,
    NotSent,
    PolicyRefused,
    RateLimited,
    SubmissionUnknown,
    ToAPIsError,
    Unauthorized,
    Unavailable,
    UnreadableReply,
)
from prefect_toapis.client.replies import Answer, ErrorBody, Reply, read_reply

QUEUED = {"id": "video_1", "object": "generation.task", "model": "sora-2", "status": "queued"}
API_ERROR = {"error": {"code": "some_code", "message": "The reason", "type": "some_type"}}
LIMITER_DOWN = {"error": {"code": "rate_limit_unavailable", "message": "The reason"}}
LIMITER_DOWN_BY_TYPE = {"error": {"type": "rate_limit_unavailable", "message": "The reason"}}
HTML = "<html><body>502 Bad Gateway</body></html>"


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    return Answer(status, text, {name.replace("_", "-"): value for name, value in headers.items()})


# Submissions

# None: unknown, although the API itself says that something is wrong
WITH_ERROR_BODY: list[tuple[int, type[ToAPIsError] | None]] = [
    *((status, None) for status in (200, 201, 202, 299)),
    *((status, None) for status in (301, 302, 303, 304, 307, 308)),
    (400, BadRequest),
    (401, Unauthorized),
    (402, InsufficientBalance),
    (403, Unauthorized),
    (404, NotFound),
    (405, BadRequest),
    (408, None),
    (409, BadRequest),
    (413, BadRequest),
    (415, BadRequest),
    (418, BadRequest),
    (422, PolicyRefused),
    (425, BadRequest),
    (429, RateLimited),
    (451, BadRequest),
    (499, BadRequest),
    *((status, None) for status in (500, 501, 502, 503, 504, 520, 599)),
]


@pytest.mark.parametrize(("status", "kind"), WITH_ERROR_BODY)
@pytest.mark.parametrize(
    "body",
    [
        API_ERROR,
        {"error": {"code": 1234, "message": "The reason"}},
        {"error": "The reason"},
        {"success": False, "message": "The reason"},
        {"error": {"message": "The reason"}, "id": "video_1", "status": "queued"},
    ],
)
def test_a_submission_that_is_answered_with_an_api_error(
    status: int, kind: type[ToAPIsError] | None, body: dict[str, Any]
) -> None:
    outcome = submission_outcome(answer(status, body))
    assert not isinstance(outcome, Accepted)
    assert "The reason" in str(outcome.error)
    assert outcome.error.http_status == status
    if kind is None:
        assert isinstance(outcome, Unknown)
        assert outcome.error.money == "maybe spent"
    else:
        assert isinstance(outcome, Rejected)
        assert type(outcome.error) is kind
        assert outcome.error.money == "not spent"


@pytest.mark.parametrize("body", [LIMITER_DOWN, LIMITER_DOWN_BY_TYPE])
def test_a_limiter_that_is_down_stands_before_the_task(body: dict[str, Any]) -> None:
    outcome = submission_outcome(answer(503, body))
    assert isinstance(outcome, Rejected)
    assert type(outcome.error) is Unavailable
    assert isinstance(submission_outcome(answer(500, body)), Unknown)


@pytest.mark.parametrize(
    "status", [301, 302, 307, 308, 400, 401, 402, 403, 404, 408, 422, 429, 500, 502, 503, 504]
)
@pytest.mark.parametrize(
    "body", [HTML, "", "null", "[]", {}, {"message": "The reason"}, {"error": {}}, QUEUED]
)
def test_a_submission_without_2xx_and_without_an_api_error_is_unknown(
    status: int, body: Any
) -> None:
    outcome = submission_outcome(answer(status, body))
    assert isinstance(outcome, Unknown)
    assert outcome.error.http_status == status
    assert outcome.error.money == "maybe spent"


@pytest.mark.parametrize("status", [200, 201, 202, 299])
@pytest.mark.parametrize(
    ("body", "task_id"),
    [
        (QUEUED, "video_1"),
        (QUEUED | {"task_id": "task_2"}, "task_2"),
        (QUEUED | {"task_id": None}, "video_1"),
        (QUEUED | {"object": "video", "status": ""}, "video_1"),
        (QUEUED | {"status": "pending"}, "video_1"),
        (QUEUED | {"status": "failed"}, "video_1"),
        (QUEUED | {"error": None}, "video_1"),
        (QUEUED | {"progress": None, "created_at": "soon", "more": [1]}, "video_1"),
        ({"id": 7497}, "7497"),
        ({"success": True, "data": QUEUED}, "video_1"),
    ],
)
def test_a_submission_is_accepted_with_2xx_and_an_id(
    status: int, body: dict[str, Any], task_id: str
) -> None:
    outcome = submission_outcome(answer(status, body))
    assert isinstance(outcome, Accepted)
    assert outcome.task_id == outcome.reply.task_id == task_id


@pytest.mark.parametrize(
    "body",
    [
        *(HTML, "", "video_1", "null", "[]", [QUEUED], {}),
        {"object": "generation.task", "status": "queued"},
        {"id": None, "status": "queued"},
        {"id": "", "status": "queued"},
        {"id": {}, "status": "queued"},
        {"message": "fine"},
    ],
)
def test_a_submission_with_2xx_but_without_an_id_is_unknown(body: Any) -> None:
    outcome = submission_outcome(answer(200, body))
    assert isinstance(outcome, Unknown)
    assert "can't be understood" in outcome.error.what


def test_an_unknown_outcome_keeps_the_first_characters_of_the_reply() -> None:
    html = "<html>a gateway speaks, see https://x.example/?sig=s3cr3t " + "x" * 10_000
    outcome = submission_outcome(answer(200, html))
    assert isinstance(outcome, Unknown)
    assert "a gateway speaks" in str(outcome.error)
    assert "s3cr3t" not in str(outcome.error)
    assert len(str(outcome.error)) < 500
    empty = submission_outcome(answer(200))
    assert isinstance(empty, Unknown)
    assert "an empty body" in str(empty.error)


BEFORE_SENDING = [
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
]
PERHAPS_SENT = [
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.ReadError,
    httpx.WriteError,
    httpx.CloseError,
    httpx.LocalProtocolError,
    httpx.RemoteProtocolError,
    httpx.DecodingError,
    httpx.TooManyRedirects,
]


def leaves(kind: type[Exception]) -> set[type[Exception]]:
    below = [leaves(sub) for sub in kind.__subclasses__() if sub.__module__.startswith("httpx")]
    return set().union(*below) if below else {kind}


def test_the_tables_name_every_exception_of_httpx() -> None:
    raised_by_requests = leaves(httpx.RequestError) | {httpx.InvalidURL}
    assert raised_by_requests == {*BEFORE_SENDING, *PERHAPS_SENT}
    assert set(NOT_SENT) == set(BEFORE_SENDING)


@pytest.mark.parametrize("kind", BEFORE_SENDING)
def test_what_fails_before_a_byte_left_is_surely_not_sent(kind: type[Exception]) -> None:
    outcome = submission_outcome(kind("at https://x.example/?sig=s3cr3t"))
    assert isinstance(outcome, Rejected)
    assert type(outcome.error) is NotSent
    assert kind.__name__ in str(outcome.error)
    assert "s3cr3t" not in str(outcome.error)
    assert outcome.error.money == "not spent"
    assert type(query_reply(kind("x"))) is NotSent


@pytest.mark.parametrize("kind", PERHAPS_SENT)
def test_what_fails_later_is_an_unknown_submission(kind: type[Exception]) -> None:
    outcome = submission_outcome(kind("at https://x.example/?sig=s3cr3t"))
    assert isinstance(outcome, Unknown)
    assert kind.__name__ in str(outcome.error)
    assert "s3cr3t" not in str(outcome.error)
    assert outcome.error.money == "maybe spent"
    assert type(query_reply(kind("x"))) is Unavailable


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
@example(answer(200, QUEUED, retry_after="01 Jan 99999999999999999999 00:00:00 GMT"))
def test_only_2xx_with_an_id_is_accepted_and_only_some_errors_are_rejected(given: Answer) -> None:
    outcome = submission_outcome(given)
    if isinstance(outcome, Accepted):
        assert 200 <= given.http_status < 300
        assert outcome.task_id
        assert outcome.reply == read_reply(given.payload)
    elif isinstance(outcome, Rejected):
        assert given.http_status == 503 or 400 <= given.http_status < 500
        assert given.http_status != 408
    else:
        assert type(outcome.error) is SubmissionUnknown


# Queries


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, API_ERROR, BadRequest),
        (401, API_ERROR, Unauthorized),
        (402, API_ERROR, InsufficientBalance),
        (403, API_ERROR, Unauthorized),
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
    assert type(error) is kind
    assert error.http_status == status
    assert error.money == "not spent"
    said = body["error"]["message"] if body is API_ERROR else ""
    assert said in str(error)


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


@given(answers)
def test_any_answer_to_a_query_is_a_reply_or_an_error(given: Answer) -> None:
    result = query_reply(given)
    if isinstance(result, Reply):
        assert 200 <= given.http_status < 300
    else:
        assert str(result)
        assert result.http_status == given.http_status


# Facts


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
        (Reply("v", "failed"), "the provider gives no reason", None),
        (Reply("v", "failed", failure=ErrorBody("Too dark")), "Too dark", None),
        (Reply("v", "failed", failure=ErrorBody("Too dark", "moderation")), "Too dark", "moderation"),
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
