"""What a refusal says, whatever its shape: tables of bodies as gateways send them."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.error_bodies import SHOWN, readable
from prefect_toapis.client.errors import (
    BadRequest,
    Forbidden,
    InsufficientBalance,
    PolicyRefused,
    RateLimited,
    ToAPIsError,
    Unauthorized,
    WebhookNotConfigured,
)
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.refusals import read_refusal
from prefect_toapis.client.replies import Answer
from prefect_toapis.client.response_decisions import BOUGHT_NOTHING, Rejected, submission_outcome


def refused(status: int, body: Any) -> ToAPIsError:
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    outcome = submission_outcome(Answer(status, text))
    assert isinstance(outcome, Rejected)
    assert outcome.error.money == "not spent"
    return outcome.error


def shapes(code: str, text: str) -> list[Any]:
    """One error as the API and gateways word it."""
    inner = {"code": code, "message": text}
    return [
        {"error": inner},
        {"error": {"type": code, "message": text}},
        {"error": {"code": code, "message": text, "type": "some_error", "param": None}},
        {**inner, "data": None},
        {"code": 1001, "msg": text, "reason": code},
        {"success": False, **inner},
        {"success": False, "message": text, "error": code},
        {"detail": inner},
        {"detail": {"error": inner}},
        {"errors": [inner]},
        {"errors": [f"{code}: {text}", code]},
        {"data": {"error": inner}},
        {"status": "error", "data": inner},
        {"error_code": code, "error_msg": text},
        {"message": json.dumps({"error": inner})},
        {"error": {"message": json.dumps(inner), "code": ""}},
        json.dumps(json.dumps({"error": inner})),
        [inner],
        {"error": {**inner, "code": code.upper()}},
        {"error": {**inner, "code": code.replace("_", "-")}},
        {"error": {**inner, "code": code.title().replace("_", "")}},
    ]


EMPTY = ["insufficient_user_quota", "insufficient_quota", "payment_required", "quota_exceeded"]
EMPTY += ["insufficient_balance", "billing_hard_limit_reached", "insufficient_credits"]
EMPTY += ["balance_not_enough", "account_overdue", "pre_consume_token_quota_failed"]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 413, 422, 429])
@pytest.mark.parametrize("code", EMPTY)
def test_an_empty_balance_is_known_by_its_code_in_every_shape(status: int, code: str) -> None:
    for body in shapes(code, "The reason"):
        error = refused(status, body)
        assert type(error) is InsufficientBalance, body
        assert "The reason" in str(error), body


@pytest.mark.parametrize(
    "text",
    [
        "Insufficient balance",
        "Your account has insufficient credits for this",
        "You exceeded your current quota, please check your plan and billing details",
        "余额不足, 请充值",
        "用户额度不足, 剩余额度: $0.000000",
        "该令牌额度已用尽",
        "Not enough credits. Please top up your account",
        "Your credit balance is too low",
        "Balance exhausted",
        "You do not have enough credits to run this task",
        "Your account doesn't have sufficient funds",
        "This model needs more credits",
    ],
)
@pytest.mark.parametrize("status", [400, 403, 429])
def test_an_empty_balance_is_known_by_its_text_too(status: int, text: str) -> None:
    for body in ({"error": {"message": text}}, {"detail": text}, {"msg": text}, text):
        assert type(refused(status, body)) is InsufficientBalance, body
    page = f"<html><head><title>Sorry</title></head><body><p>{text}</p></body></html>"
    error = refused(status, page)
    assert type(error) is InsufficientBalance
    assert f"Sorry {text}" in str(error)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        # Too fast is not too poor.
        (429, {"error": {"code": "rate_limit_exceeded", "message": "Slow down"}}, RateLimited),
        (429, {"message": "Quota exceeded for requests per minute"}, RateLimited),
        (429, {"error": {"code": "rate_limit_exceeded", "message": "Quota exceeded"}}, RateLimited),
        (429, "<html><h1>429 Too Many Requests</h1></html>", RateLimited),
        (429, {"error": {"code": "invalid_api_key", "message": "No"}}, RateLimited),
        # The prompt.
        *((status, {"error": {"code": "content_policy_violation"}}, PolicyRefused)
          for status in (400, 403, 422)),
        (400, {"code": "ContentPolicyViolation", "message": "No", "data": None}, PolicyRefused),
        (403, {"detail": "Rejected by our safety system"}, PolicyRefused),
        (400, {"error": {"type": "moderation_blocked", "message": "No"}}, PolicyRefused),
        (400, {"msg": "内容违规"}, PolicyRefused),
        # The key.
        *((status, {"error": {"code": "invalid_api_key"}}, Unauthorized) for status in (400, 403)),
        *((status, {"error": "unauthorized"}, Unauthorized) for status in (400, 401, 403)),
        (403, {"code": "TokenExpired", "message": "No"}, Unauthorized),
        (403, {"message": "Incorrect API key provided: [key]"}, Unauthorized),
        (403, {"message": "无效的令牌"}, Unauthorized),
        (401, {"error": {"code": "invalid_request"}}, Unauthorized),
        # 403 for other reasons.
        (403, {"error": {"code": "model_not_found", "message": "No such model"}}, Forbidden),
        (403, {"error": {"code": "insufficient_permissions"}}, Forbidden),
        (403, {"error": {"code": "permission_denied", "message": "Not this key"}}, Forbidden),
        (403, "<html><title>Attention Required!</title></html>", Forbidden),
        (403, "", Forbidden),
        # Parameters.
        (400, {"error": {"code": "invalid_request", "message": "n"}}, BadRequest),
        (400, {"error": {"message": "Invalid token in JSON at position 5"}}, BadRequest),
        (422, {"detail": [{"loc": ["body", "n"], "msg": "too many", "type": "x"}]}, BadRequest),
        (422, {"error": {"code": "invalid_parameter", "message": "n"}}, BadRequest),
        (422, {"error": {"code": "content_policy_violation", "message": "n"}}, PolicyRefused),
        (400, {"error": {"code": "webhook_not_configured"}}, WebhookNotConfigured),
        (403, {"code": "WEBHOOK_NOT_CONFIGURED", "message": "n"}, WebhookNotConfigured),
        (402, "<html>Pay</html>", InsufficientBalance),
        # Texts in members that nobody names so.
        (400, {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
         InsufficientBalance),
        (400, {"code": 7, "info": "账户余额不足"}, InsufficientBalance),
    ],
)  # fmt: skip
def test_what_else_a_refusal_means(status: int, body: Any, kind: type[ToAPIsError]) -> None:
    assert type(refused(status, body)) is kind


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": "The reason"}, "message": "More"}, "The reason; More"),
        ({"detail": [{"loc": ["body", "n"], "msg": "too many"}]}, "body.n: too many"),
        ({"errors": {"prompt": ["is required", "is short"]}}, "prompt: is required, is short"),
        ({"errors": ["one", "two", "one"]}, "one; two"),
        ({"title": "No", "status": 400, "detail": "Why"}, "No; Why"),
        ({"error": {"code": "some_code"}}, "some_code"),
        ({"code": "some_code", "request_id": "ab12"}, "some_code"),
        ({"code": "some_code", "explanation": "The reason"}, "The reason"),
        ({"unheard": {"of": 1}}, '{"unheard": {"of": 1}}'),
        ("just text\x00\x1b[31m\nin lines", "just text\\x00\\x1b[31m in lines"),
        ("see https://x.example/a?sig=s3cr3t&b=1 there", "see https://x.example/a there"),
        ('{"message": "see https:\\/\\/x.example\\/a?sig=s3cr3t"}', "see https://x.example/a"),
        ("\ufeff<html><style>b{c}</style><b>Bad</b> &lt;gateway&gt;</html>", "Bad <gateway>"),
        ("<Error><Code>Denied</Code><Message>No</Message></Error>", "Denied No"),
        ('"\\ud800 bare"', "? bare"),
        ("", "no reason given"),
        ("<html></html>", "no reason given"),
    ],
)
def test_the_text_is_shown_readably(body: Any, said: str) -> None:
    error = refused(400, body)
    assert f": {said}" in error.message
    assert error.message.endswith(said)
    assert "s3cr3t" not in str(error)
    str(error).encode()


HUGE = "x " * 500_000


@pytest.mark.parametrize(
    "body",
    [
        *(HUGE, "<" * 1_000_000, "<script>" * 200_000, "https://" * 200_000, "[" * 1_000_000),
        {"error": {"message": HUGE, "code": HUGE, "type": HUGE}},
        {"errors": [HUGE] * 20},
        {"errors": {"prompt": [HUGE] * 20}},
        {"errors": [{"message": str(number)} for number in range(100_000)]},
        {"message": json.dumps({"message": HUGE})},
        {"code": "insufficient_" * 50_000, "message": "a_" * 500_000},
    ],
    ids=range(11),
)
def test_a_huge_body_is_read_in_no_time_and_shown_in_part(body: Any) -> None:
    before = time.process_time()
    error = refused(400, body)
    assert len(error.message) <= SHOWN + 50
    assert len(str(error)) <= SHOWN + 400
    assert time.process_time() - before < 5  # of the CPU: some patterns would take minutes


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["error", "errors", "detail", "message", "code", "loc", "msg", "type"])
            | st.text(),
            inner,
        )
    ),
    max_leaves=12,
)


@given(values.map(json.dumps) | st.text(), st.sampled_from(sorted(BOUGHT_NOTHING)))
def test_any_body_is_read_and_shown(text: str, status: int) -> None:
    answer = Answer(status, text)
    refusal = read_refusal(answer.payload, text)
    assert refusal.message == readable(refusal.message)
    assert refusal.message == printable(refusal.message)
    error = refused(status, text)
    str(error).encode()
