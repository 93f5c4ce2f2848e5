"""What a reply holds: parsed leniently, and nothing found that isn't there."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.error_bodies import ErrorBody, read_error
from prefect_toapis.client.json_values import canonical
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.replies import Answer, Output, Reply, read_reply

QUEUED = {  # [P] the page's own example
    "id": "video_01K8SGYNNNVBQTXNR4MM964S7K",
    "object": "generation.task",
    "model": "sora-2",
    "status": "queued",
    "progress": 0,
    "created_at": 1768380224,
    "metadata": {"size": "720x720"},
}
COMPLETED = {  # [D]
    "id": "video_7497",
    "object": "generation.task",
    "model": "sora-2",
    "status": "completed",
    "progress": 100,
    "created_at": 1768380222,
    "completed_at": 1768380514,
    "expires_at": 1768466914,
    "result": {
        "type": "video",
        "data": [{"url": "https://files.toapis.com/sora/7712.mp4", "format": "mp4"}],
    },
}
FAILED = {  # [D]
    "id": "video_7497",
    "object": "generation.task",
    "model": "sora-2",
    "status": "failed",
    "progress": 0,
    "created_at": 1768380222,
    "error": {"code": "generation_failed", "message": "Content violates the content policy"},
}


def test_the_documented_replies_are_read() -> None:
    assert read_reply(QUEUED) == Reply(
        "video_01K8SGYNNNVBQTXNR4MM964S7K", "queued", progress=0, created_at=1768380224
    )
    assert read_reply(COMPLETED) == Reply(
        "video_7497",
        "completed",
        progress=100,
        outputs=(Output("https://files.toapis.com/sora/7712.mp4", "mp4"),),
        created_at=1768380222,
        completed_at=1768380514,
        expires_at=1768466914,
    )
    assert read_reply(FAILED) == Reply(
        "video_7497",
        "failed",
        progress=0,
        failure=ErrorBody("Content violates the content policy", "generation_failed"),
        created_at=1768380222,
    )


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("queued", "queued"),
        ("in_progress", "in_progress"),
        ("completed", "completed"),
        ("failed", "failed"),
        ("", "queued"),
        ("pending", "queued"),
        ("submitted", "queued"),
        (None, "queued"),
        ("processing", "in_progress"),
        ("SUCCESS", "completed"),
        ("FAILURE", "failed"),
        (" Completed ", "completed"),
        ("cancelled", "failed"),
        ("almost done", "unknown"),
        (3, "unknown"),
        (True, "unknown"),
        (["completed"], "unknown"),
        ({"completed": 1}, "unknown"),
    ],
)
def test_a_status_is_one_of_four_words_or_unknown(said: Any, status: str) -> None:
    reply = read_reply({"id": "video_1", "status": said})
    assert reply
    assert reply.status == status


def test_no_status_at_all_is_a_task_in_the_queue() -> None:
    assert read_reply({"id": "video_1"}) == Reply("video_1", "queued")


@pytest.mark.parametrize(
    ("payload", "task_id"),
    [
        ({"id": "video_1"}, "video_1"),
        ({"id": "video_1", "task_id": "task_2"}, "task_2"),
        ({"id": "video_1", "task_id": ""}, "video_1"),
        ({"id": "video_1", "task_id": None}, "video_1"),
        ({"id": 7497}, "7497"),
        ({"id": " video_1 "}, "video_1"),
        ({"data": {"id": "video_1", "status": "queued"}}, "video_1"),
        ({"success": True, "data": {"task_id": "task_2"}}, "task_2"),
        ({"id": "outer", "data": {"id": "inner"}}, "outer"),
        ({"status": "queued"}, None),
        ({"id": None, "status": "queued"}, None),
        ({"id": True, "status": "queued"}, None),
        ({"id": float("nan"), "status": "queued"}, None),
        ({"id": float("inf"), "status": "queued"}, None),
        ({"id": ["video_1"], "status": "queued"}, None),
        ({"id": {"id": "video_1"}, "status": "queued"}, None),
        ({"id": "  ", "status": "queued"}, None),
    ],
)
def test_the_id_is_the_one_to_query(payload: dict[str, Any], task_id: str | None) -> None:
    reply = read_reply(payload)
    assert reply
    assert reply.task_id == task_id


@pytest.mark.parametrize(
    "payload",
    [
        *(None, 1, "video_1", True, [], ["video_1"], [QUEUED], {}),
        {"id": None},
        {"id": ""},
        {"status": 3},
        {"data": [QUEUED, QUEUED]},
        {"data": "video_1"},
        {"message": "fine"},
        {"error": {"message": "no"}},
        {"object": "generation.task", "progress": 0},
    ],
)
def test_what_tells_nothing_of_a_generation_is_no_reply(payload: Any) -> None:
    assert read_reply(payload) is None


@pytest.mark.parametrize(
    ("said", "number"),
    [
        (50, 50.0),
        ("50", 50.0),
        ("50%", 50.0),
        (" 12.5 % ", 12.5),
        (0, 0.0),
        (100, 100.0),
        (-1, None),
        (1e9, None),
        (None, None),
        ("", None),
        ("half", None),
        (True, None),
        ([50], None),
        (float("nan"), None),
        ("Infinity", None),
    ],
)
def test_the_progress_may_be_a_string_or_missing(said: Any, number: float | None) -> None:
    reply = read_reply({"id": "v", "progress": said})
    assert reply
    assert reply.progress == number


URL = "https://files.toapis.com/a.mp4"
THUMBNAIL = "https://files.toapis.com/a.jpg"


@pytest.mark.parametrize(
    ("fields", "outputs"),
    [
        ({}, []),
        ({"result": None}, []),
        ({"result": "a.mp4"}, []),
        ({"result": {"data": None}}, []),
        ({"result": {"data": {"characters": []}}}, []),
        ({"result": {"data": [None, 1, "x", [], {}]}}, []),
        ({"result": {"data": [{"url": None}, {"url": ""}, {"url": True}]}}, []),
        ({"result": {"data": [{"url": URL}]}}, [Output(URL)]),
        ({"result": {"data": [{"url": URL, "format": None}]}}, [Output(URL)]),
        (
            {"result": {"data": [{"url": f"{URL}?{n}", "format": "mp4"} for n in range(4)]}},
            [Output(f"{URL}?{n}", "mp4") for n in range(4)],
        ),
        (
            {"result": {"data": [{"url": URL, "thumbnail_url": THUMBNAIL}]}},
            [Output(URL, thumbnail_url=THUMBNAIL)],
        ),
        (
            {"result": {"data": [{"url": URL, "thumbnail": THUMBNAIL}]}},
            [Output(URL, thumbnail_url=THUMBNAIL)],
        ),
        (
            {"thumbnail_url": THUMBNAIL, "result": {"data": [{"url": URL}]}},
            [Output(URL, thumbnail_url=THUMBNAIL)],
        ),
        (
            {"result": {"thumbnail": THUMBNAIL, "data": [{"url": URL}]}},
            [Output(URL, thumbnail_url=THUMBNAIL)],
        ),
        (
            {"thumbnail": True, "result": {"data": [{"url": URL}]}},
            [Output(URL)],
        ),
    ],
)
def test_all_items_with_a_url_are_results(fields: dict[str, Any], outputs: list[Output]) -> None:
    reply = read_reply({"id": "v", "status": "completed", **fields})
    assert reply
    assert list(reply.outputs) == outputs


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (
            {"error": {"code": "invalid_request", "message": "No", "type": "kind"}},
            ErrorBody("No", "invalid_request", "kind"),
        ),
        ({"error": {"code": 402, "message": "No"}}, ErrorBody("No", "402")),
        ({"error": {"message": "No"}}, ErrorBody("No")),
        ({"error": {"code": "internal_error"}}, ErrorBody("internal_error", "internal_error")),
        ({"error": {"type": "kind"}}, ErrorBody("kind", kind="kind")),
        ({"error": "No"}, ErrorBody("No")),
        ({"error": 5}, ErrorBody("5")),
        ({"success": False, "message": "Too large"}, ErrorBody("Too large")),
        ({"success": False}, ErrorBody("no reason given")),
        ({"success": False, "error": {}}, None),
        ({"success": True, "message": "fine"}, None),
        ({"success": 0, "message": "fine"}, None),
        ({"error": None}, None),
        ({"error": ""}, None),
        ({"error": {}}, None),
        ({"error": {"message": None, "code": None}}, None),
        ({"error": {"message": "", "code": 0}}, None),
        ({"error": {"message": "No", "code": 0}}, ErrorBody("No", "0")),
        ({"error": "null"}, None),
        ({"error": ["No"]}, None),
        ({"error": True}, None),
        ({"message": "No"}, None),
        ({}, None),
        (None, None),
        (["error"], None),
        ("error", None),
    ],
)
def test_errors_are_read_in_every_shape(payload: Any, error: ErrorBody | None) -> None:
    assert read_error(payload) == error


@pytest.mark.parametrize("wrap", [lambda text: text, lambda text: {"message": text}])
def test_an_error_s_message_loses_the_queries_of_its_urls(wrap: Any) -> None:
    error = read_error(
        {"error": wrap("can't fetch https://a.example/b.png?X-Amz-Signature=s3cr3t")}
    )
    assert error
    assert error.message == "can't fetch https://a.example/b.png"


def test_no_repr_shows_a_signed_url() -> None:
    signed = f"{URL}?X-Amz-Signature=s3cr3t"
    payload = {
        "id": "v",
        "status": "completed",
        "result": {"data": [{"url": signed, "thumbnail": signed}]},
    }
    answer = Answer(200, json.dumps(payload), {"location": signed})
    assert "s3cr3t" not in f"{answer!r} {read_reply(payload)!r} {answer.excerpt}"


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ('{"id": 1}', {"id": 1}),
        ("", None),
        ("<html></html>", None),
        ('{"id": ', None),
        ("[" * 100_000, None),
    ],
)
def test_a_body_that_is_no_json_has_no_payload(text: str, payload: Any) -> None:
    assert Answer(200, text).payload == payload


@pytest.mark.parametrize(
    ("headers", "request_id"),
    [
        ({}, None),
        ({"x-request-id": "a", "request-id": "b"}, "a"),
        ({"request-id": "b"}, "b"),
    ],
)
def test_the_request_id_comes_from_the_headers(
    headers: dict[str, str], request_id: str | None
) -> None:
    assert Answer(500, "", headers).request_id == request_id


NAMES = [
    *("id", "task_id", "status", "data", "error", "code", "message", "type", "success"),
    *("result", "url", "format", "thumbnail", "thumbnail_url", "progress", "created_at"),
]
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["completed", "failed", "queued", URL])
)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=6)
    ),
    max_leaves=12,
)


def ids_in(payload: Any) -> set[str]:
    """Every id that stands in a payload where the reference shows or met one."""
    if isinstance(payload, list):
        return set[str]().union(*map(ids_in, payload))
    if not isinstance(payload, dict):
        return set()
    found = [value for name, value in payload.items() if canonical(name) in {"id", "taskid"}]
    own = {str(one).strip() for one in found if isinstance(one, (str, int, float))}
    return own.union(*map(ids_in, payload.values()))


@given(json_values)
def test_any_json_is_read_without_an_exception_and_no_id_is_invented(payload: Any) -> None:
    reply, error = read_reply(payload), read_error(payload)
    if reply and reply.task_id is not None:
        assert reply.task_id
        assert reply.task_id in ids_in(payload)
    if reply and reply.failure:
        assert reply.failure.message
    if error:
        assert error.message


@given(st.integers(100, 599), st.text() | json_values.map(json.dumps))
def test_any_text_makes_an_answer_that_can_be_read(status: int, text: str) -> None:
    answer = Answer(status, text)
    assert len(answer.excerpt) <= 500
    assert answer.excerpt == printable(answer.excerpt)
    reply = read_reply(answer.payload)
    read_error(answer.payload)
    assert reply is None or reply.task_id is None or reply.task_id.strip() in ids_in(answer.payload)
