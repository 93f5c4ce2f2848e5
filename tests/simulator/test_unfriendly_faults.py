"""Faults that gateways in the wild show, over real connections."""

import gzip
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from tests.provider_clock import ProviderClock

from prefect_toapis.simulator import (
    Conflict,
    Flood,
    Hide,
    Mixup,
    Partial,
    Redirect,
    Refuse,
    Replace,
    Rewrite,
    SameTask,
    Simulator,
    Trickle,
    Truncate,
)
from prefect_toapis.simulator.faults import FAULT, Facts, Fault, meets
from prefect_toapis.simulator.transfers import pieces

GENERATIONS = "/v1/videos/generations"
BODY = {"prompt": "A dog on grass", "client_business_id": "order-1"}


@pytest.fixture
def submit(swift_api: httpx.Client) -> Callable[..., httpx.Response]:
    """Of the simulator `swift`, which is done with a generation at once."""

    def submit(business_id: str = "order-1", **more: Any) -> httpx.Response:
        body = BODY | {"client_business_id": business_id} | more
        return swift_api.post(GENERATIONS, json=body)

    return submit


Submit = Callable[..., httpx.Response]


@pytest.fixture
def video_url(swift_api: httpx.Client, submit: Submit) -> str:
    submit("video")
    url: str = swift_api.get(f"{GENERATIONS}/video").json()["result"]["data"][0]["url"]
    return url


@pytest.mark.parametrize("when", ["before", "after"])
def test_refuse_words_an_error(swift: Simulator, submit: Submit, when: Any) -> None:
    fault = Refuse(
        operation="submit", when=when, status=499, code="gone", message="Too late", shape="errors"
    )
    swift.faults.add(fault)
    reply = submit()
    assert (reply.status_code, reply.json()) == (499, {"errors": ["gone: Too late"]})
    assert len(swift.ledger.paid) == (when == "after")


def test_lookup_meets_queries_by_the_callers_own_id_alone(
    swift: Simulator, swift_api: httpx.Client, submit: Submit
) -> None:
    task_id = submit().json()["id"]
    swift.faults.add(Refuse(operation="lookup", status=404, times=None))
    codes = [
        swift_api.get(f"{GENERATIONS}/{wanted}").status_code
        for wanted in (task_id, "order-1", "order-2")
    ]
    assert codes == [200, 404, 404]
    swift.faults.clear()
    swift.faults.add(Refuse(operation="status", status=500, times=None))
    assert swift_api.get(f"{GENERATIONS}/order-1").status_code == 500


def test_a_lookup_may_lag(simulator: Simulator, api: httpx.Client, clock: ProviderClock) -> None:
    simulator.faults.add(Hide(seconds=60, queries="lookup"))
    task_id = api.post(GENERATIONS, json=BODY).json()["id"]
    assert api.get(f"{GENERATIONS}/{task_id}").status_code == 200
    assert api.get(f"{GENERATIONS}/order-1").status_code == 404
    clock.skip(61)
    assert api.get(f"{GENERATIONS}/order-1").json()["id"] == task_id


@pytest.mark.parametrize(("seconds", "later"), [(60, 2), (None, 1)])
def test_a_part_of_the_videos_comes_first(
    simulator: Simulator, api: httpx.Client, clock: ProviderClock, seconds: Any, later: int
) -> None:
    simulator.faults.add(Partial(outputs=1, seconds=seconds))
    api.post(GENERATIONS, json=BODY | {"metadata": {"n": 2}})
    counts = []
    for wait in (1, 61):
        clock.skip(wait)
        said = api.get(f"{GENERATIONS}/order-1").json()
        assert said["status"] == "completed"
        counts.append(len(said["result"]["data"]))
    assert counts == [1, later]


def test_completed_may_be_without_videos(
    swift: Simulator, swift_api: httpx.Client, submit: Submit
) -> None:
    swift.faults.add(Partial())
    submit()
    said = swift_api.get(f"{GENERATIONS}/order-1").json()
    assert (said["status"], said["result"]["data"]) == ("completed", [])


