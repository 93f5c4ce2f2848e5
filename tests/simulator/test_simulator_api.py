"""The API: what it accepts, what it refuses, and how both look."""

from typing import Any

import httpx
import pytest

from prefect_toapis.simulator import Simulator, SimulatorSettings

GENERATIONS = "/v1/videos/generations"
EXAMPLE = {
    "model": "sora-2",
    "prompt": "A golden retriever running on grass, sunny day",
    "duration": 10,
    "aspect_ratio": "16:9",
}


def completed(simulator: Simulator, api: httpx.Client, wanted: str) -> dict[str, Any]:
    def done() -> dict[str, Any] | None:
        shown: dict[str, Any] = api.get(f"{GENERATIONS}/{wanted}").json()
        return shown if shown["status"] == "completed" else None

    shown = simulator.wait_for(done)
    assert shown is not None
    return shown


def test_answers_the_pages_example_as_the_page_shows(api: httpx.Client) -> None:
    reply = api.post(GENERATIONS, json=EXAMPLE)
    shown = reply.json()
    assert reply.status_code == 200
    assert shown.pop("id").startswith("video_")
    assert isinstance(shown.pop("created_at"), int)
    assert shown == {
        "object": "generation.task",
        "model": "sora-2",
        "status": "queued",
        "progress": 0,
        "metadata": {"size": "320x180"},
    }


def test_shows_a_completed_generation_as_the_page_does(
    simulator: Simulator, api: httpx.Client
) -> None:
    task_id = api.post(GENERATIONS, json=EXAMPLE).json()["id"]
    shown = completed(simulator, api, task_id)
    assert (shown["id"], shown["progress"]) == (task_id, 100)
    assert shown["completed_at"] >= shown["created_at"]
    assert shown["expires_at"] - shown["completed_at"] == 24 * 3600
    assert shown["result"]["type"] == "video"
    (video,) = shown["result"]["data"]
    assert set(video) == {"url", "format"}
    assert video["format"] == "mp4"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "test-key"}],
    ids=["no key", "unknown key", "no scheme"],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_refuses_whom_it_does_not_know(
    simulator: Simulator, method: str, headers: dict[str, str]
) -> None:
    path = GENERATIONS if method == "POST" else f"{GENERATIONS}/video_1"
    reply = httpx.request(method, simulator.url + path, headers=headers)
    assert reply.status_code == 401
    assert reply.json()["error"]["code"] == "unauthorized"
    assert simulator.ledger.unauthorized == 1
    assert not simulator.ledger.submissions


def test_accepts_each_of_its_keys() -> None:
    with Simulator(SimulatorSettings(api_keys=("one", "two"))) as simulator:
        for key in ("one", "two"):
            reply = httpx.post(
                simulator.url + GENERATIONS,
                json=EXAMPLE,
                headers={"Authorization": f"Bearer {key}"},
            )
            assert reply.status_code == 200


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"prompt": " "}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"duration": 12}, "duration"),
        ({"duration": "10"}, "duration"),
        ({"aspect_ratio": "4:3"}, "aspect_ratio"),
        ({"image_urls": ["data:image/png;base64,AAAA"]}, "image_urls[0]"),
        ({"metadata": {"n": 5}}, "metadata.n"),
        ({"metadata": {"n": True}}, "metadata.n"),
        ({"metadata": {"hd": True}}, "metadata.hd"),
        ({"metadata": {"prompt": "x"}}, "metadata.prompt"),
        ({"metadata": []}, "metadata"),
        ({"n": 2}, "n"),
        ({"seed": 1}, "seed"),
        ({"client_business_id": 7}, "client_business_id"),
    ],
    ids=str,
)
def test_names_the_parameter_that_is_wrong(
    simulator: Simulator, api: httpx.Client, change: dict[str, Any], named: str
) -> None:
    reply = api.post(GENERATIONS, json=EXAMPLE | change)
    error = reply.json()["error"]
    assert reply.status_code == 400
    assert (error["code"], error["type"]) == ("invalid_request", "invalid_request_error")
    assert error["message"].startswith(f"{named}: ")
    assert not simulator.ledger.paid


def test_does_not_repeat_what_may_be_signed(api: httpx.Client) -> None:
    wrong = EXAMPLE | {"image_urls": "https://a.example/cat.png?X-Amz-Signature=secret"}
    assert "secret" not in api.post(GENERATIONS, json=wrong).text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"a dog"'])
def test_refuses_a_body_that_is_no_json_object(api: httpx.Client, body: bytes) -> None:
    reply = api.post(GENERATIONS, content=body)
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "invalid_request"


def test_accepts_a_model_it_does_not_know_with_fields_of_its_own(api: httpx.Client) -> None:
    body = {"model": "kling-9", "prompt": "A dog", "seed": 1, "metadata": {"mode": "pro"}}
    assert api.post(GENERATIONS, json=body).status_code == 200


