"""Whether a webhook is the provider's own, and what it tells."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from prefect_toapis.client.webhooks import (
    Ended,
    Webhook,
    WebhookForged,
    WebhookRefused,
    WebhookSecrets,
    WebhookStale,
    WebhookUnreadable,
    WebhookUnsigned,
    read_webhook,
    verify,
)

SECRET, PREVIOUS = "whsec_example", "whsec_before"
ID, SIGNED_AT, BODY = "evt_01abcdef", 1783953302, b'{"id":"evt_01abcdef"}'
# printf '%s' 'evt_01abcdef.1783953302.{"id":"evt_01abcdef"}' |
#     openssl dgst -sha256 -hmac whsec_example
GOLDEN = "8ef8aff5db0561ec80e95973195c07f02a04b167fd2f64cc3fc61ae72bfb7e28"
BOTH = WebhookSecrets(SecretStr(SECRET), SecretStr(PREVIOUS))
NEW = WebhookSecrets(SecretStr(SECRET))


def sign(secret: str, body: bytes = BODY, timestamp: str = str(SIGNED_AT)) -> str:
    signed = f"{ID}.{timestamp}.".encode() + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def headers(
    signature: str, timestamp: str = str(SIGNED_AT), webhook_id: str = ID
) -> dict[str, str]:
    return {
        "X-ToAPIs-Webhook-Id": webhook_id,
        "X-ToAPIs-Webhook-Timestamp": timestamp,
        "X-ToAPIs-Webhook-Signature": signature,
    }


def test_the_signature_is_the_one_that_openssl_makes() -> None:
    assert verify(headers(f"v1={GOLDEN}"), BODY, NEW, SIGNED_AT) == ID


@pytest.mark.parametrize(
    "signature",
    [
        sign(SECRET),
        sign(PREVIOUS),
        f"{sign(SECRET)},{sign(PREVIOUS)}",
        f"{sign(PREVIOUS)}, {sign(SECRET)}",
        f"{sign('of the next rotation')},{sign(SECRET)}",
        f"v2=abc,{sign(SECRET)}",
    ],
)
def test_any_valid_signature_under_any_known_secret_counts(signature: str) -> None:
    assert verify(headers(signature), BODY, BOTH, SIGNED_AT) == ID


def test_the_names_of_headers_are_in_any_case() -> None:
    for change in (str.lower, str.upper):
        sent = {change(name): value for name, value in headers(sign(SECRET)).items()}
        assert verify(sent, BODY, NEW, SIGNED_AT) == ID


@pytest.mark.parametrize("away", [-300, -299.5, 0, 300])
def test_a_timestamp_up_to_five_minutes_away_counts(away: float) -> None:
    assert verify(headers(sign(SECRET)), BODY, NEW, SIGNED_AT + away) == ID


@pytest.mark.parametrize(
    ("away", "said"), [(-301, "301 s ahead"), (300.6, "301 s ago"), (86400, "86400 s ago")]
)
def test_a_timestamp_further_away_is_refused_and_says_how_far(away: float, said: str) -> None:
    with pytest.raises(WebhookStale, match=said):
        verify(headers(sign(SECRET)), BODY, NEW, SIGNED_AT + away)


@pytest.mark.parametrize("missing", headers(""))
def test_a_missing_header_is_named(missing: str) -> None:
    sent = headers(sign(SECRET))
    del sent[missing]
    with pytest.raises(WebhookUnsigned, match=missing.lower()):
        verify(sent, BODY, NEW, SIGNED_AT)


@pytest.mark.parametrize(
    "sent",
    [
        headers(sign(SECRET), timestamp=""),
        headers(sign(SECRET), timestamp="-1783953302"),
        headers(sign(SECRET), timestamp="1783953302.0"),
        headers(sign(SECRET), timestamp=" 1783953302"),
        headers(sign(SECRET), timestamp="١٧٨٣٩٥٣٣٠٢"),
        headers(sign(SECRET), timestamp="1" * 5000),
        headers(sign(SECRET), webhook_id=""),
        headers(sign(SECRET), webhook_id="evt 1"),
        headers(sign(SECRET), webhook_id="evt_1\n"),
        headers(sign(SECRET), webhook_id="é"),
        headers(sign(SECRET), webhook_id="e" * 201),
        headers(""),
        headers(","),
        headers(GOLDEN),
        headers(f"v2={GOLDEN}"),
        headers(f"V1={GOLDEN}"),
    ],
)
def test_a_header_that_is_malformed_is_refused(sent: dict[str, str]) -> None:
    with pytest.raises(WebhookUnsigned):
        verify(sent, BODY, NEW, SIGNED_AT)


@pytest.mark.parametrize(
    "signature",
    [
        sign("another secret"),
        sign(PREVIOUS),
        "v1=",
        f"v1={GOLDEN[:-1]}",
        f"v1={GOLDEN}0",
        f"v1={GOLDEN.upper()}",
        "v1=é" + GOLDEN[1:],
        "v1=\udcff" + GOLDEN[1:],
        sign(SECRET, body=BODY + b" "),
        sign(SECRET, timestamp=str(SIGNED_AT + 1)),
    ],
)
def test_a_signature_that_does_not_fit_is_refused(signature: str) -> None:
    with pytest.raises(WebhookForged):
        verify(headers(signature), BODY, NEW, SIGNED_AT)


def test_a_forged_webhook_is_called_forged_however_old_it_is() -> None:
    with pytest.raises(WebhookForged):
        verify(headers(sign("another secret")), BODY, NEW, SIGNED_AT + 10_000)


PARTS = ["id", "timestamp", "signature", "body"]


@given(st.sampled_from(PARTS), st.integers(min_value=0), st.binary(min_size=1, max_size=300))
def test_any_flipped_bit_is_refused(part: str, position: int, body: bytes) -> None:
    told = {
        "id": ID.encode(),
        "timestamp": str(SIGNED_AT).encode(),
        "signature": sign(SECRET, body).encode(),
        "body": body,
    }

    def check() -> str:
        text = {name: told[name].decode("latin-1") for name in PARTS}
        sent = headers(text["signature"], text["timestamp"], text["id"])
        return verify(sent, told["body"], NEW, SIGNED_AT)

    assert check() == ID
    changed = bytearray(told[part])
    changed[position // 8 % len(changed)] ^= 1 << position % 8
    told[part] = bytes(changed)
    with pytest.raises(WebhookRefused):
        check()


@given(st.dictionaries(st.sampled_from(list(headers(""))), st.text()), st.binary())
def test_whatever_is_sent_is_refused_by_a_typed_error(sent: dict[str, str], body: bytes) -> None:
    with pytest.raises(WebhookRefused):
        verify(sent, body, BOTH, SIGNED_AT)


@pytest.mark.parametrize(
    ("sent", "now"),
    [
        (headers(sign("another secret")), SIGNED_AT),
        (headers(sign(SECRET)), SIGNED_AT + 1000),
        (headers(sign(SECRET), timestamp="x"), SIGNED_AT),
        (headers(sign(SECRET)[3:]), SIGNED_AT),
    ],
)
def test_no_error_holds_a_secret_or_a_signature(sent: dict[str, str], now: float) -> None:
    with pytest.raises(WebhookRefused) as refused:
        verify(sent, BODY, BOTH, now)
    shown = f"{refused.value} {refused.value!r} {refused.value.args} {vars(refused.value)}"
    signature = sent["X-ToAPIs-Webhook-Signature"].removeprefix("v1=")
    assert not [one for one in (SECRET, PREVIOUS, GOLDEN, signature) if one in shown]
    assert refused.value.advice in str(refused.value)


def test_secrets_are_not_shown() -> None:
    assert "whsec" not in repr(BOTH) + str(BOTH)


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_secret_is_refused_as_anybody_could_sign_with_it(empty: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        WebhookSecrets(SecretStr(empty))
    with pytest.raises(ValueError, match="empty"):
        WebhookSecrets(SecretStr(SECRET), SecretStr(empty))


COMPLETED: dict[str, Any] = {
    "id": "evt_01abcdef",
    "type": "generation.completed",
    "api_version": "v1",
    "created_at": 1783953302,
    "data": {
        "task_id": "tsk_01abcdef",
        "client_business_id": "order_123",
        "task_type": "video",
        "model": "sora-2",
        "status": "SUCCESS",
        "progress": "100%",
        "result": {"type": "video", "data": [{"url": "https://files.toapis.com/x.mp4?sig=1"}]},
        "error": None,
        "submitted_at": 1783953000,
        "finished_at": 1783953300,
    },
}


def test_the_documented_event_is_read_without_the_urls_of_its_results() -> None:
    webhook = read_webhook(ID, json.dumps(COMPLETED).encode())
    ended = Ended("tsk_01abcdef", "completed", "order_123", "sora-2", "video")
    assert webhook == Webhook(ID, "generation.completed", 1783953302, ended)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"code": "generation_failed", "message": "Against the\npolicy"}, "Against the policy"),
        ("out of luck", "out of luck"),
        ({"message": "no https://x.example/a.png?sig=1"}, "no https://x.example/a.png"),
        ({"message": "long " * 1000}, ("long " * 1000)[:500]),
        (None, None),
        ({}, None),
    ],
)
def test_a_failure_has_the_provider_s_reason(error: Any, reason: str | None) -> None:
    data = COMPLETED["data"] | {"status": "FAILURE", "result": None, "error": error}
    told = COMPLETED | {"type": "generation.failed", "data": data}
    ended = read_webhook(ID, json.dumps(told).encode()).ended
    assert ended
    assert (ended.ending, ended.reason) == ("failed", reason)


@pytest.mark.parametrize("kind", ["endpoint.test", "generation.started", "balance.low"])
def test_other_types_are_named_and_tell_of_no_end(kind: str) -> None:
    body = json.dumps({"type": kind, "data": {}}).encode()
    assert read_webhook(ID, body) == Webhook(ID, kind)


@pytest.mark.parametrize(
    ("field", "value", "read"),
    [
        ("task_id", 7497, "7497"),
        ("client_business_id", None, None),
        ("client_business_id", True, None),
        ("client_business_id", "two\nlines", None),
        ("client_business_id", "x" * 201, None),
        ("model", ["sora-2"], None),
    ],
)
def test_what_is_odd_is_read_leniently(field: str, value: Any, read: str | None) -> None:
    body = json.dumps(COMPLETED | {"data": COMPLETED["data"] | {field: value}}).encode()
    ended = read_webhook(ID, body).ended
    assert ended
    names = {"client_business_id": "business_id"}
    assert getattr(ended, names.get(field, field)) == read


@pytest.mark.parametrize("moment", [None, "soon", True, -1, 10**400, 1e300])
def test_a_time_that_can_t_be_one_is_none(moment: Any) -> None:
    body = json.dumps(COMPLETED | {"created_at": moment}).encode()
    assert read_webhook(ID, body).created_at is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"<html>",
        b"[]",
        b"{}",
        b"[" * 60_000,
        b'{"type": null}',
        b'{"type": "generation.completed"}',
        b'{"type": "generation.completed", "data": []}',
        b'{"type": "generation.failed", "data": {"task_id": ""}}',
        rb'{"type": "generation.failed", "data": {"task_id": "\u0000"}}',
        rb'{"type": "generation.failed", "data": {"task_id": "\ud800"}}',
        b'{"type": "generation.failed", "data": {"task_id": 1' + b"0" * 9000 + b"}}",
    ],
)
def test_what_can_t_be_understood_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookUnreadable):
        read_webhook(ID, body)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_any_data_is_read_or_refused(value: Any) -> None:
    told = COMPLETED | {"data": {"task_id": value, "error": value}, "created_at": value}
    try:
        read = read_webhook(ID, json.dumps(told).encode())
    except WebhookUnreadable:
        return
    assert read.ended
    assert read.ended.task_id.isprintable()
