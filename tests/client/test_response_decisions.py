"""What follows from an answer, by tables: money hangs on them."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prefect_toapis.client.errors import (
    BadRequest,
    Forbidden,
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
from prefect_toapis.client.response_decisions import (
    BOUGHT_NOTHING,
    NOT_SENT,
    Accepted,
    Rejected,
    Unknown,
    query_reply,
    submission_outcome,
)

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
    (403, Forbidden),
    (404, None),
    (405, BadRequest),
    (407, None),
    (408, None),
    (409, None),
    (413, BadRequest),
    (414, BadRequest),
    (415, BadRequest),
    (418, None),
    (422, PolicyRefused),
    (425, None),
    (429, RateLimited),
    (431, BadRequest),
    (451, None),
    (499, None),
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


ANY_BODY = [HTML, "", "null", "[]", {}, {"message": "The reason"}, {"error": {}}, QUEUED]


@pytest.mark.parametrize(
    "status",
    [*(301, 302, 307, 308, 404, 407, 408, 409, 410, 425, 451, 499), *(500, 502, 503, 504, 524)],
)
@pytest.mark.parametrize("body", ANY_BODY)
def test_a_submission_is_unknown_where_a_gateway_may_have_handed_it_on(
    status: int, body: Any
) -> None:
    outcome = submission_outcome(answer(status, body))
    assert isinstance(outcome, Unknown)
    assert outcome.error.http_status == status
    assert outcome.error.money == "maybe spent"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (401, Unauthorized),
        (402, InsufficientBalance),
        (403, Forbidden),
        *((status, BadRequest) for status in (405, 413, 414, 415, 431)),
        (422, PolicyRefused),
        (429, RateLimited),
    ],
)
@pytest.mark.parametrize("body", ANY_BODY)
def test_some_statuses_bought_nothing_whatever_the_body_is(
    status: int, kind: type[ToAPIsError], body: Any
) -> None:
    outcome = submission_outcome(answer(status, body))
    assert isinstance(outcome, Rejected)
    assert type(outcome.error) is kind
    assert outcome.error.http_status == status
    assert outcome.error.money == "not spent"


def test_the_statuses_that_bought_nothing_are_these() -> None:
    rejected = {
        status
        for status in range(100, 600)
        if isinstance(submission_outcome(answer(status, "{}")), Rejected)
    }
    assert rejected == {400, 401, 402, 403, 405, 413, 414, 415, 422, 429, 431} == BOUGHT_NOTHING


NO_SUCH_TASK = {"error": {"code": "task_not_found", "message": "No such task"}}


def test_a_404_is_conclusive_only_where_it_is_about_an_earlier_task_that_was_named() -> None:
    outcome = submission_outcome(answer(404, NO_SUCH_TASK), of_task=True)
    assert isinstance(outcome, Rejected)
    assert type(outcome.error) is NotFound
    assert isinstance(submission_outcome(answer(404, NO_SUCH_TASK)), Unknown)
    for body in (HTML, "", {"detail": "Not Found"}, {"error": {"code": "model_not_found"}}):
        assert isinstance(submission_outcome(answer(404, body), of_task=True), Unknown)


ADVICE: list[tuple[int, Any, str]] = [
    (404, HTML, "Check the base URL and any proxy"),
    (404, {"detail": "Not Found"}, "Check the base URL and the model's name"),
    (200, "<html>Sign in</html>", "Check the base URL and any proxy"),
    (302, "", "Check the base URL and any proxy"),
    (500, {"error": "oops"}, "Don't send it again before looking it up"),
    (502, HTML, "Don't send it again before looking it up"),
    (403, "<html>Blocked by the firewall</html>", "Check the base URL and any proxy or firewall"),
    (403, {"error": {"message": "Not for you", "code": "permission_denied"}}, "may use the model"),
    (403, {"error": {"message": "Bad", "code": "invalid_api_key"}}, "Check the API key"),
    (401, HTML, "Check the API key"),
    (405, {"detail": "Method Not Allowed"}, "Check the base URL"),
    (413, {"message": "too large"}, "Shorten the prompt"),
    (413, HTML, "any proxy"),
    (429, {"error": {"code": "insufficient_quota"}}, "Top up the account"),
]


@pytest.mark.parametrize(("status", "body", "advice"), ADVICE)
def test_the_advice_fits_the_cause(status: int, body: Any, advice: str) -> None:
    outcome = submission_outcome(answer(status, body))
    assert not isinstance(outcome, Accepted)
    assert advice in str(outcome.error)
    assert "task id" not in str(outcome.error)
    assert outcome.error.advice in str(outcome.error)
    assert ("API key" in str(outcome.error)) == (type(outcome.error) is Unauthorized)


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
        ({"code": 200, "message": "success", "data": QUEUED}, "video_1"),
        ({"code": 10000, "data": QUEUED}, "video_1"),
        (QUEUED | {"error": {"code": 0, "message": ""}}, "video_1"),
        (QUEUED | {"error": {"code": "success", "message": "OK"}}, "video_1"),
        (QUEUED | {"error": "none"}, "video_1"),
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
    assert "can't be understood" in outcome.error.message


@pytest.mark.parametrize(
    "body",
    [
        {"code": 500, "message": "Lost", "data": {"id": "video_1"}},
        {"code": "429", "message": "Lost", "data": {"id": "video_1"}},
        {"code": "insufficient_user_quota", "message": "Lost", "id": "request_1"},
        {"code": "InvalidParameter", "message": "Lost", "id": "request_1"},
    ],
)
def test_a_submission_with_2xx_and_the_code_of_an_error_is_unknown(body: Any) -> None:
    outcome = submission_outcome(answer(200, body))
    assert isinstance(outcome, Unknown)
    assert outcome.error.message.endswith("was accepted: Lost")


NO_BALANCE: dict[str, Any] = {"success": False, "code": "insufficient_user_quota"}


@pytest.mark.parametrize("code", ["insufficient_quota", "payment_required", "InsufficientBalance"])
@pytest.mark.parametrize("http_status", [200, 201])
def test_a_2xx_that_says_by_its_code_that_no_balance_is_left_bought_nothing(
    http_status: int, code: str
) -> None:
    for body in (
        {**NO_BALANCE, "code": code, "message": "Lost", "data": None},
        {"success": False, "error": {"code": code, "message": "Lost", "type": "x"}},
    ):
        outcome = submission_outcome(answer(http_status, body))
        assert isinstance(outcome, Rejected)
        assert isinstance(outcome.error, InsufficientBalance)
        assert outcome.error.money == "not spent"


@pytest.mark.parametrize(
    "body",
    [
        {"code": "insufficient_user_quota", "message": "Lost", "data": None},
        {"success": True, "code": "insufficient_user_quota"},
        {"success": "false", "code": "insufficient_user_quota"},
        {"success": False, "message": "The balance is insufficient"},
        {"success": False, "code": "timeout", "message": "The balance is insufficient"},
        {"success": False, "code": "rate_limit_exceeded"},
        {"success": False, "code": 500, "message": "Quota used up"},
        {**NO_BALANCE, "id": "video_1"},
        {**NO_BALANCE, "task_id": "video_1"},
        {**NO_BALANCE, "data": {"id": "video_1"}},
        {**NO_BALANCE, "data": ["video_1"]},
        {**NO_BALANCE, "result": {"task_id": "video_1"}},
        {**NO_BALANCE, "status": "queued"},
    ],
)
def test_a_2xx_with_less_than_that_leaves_open_what_was_bought(body: Any) -> None:
    assert isinstance(submission_outcome(answer(200, body)), Unknown)


def test_an_unknown_outcome_keeps_the_first_characters_of_the_reply() -> None:
    html = "<html>a gateway speaks, see https://x.example/?sig=s3cr3t " + "x" * 10_000
    outcome = submission_outcome(answer(200, html))
    assert isinstance(outcome, Unknown)
    assert "a gateway speaks" in str(outcome.error)
    assert "s3cr3t" not in str(outcome.error)
    assert len(str(outcome.error)) < 800  # 500 of the reply
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
        assert given.http_status in BOUGHT_NOTHING or given.http_status == 503
    else:
        assert type(outcome.error) is SubmissionUnknown
        assert given.http_status not in BOUGHT_NOTHING