@pytest.mark.parametrize(("n", "results"), [(0, 1), (3, 3), (1_000_000_000, 4)])
def test_makes_one_to_four_results_for_a_model_it_does_not_know(
    simulator: Simulator, api: httpx.Client, n: int, results: int
) -> None:
    body = {"model": "kling-9", "prompt": "A dog", "metadata": {"n": n}}
    task_id = api.post(GENERATIONS, json=body).json()["id"]
    assert len(completed(simulator, api, task_id)["result"]["data"]) == results


def test_refuses_a_prompt_by_its_marker(simulator: Simulator, api: httpx.Client) -> None:
    reply = api.post(GENERATIONS, json=EXAMPLE | {"prompt": "Please refuse me now"})
    assert reply.status_code == 422
    assert reply.json()["error"]["code"] == "content_policy_violation"
    (submission,) = simulator.ledger.submissions
    assert (submission.paid, submission.refusal) == (False, "content_policy_violation")


def test_refuses_when_the_balance_is_used_up() -> None:
    settings = SimulatorSettings(balance_credits=50, price_credits=20, render_seconds=60)
    with Simulator(settings) as simulator:
        headers = {"Authorization": f"Bearer {simulator.api_key}"}
        replies = [
            httpx.post(simulator.url + GENERATIONS, json=EXAMPLE, headers=headers) for _ in range(3)
        ]
        assert [reply.status_code for reply in replies] == [200, 200, 402]
        assert replies[-1].json()["error"]["code"] == "insufficient_quota"
        assert simulator.ledger.credits_spent == 40


def test_does_not_know_a_task_that_was_never_made(api: httpx.Client) -> None:
    reply = api.get(f"{GENERATIONS}/video_none")
    assert reply.status_code == 404
    error = reply.json()["error"]
    assert (error["code"], error["type"]) == ("task_not_found", "not_found_error")


def test_answers_an_unknown_path_with_json(api: httpx.Client) -> None:
    reply = api.get("/v1/nothing")
    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    "where",
    [{"client_business_id": "order-1"}, {"metadata": {"client_business_id": "order-1"}}],
    ids=["top level", "metadata"],
)
def test_finds_a_task_by_its_business_id(
    simulator: Simulator, api: httpx.Client, where: dict[str, Any]
) -> None:
    task_id = api.post(GENERATIONS, json=EXAMPLE | where).json()["id"]
    assert api.get(f"{GENERATIONS}/order-1").json()["id"] == task_id
    assert simulator.ledger.submissions[0].business_id == "order-1"


def test_accepts_a_business_id_twice_and_finds_the_newest(
    simulator: Simulator, api: httpx.Client
) -> None:
    body = EXAMPLE | {"client_business_id": "order-1"}
    first, second = (api.post(GENERATIONS, json=body).json()["id"] for _ in range(2))
    assert first != second
    assert api.get(f"{GENERATIONS}/order-1").json()["id"] == second
    assert api.get(f"{GENERATIONS}/{first}").json()["id"] == first
    assert len(simulator.ledger.paid) == 2


def test_makes_as_many_results_as_were_asked_each_at_its_own_url(
    simulator: Simulator, api: httpx.Client
) -> None:
    task_id = api.post(GENERATIONS, json=EXAMPLE | {"metadata": {"n": 3}}).json()["id"]
    results = completed(simulator, api, task_id)["result"]["data"]
    assert len({result["url"] for result in results}) == 3


def test_gives_a_thumbnail_for_each_result_when_asked(
    simulator: Simulator, api: httpx.Client
) -> None:
    body = EXAMPLE | {"thumbnail": True, "metadata": {"n": 2}}
    task_id = api.post(GENERATIONS, json=body).json()["id"]
    results = completed(simulator, api, task_id)["result"]["data"]
    pictures = [httpx.get(result["thumbnail_url"]) for result in results]
    assert [picture.headers["Content-Type"] for picture in pictures] == ["image/jpeg"] * 2
    assert all(picture.content.startswith(b"\xff\xd8") for picture in pictures)


def test_keeps_books_on_each_submission(simulator: Simulator, api: httpx.Client) -> None:
    body = EXAMPLE | {"client_business_id": "order-1"}
    task_id = api.post(GENERATIONS, json=body).json()["id"]
    api.get(f"{GENERATIONS}/{task_id}")
    api.get(f"{GENERATIONS}/{task_id}")
    (submission,) = simulator.ledger.submissions
    assert submission.body == body
    assert (submission.task_id, submission.model) == (task_id, "sora-2")
    assert (submission.paid, submission.credits, submission.refunded) == (True, 20, False)
    assert simulator.ledger.queries == {task_id: 2}


def test_shows_its_books_over_http(simulator: Simulator, api: httpx.Client) -> None:
    task_id = api.post(GENERATIONS, json=EXAMPLE).json()["id"]
    api.get(f"{GENERATIONS}/{task_id}")
    books = httpx.get(f"{simulator.url}/_simulator/ledger").json()
    assert books == simulator.ledger.as_json()
    assert books["credits_spent"] == 20
    assert books["queries"] == {task_id: 1}
