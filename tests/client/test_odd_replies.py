"""Replies that the provider's pages don't show: words, reasons, wrappers, times, excerpts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.error_bodies import ErrorBody
from prefect_toapis.client.excerpts import excerpt, sentence
from prefect_toapis.client.json_values import moment_of
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.replies import Answer, Reply, Status, read_reply
from prefect_toapis.client.status_words import read_status

URL = "https://files.toapis.com/a.mp4"
CREATED, COMPLETED, EXPIRES = 1768380222, 1768380514, 1768466914


def read(**fields: Any) -> Reply:
    reply = read_reply({"id": "video_1", **fields})
    assert reply
    return reply


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("queued", ["", " ", "NOT_START", "Not Started", "waiting", "task_queued", "CREATED"]),
        ("in_progress", ["In Progress", "in-progress", "inProgress", "RUNNING", "generating"]),
        ("completed", ["succeed", " Succeeded ", "SUCCESS", "done", "Finished", "complete"]),
        ("completed", ["TASK_STATUS_SUCCEED", "video_generation_completed", "Successful!"]),
        ("failed", ["error", "Expired", "TIMEOUT", "timed_out", "cancelled", "Canceled"]),
        ("failed", [" rejected", "aborted", "FAILURE", "TASK_STATUS_FAILED", "GENERATE_FAILED"]),
        ("in_progress", ["retrying", "生成中"]),
        ("completed", ["成功", " 已完成 "]),
        ("failed", ["失败", "content_filtered"]),
        ("failed", ["failed_permanently", "internalError", "user-cancelled"]),
        (
            "unknown",
            ["almost done", "partially_failed", "failed_retrying", "no error", "????", "task"],
        ),
        ("unknown", ["ready", "completed_with_errors", 3, True, ["completed"], {"completed": 1}]),
        ("completed", [{"state": "SUCCEED"}, {"name": "done"}]),
    ],
)
def test_a_word_counts_in_any_case_and_spelling(status: Status, words: list[Any]) -> None:
    assert [read_status(word)[0] for word in words] == [status] * len(words)


ERROR = {"error": {"code": "moderation", "message": "Too dark"}}


@pytest.mark.parametrize(
    ("word", "fields", "status"),
    [
        ("succeed", {"url": URL}, "completed"),
        ("done", {}, "completed"),
        ("oops", {"url": URL}, "completed"),
        ("oops", {"url": URL, **ERROR}, "completed"),
        ("oops", ERROR, "failed"),
        ("oops", {"fail_reason": "Too dark"}, "failed"),
        ("retrying", ERROR, "in_progress"),  # a failure would be bought again
        ("oops", {"message": "Too dark"}, "unknown"),  # it may as well say that all is well
        ("oops", {"error": {"code": 0, "message": ""}, "fail_reason": ""}, "unknown"),
        ("oops", {"error": "success"}, "unknown"),
        ("oops", {}, "unknown"),
        (7, {"url": URL}, "completed"),
        (7, ERROR, "failed"),
        (None, {"url": URL}, "completed"),
        (None, ERROR, "failed"),
        (None, {}, "queued"),
        ("", {"url": URL}, "completed"),
        ("queued", {"url": URL}, "queued"),  # promised, not there yet
        ("running", {"url": URL}, "in_progress"),
        ("running", ERROR, "in_progress"),  # of a try before
        ("completed", ERROR, "completed"),
        ("failed", {"url": URL}, "completed"),  # a video that is there is not lost
        ("cancelled", {"url": URL}, "completed"),
        ("failed", {"url": URL, **ERROR}, "failed"),
        ("expired", {}, "failed"),
        ("expired", {"completed_at": COMPLETED}, "completed"),  # paid: not to be bought again
        ("expired", {"completed_at": COMPLETED, **ERROR}, "completed"),
        ("expired", {"url": URL, **ERROR}, "completed"),
        ("timeout", {"completed_at": COMPLETED}, "failed"),
    ],
)
def test_what_a_word_means_beside_results_and_errors(
    word: Any, fields: dict[str, Any], status: Status
) -> None:
    reply = read(status=word, **fields)
    assert reply.status == status
    assert bool(reply.word) == (status == "unknown")


def test_the_word_that_is_not_known_is_shown_short_and_printable() -> None:
    assert read(status="al\x1bmost\ndone").word == "al\\x1bmost done"
    assert len(read(status="x" * 5000).word or "") == 60
    assert read(status=["completed"]).in_words == "\"['completed']\""
    assert read(status="in_progress").in_words == "in progress"


@pytest.mark.parametrize(
    "fields",
    [
        {"error": {"message": "Too dark"}},
        {"error": "Too dark"},
        {"error": ["Too dark"]},
        {"error": {"error": {"message": "Too dark"}}},
        {"error": {"detail": [{"msg": "Too dark"}]}},
        {"error": {"code": 0, "message": ""}, "message": "Too dark"},
        {"errors": [{"message": "Too dark"}]},
        {"fail_reason": "Too dark"},
        {"failReason": "Too dark", "message": "success"},
        {"failure_reason": "Too dark"},
        {"error_message": "Too dark"},
        {"message": "Too dark"},
        {"msg": "Too dark"},
        {"detail": "Too dark"},
        {"task_status_msg": "Too dark"},
        {"result": {"error": "Too dark"}},
        {"output": {"message": "Too dark"}},
        {"base_resp": {"status_code": 1027, "status_msg": "Too dark"}},
        {"err": "Too dark"},
        {"status_details": {"reason": "Too dark"}},
        {"reasons": ["Too dark"]},
        {"error": json.dumps({"message": "Too dark"})},
        {"error": "Too\n  dark", "fail_reason": "https://docs.example/errors"},
    ],
)
def test_the_reason_is_found_wherever_it_stands(fields: dict[str, Any]) -> None:
    failure = read(status="failed", **fields).failure
    assert failure
    assert failure.message == "Too dark"
    task = {"task_id": "video_1", "status": "FAILURE", **fields}
    wrapped = read_reply({"code": "success", "message": "", "data": task})
    assert wrapped
    assert wrapped.failure == failure


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"error": {"message": "No", "code": "moderation"}}, "moderation"),
        ({"error": {"message": "No", "code": 422}}, "422"),
        ({"error": "No", "error_code": "moderation"}, "moderation"),
        ({"error": "No", "code": "success"}, None),
        ({"error": "No", "error_code": 0}, None),
        ({"message": "No", "code": "InvalidParameter"}, "InvalidParameter"),
        ({"message": "No", "code": 10000}, None),
    ],
)
def test_the_reason_has_its_code(fields: dict[str, Any], code: str | None) -> None:
    assert read(status="failed", **fields).failure == ErrorBody("No", code)


def test_a_code_alone_is_a_reason() -> None:
    assert read(status="failed", err_code="PolicyViolation").failure == ErrorBody(
        "PolicyViolation", "PolicyViolation"
    )


def test_a_reason_is_bounded_and_holds_no_signature() -> None:
    failure = read(status="failed", error=f"can't fetch {URL}?sig=s3cr3t " + "x" * 5000).failure
    assert failure
    assert failure.message.startswith(f"can't fetch {URL} x")
    assert len(failure.message) == 500


@pytest.mark.parametrize(
    ("payload", "ids"),
    [
        ({"taskId": "a"}, ("a",)),
        ({"video_id": "a"}, ("a",)),
        ({"id": "a", "task_id": "b"}, ("b", "a")),
        ({"data": {"data": {"id": "a"}}}, ("a",)),
        ({"data": [{"task_id": "a", "status": "submitted"}], "code": 200}, ("a",)),
        ({"task": {"id": "a", "status": "queued"}}, ("a",)),
        ({"status": "success", "data": {"task_id": "a"}}, ("a",)),
        ({"status": 200, "data": {"task_id": "a"}}, ("a",)),
        (
            {"id": "req", "status": "ok", "code": 0, "data": {"id": "a", "status": "done"}},
            ("a", "req"),
        ),
        ({"id": "a", "status": "done", "data": {"id": "x", "status": "ok"}}, ("a",)),
        ({"id": "a", "result": {"status": "completed", "url": URL}}, ("a",)),
        ({"ErrCode": 0, "Resp": {"id": "a", "status": 5}}, ("a",)),
    ],
)
def test_a_wrapped_generation_is_found(payload: dict[str, Any], ids: tuple[str, ...]) -> None:
    reply = read_reply(payload)
    assert reply
    assert (reply.task_id, *reply.other_ids) == ids


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({"status": "success", "data": {"task_id": "a"}}, "queued"),  # of the request alone
        ({"status": "processing", "data": {"task_id": "a"}}, "in_progress"),
        ({"status": "failed", "data": {"task_id": "a"}}, "failed"),
        ({"status": True, "data": {"task_id": "a", "state": "done"}}, "completed"),
        ({"task_id": "a", "status": 2, "task_status": "succeed"}, "completed"),
        ({"id": "a", "state": "FAILED"}, "failed"),
        ({"code": 10000, "status": 10000, "data": {"status": "generating"}}, "in_progress"),
    ],
)
def test_the_status_is_that_of_the_generation(payload: dict[str, Any], status: Status) -> None:
    reply = read_reply(payload)
    assert reply
    assert reply.status == status


@pytest.mark.parametrize(
    "payload",
    [
        {"status": "error", "message": "Try again"},
        {"status": "failed", "error": "Try again"},
        {"code": "error", "status": "timeout", "data": None},
    ],
)
def test_a_failure_without_an_id_may_be_the_request_s_own(payload: dict[str, Any]) -> None:
    assert read_reply(payload) is None


def test_a_result_without_id_or_status_is_a_reply() -> None:
    reply = read_reply({"code": "success", "data": {"url": URL}})
    assert reply
    assert (reply.task_id, reply.status, len(reply.outputs)) == (None, "completed", 1)


@pytest.mark.parametrize(
    ("fields", "business_id"),
    [
        ({}, None),
        ({"client_business_id": "mine-1"}, "mine-1"),
        ({"metadata": {"client_business_id": "mine-1"}}, "mine-1"),
        ({"metadata": '{"client_business_id": "mine-1"}'}, "mine-1"),
        ({"client_business_id": None, "metadata": {"clientBusinessId": "mine-1"}}, "mine-1"),
        ({"client_business_id": ""}, None),
    ],
)
def test_the_business_id_is_read(fields: dict[str, Any], business_id: str | None) -> None:
    assert read(**fields).business_id == business_id
    wrapped = read_reply({"code": 0, "data": {"id": "video_1", "status": "queued", **fields}})
    assert wrapped
    assert wrapped.business_id == business_id


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (CREATED, CREATED),
        (str(CREATED), CREATED),
        (CREATED * 1000, CREATED),
        (CREATED * 1_000_000, CREATED),
        (CREATED * 1_000_000_000, CREATED),
        ("2026-01-14T08:43:42Z", CREATED),
        ("2026-01-14 16:43:42.123+08:00", CREATED),
        ("2026-01-14T08:43:42.123456789+0000", CREATED),
        ("2026-01-14T08:43:42", None),  # of which zone?
        ("Wed, 14 Jan 2026 08:43:42 GMT", None),
        ("2026-13-77T08:43:42Z", None),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-12:00", None),
        (0, None),
        ("0", None),
        (-1, None),
        (-CREATED, None),
        (50, None),
        (1e300, None),
        (10**400, None),
        (float("inf"), None),
        (float("nan"), None),
        (5e9, None),  # far ahead
        (True, None),
        (None, None),
        ([CREATED], None),
        ("tomorrow", None),
    ],
)
def test_a_moment_is_of_this_century_or_nothing(value: Any, moment: float | None) -> None:
    assert moment_of(value) == moment


@pytest.mark.parametrize(
    ("times", "took", "expiry"),
    [
        ((CREATED, COMPLETED, EXPIRES), 292, EXPIRES),
        ((CREATED * 1000, COMPLETED * 1000, EXPIRES * 1000), 292, EXPIRES),
        ((CREATED, COMPLETED, 0), 292, None),
        ((CREATED, COMPLETED, COMPLETED), 292, None),
        ((CREATED, COMPLETED, CREATED), 292, None),
        ((CREATED, 0, EXPIRES), None, None),
        ((CREATED, None, EXPIRES), None, None),
        ((COMPLETED, CREATED, EXPIRES), None, EXPIRES),
        ((0, COMPLETED, EXPIRES), None, EXPIRES),
        ((-5, -4, -3), None, None),
    ],
)
def test_times_that_contradict_each_other_are_not_believed(
    times: tuple[Any, ...], took: float | None, expiry: float | None
) -> None:
    created, completed, expires = times
    reply = read(status="done", created_at=created, completed_at=completed, expires_at=expires)
    assert (reply.took, reply.expiry) == (took, expiry)


LONG_NAME = "x" * 60 + "-token-" + "y" * 60


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain\n\ttext\x00\x1b[2J", "plain text\\x00\\x1b[2J"),
        (f'{{"{LONG_NAME}": "s3cr3t"}}', f'{{"{LONG_NAME}": "[hidden]"}}'),
        (f'{{"url": "{URL}?X-Amz-Signature=s3cr3t&a=b"}}', f'{{"url": "{URL}"}}'),
        (
            '{"url": "https:\\/\\/a.example\\/b.mp4?sig=s3cr3t"}',
            '{"url": "https:\\/\\/a.example\\/b.mp4"}',
        ),
        ('{"url": "https://a.example/b\\u003fsig=s3cr3t"}', '{"url": "https://a.example/b"}'),
        ('{"url": "/v1/videos/v/content?sig=s3cr3t"}', '{"url": "/v1/videos/v/content"}'),
        ("https://user:s3cr3t@a.example/b", "https://a.example/b"),
        ('{"accessToken": "s3cr3t", "a": 1}', '{"accessToken": "[hidden]", "a": 1}'),
        ('{"api_key":"s3\\"cr3t"}', '{"api_key":"[hidden]"}'),
        ("Authorization: Bearer s3cr3t.s3cr3t", 'Authorization: "[hidden]"'),
        ("the key sk-s3cr3ts3cr3t is wrong", "the key sk-[hidden] is wrong"),
        ('{"sig": "s3cr3t", "sigma": "1"}', '{"sig": "[hidden]", "sigma": "1"}'),
        ('{"auth_key": "s3cr3t"}', '{"auth_key": "[hidden]"}'),
        (
            '"https%3A%2F%2Fa.example%3FX-Amz-Signature%3Ds3cr3t"',
            '"https%3A%2F%2Fa.example%3FX-Amz-Signature%3D"[hidden]"',
        ),
        ('{"x": "eyJhbGciOi.eyJzdWIi.s3cr3t"}', '{"x": "[hidden]"}'),
        ('<input name="csrf" value="s3cr3t"/> on', '<input name="csrf" value="[hidden]"/> on'),
        ('"<input value=\\"s3cr3t\\">"', '"<input value="[hidden]">"'),
    ],
)
def test_an_excerpt_holds_no_secrets(text: str, shown: str) -> None:
    assert excerpt(text) == shown
    assert "s3cr3t" not in Answer(200, text).excerpt


def test_an_excerpt_has_500_characters() -> None:
    assert excerpt("x" * 10_000) == "x" * 500
    assert excerpt("x" * 10_000, 60) == "x" * 60
    assert sentence("y\n" * 10_000) == ("y " * 250)


@given(st.text() | st.text(alphabet="/?:\\\"'= token-_sk@", max_size=300))
def test_any_text_has_an_excerpt(text: str) -> None:
    assert printable(excerpt(text)) == excerpt(text)
    assert printable(sentence(text)) == sentence(text)


@pytest.mark.parametrize("unit", ["/", "//", "token", "token=", "\\/", "a", "sk-", "://a@", "?"])
def test_a_hostile_text_takes_no_longer(unit: str) -> None:
    assert len(excerpt(unit * 100_000)) <= 500


def test_a_reply_keeps_its_beginning() -> None:
    reply = read(status="oops", url_of="nothing", token="s3cr3t")
    assert reply.excerpt == (
        '{"id": "video_1", "status": "oops", "url_of": "nothing", "token": "[hidden]"}'
    )
    assert "s3cr3t" not in repr(reply)
    assert Reply("video_1", "queued").excerpt is None


def test_a_reply_that_is_nested_too_deeply_to_be_written_has_no_excerpt() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert read(status="oops", v=deep).excerpt is None
