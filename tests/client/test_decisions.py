"""What follows from an answer, by tables: money hangs on them."""

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
    query_reply,
    submission_outcome,
)
from prefect_toapis.client.errors import (
    BadRequest,
    InsufficientBalance,
    NotFound,
    NotSent,
    PolicyRefused,
    RateLimited,
    SubmissionUnknown,
    ToAPIsError,
    Unauthorized,
    Unavailable,
)
from prefect_toapis.client.replies import Answer, read_reply

QUEUED = {"id": "video_1", "object": "generation.task", "model": "sora-2", "status": "queued"}
API_ERROR = {"error": {"code": "some_code", "message": "The reason", "type": "some_type"}}
LIMITER_DOWN = {"error": {"code": "rate_limit_unavailable", "message": "The reason"}}
LIMITER_DOWN_BY_TYPE = {"error": {"type": "rate_limit_unavailable", "message": "The reason"}}
HTML = "<html><body>502 Bad Gateway</body></html>"


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    return Answer(status, text, {name.replace("_", "-"): value for name, value in headers.items()})


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