def test_rewrite_replaces_members(
    swift: Simulator, swift_api: httpx.Client, submit: Submit
) -> None:
    members = {"expires_at": 0, "id": "video_other", "client_business_id": "order-9"}
    swift.faults.add(Rewrite(operation="status", members={**members}))
    submit()
    said = swift_api.get(f"{GENERATIONS}/order-1").json()
    assert {name: said[name] for name in members} == members
    assert swift_api.get(f"{GENERATIONS}/order-1").json()["id"] == swift.ledger.paid[0].task_id


def test_mixup_shows_another_task(
    swift: Simulator, swift_api: httpx.Client, submit: Submit
) -> None:
    first = submit("order-1").json()["id"]
    swift.faults.add(Mixup(times=2))
    assert swift_api.get(f"{GENERATIONS}/order-1").json()["id"] == first  # there is no other
    second = submit("order-2").json()["id"]
    mistaken = swift_api.get(f"{GENERATIONS}/{first}").json()
    assert (mistaken["id"], mistaken["client_business_id"]) == (second, "order-2")
    assert swift_api.get(f"{GENERATIONS}/{first}").json()["id"] == first


def test_two_submissions_may_get_the_same_task(
    swift: Simulator, swift_api: httpx.Client, submit: Submit
) -> None:
    first = submit("order-1").json()["id"]
    swift.faults.add(SameTask())
    assert submit("order-2").json()["id"] == first
    paid = [one.task_id for one in swift.ledger.paid]
    assert paid[0] == first != paid[1]
    assert swift_api.get(f"{GENERATIONS}/order-2").json()["id"] == paid[1]


@pytest.mark.parametrize(("first", "statuses"), [(False, [200, 409, 200]), (True, [409] * 3)])
def test_what_exists_already_is_refused_and_not_paid_again(
    swift: Simulator, submit: Submit, first: bool, statuses: list[int]
) -> None:
    swift.faults.add(Conflict(first=first, times=None))
    replies = [submit(wanted) for wanted in ("order-1", "order-1", "order-2")]
    assert [reply.status_code for reply in replies] == statuses
    assert [one.business_id for one in swift.ledger.paid] == ["order-1", "order-2"]
    assert [one.refusal for one in swift.ledger.submissions] == [None, "already_exists", None]
    assert "exists already" in replies[1].text


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_trickle_is_the_whole_reply_in_the_end(
    swift: Simulator, swift_api: httpx.Client, submit: Submit, part: Any
) -> None:
    submit()
    whole = swift_api.get(f"{GENERATIONS}/order-1")
    swift.faults.add(Trickle(operation="status", bytes_per_second=20_000, part=part))
    slow = swift_api.get(f"{GENERATIONS}/order-1")
    assert (slow.status_code, slow.json()["id"]) == (200, whole.json()["id"])
    assert swift_api.get(f"{GENERATIONS}/order-1").status_code == 200


def test_a_slow_head_is_not_there_while_its_client_waits(
    swift: Simulator, swift_api: httpx.Client, submit: Submit
) -> None:
    submit()
    swift.faults.add(Trickle(operation="status", part="head"))
    with pytest.raises(httpx.ReadTimeout):
        swift_api.get(f"{GENERATIONS}/order-1", timeout=httpx.Timeout(5, read=0.5))
    assert swift_api.get(f"{GENERATIONS}/order-1").status_code == 200


def test_a_slow_body_comes_after_its_head(
    swift: Simulator, swift_api: httpx.Client, submit: Submit
) -> None:
    submit()
    swift.faults.add(Trickle(operation="status", bytes_per_second=2))
    with swift_api.stream("GET", f"{GENERATIONS}/order-1") as reply:
        first = next(reply.iter_raw())
    assert len(first) < int(reply.headers["content-length"])
    assert swift_api.get(f"{GENERATIONS}/order-1").status_code == 200


def test_a_rate_is_kept_by_pieces() -> None:
    sent = list(pieces(b"x" * 1000, 500))
    assert sum(seconds for _, seconds in sent) == pytest.approx(2)
    assert max(len(piece) for piece, _ in sent) == 50


@pytest.mark.parametrize("packed", [False, True])
def test_a_flood_goes_on_and_on(swift: Simulator, swift_api: httpx.Client, packed: bool) -> None:
    swift.faults.add(Flood(operation="status", size=5_000_000, gzip=packed))
    with swift_api.stream("GET", f"{GENERATIONS}/order-1") as reply:
        sent = b"".join(reply.iter_raw())
    assert len(sent) < 50_000 if packed else len(sent) == 5_000_000
    body = gzip.decompress(sent) if packed else sent
    assert body[:10] == b'{"id": "00'
    assert len(body) == 5_000_000


def test_a_flood_ends_when_the_client_goes_away(
    swift: Simulator, swift_api: httpx.Client, submit: Submit
) -> None:
    swift.faults.add(Flood(operation="submit", when="after", size=1024**4, gzip=True))
    with swift_api.stream("POST", GENERATIONS, json=BODY) as reply:
        next(reply.iter_raw())
    assert len(swift.ledger.paid) == 1
    assert submit("order-2").status_code == 200


@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_a_cut_need_not_show(swift: Simulator, video_url: str, framing: Any) -> None:
    whole = httpx.get(video_url).content
    swift.faults.add(Truncate(at_bytes=1000, framing=framing, times=2))
    for headers in ({}, {"Range": "bytes=100-"}):
        cut = httpx.get(video_url, headers=headers)
        assert cut.status_code == 200
        assert cut.content == whole[:1000]
        assert "content-length" not in cut.headers
        assert ("transfer-encoding" in cut.headers) is (framing == "chunked")
    assert httpx.get(video_url).content == whole


def test_a_file_may_be_whole_without_its_length(swift: Simulator, video_url: str) -> None:
    whole = httpx.get(video_url).content
    swift.faults.add(Truncate(at_bytes=10**9, framing="close"))
    assert httpx.get(video_url).content == whole


def test_a_redirect_leads_to_the_same_file_at_another_host(
    swift: Simulator, video_url: str
) -> None:
    swift.faults.add(Redirect(status=307, times=None))
    redirected = httpx.get(video_url)
    assert redirected.status_code == 307
    assert redirected.headers["location"] == video_url.replace("127.0.0.1", "localhost")
    assert httpx.get(video_url, follow_redirects=True).content[4:8] == b"ftyp"
    assert swift.ledger.leaked_keys == 0
    httpx.get(redirected.headers["location"], headers={"Authorization": "Bearer key"})
    assert swift.ledger.leaked_keys == 1


@pytest.mark.parametrize(
    ("fault", "facts", "expected"),
    [
        (Replace(operation="lookup", status=404), Facts("status", by_business_id=True), True),
        (Replace(operation="lookup", status=404), Facts("status"), False),
        (Replace(operation="status", status=404), Facts("status", by_business_id=True), True),
        (Replace(operation="lookup", status=404), Facts("submit"), False),
    ],
)
def test_a_lookup_is_a_status_query_as_well(fault: Fault, facts: Facts, expected: bool) -> None:
    assert meets(fault, facts) is expected


@pytest.mark.parametrize(
    "fault",
    [
        Refuse(operation="submit", status=403, shape="html"),
        Trickle(operation="media", bytes_per_second=0.5, part="head"),
        Flood(operation="models", gzip=True),
        Truncate(at_bytes=3, framing="close"),
        Redirect(host="example.com"),
        Rewrite(operation="submit", members={"id": 7, "error": {"message": None}}),
        Mixup(operation="lookup"),
        Hide(seconds=9, queries="lookup"),
        Partial(outputs=1, seconds=3),
        SameTask(operation="remix"),
        Conflict(first=True, times=None),
    ],
    ids=lambda fault: fault.action,
)
def test_they_are_data(fault: Fault) -> None:
    assert FAULT.validate_json(FAULT.dump_json(fault)) == fault
