"""Faults: each kind, over real connections."""

import asyncio
from typing import Any

import httpx
import pytest

from prefect_toapis.simulator import (
    Delay,
    Drop,
    Hide,
    Hold,
    Replace,
    Simulator,
    SimulatorSettings,
    Truncate,
)
from prefect_toapis.simulator.faults import FAULT, Facts, Fault, Faults, meets

GENERATIONS = "/v1/videos/generations"
BODY = {"prompt": "A dog on grass", "client_business_id": "order-1"}


@pytest.fixture
def video_url(simulator: Simulator, api: httpx.Client) -> str:
    task_id = api.post(GENERATIONS, json=BODY).json()["id"]
    path = f"{GENERATIONS}/{task_id}"
    shown = simulator.wait_for(lambda: api.get(path).json().get("result"))
    url: str = shown["data"][0]["url"]
    return url


@pytest.mark.parametrize(("when", "paid"), [("before", 0), ("after", 1)])
def test_drop_closes_the_connection_without_a_reply(
    simulator: Simulator, api: httpx.Client, when: Any, paid: int
) -> None:
    simulator.faults.add(Drop(operation="submit", when=when))
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        api.post(GENERATIONS, json=BODY)
    assert len(simulator.ledger.submissions) == 1
    assert len(simulator.ledger.paid) == paid
    assert api.get(f"{GENERATIONS}/order-1").status_code == (200 if paid else 404)
    assert api.post(GENERATIONS, json=BODY).status_code == 200


@pytest.mark.parametrize(("when", "paid"), [("before", 0), ("after", 1)])
def test_replace_answers_something_else(
    simulator: Simulator, api: httpx.Client, when: Any, paid: int
) -> None:
    fault = Replace(
        operation="submit",
        when=when,
        status=502,
        headers={"Content-Type": "text/html", "Retry-After": "7"},
        body="<html>Bad gateway</html>",
    )
    simulator.faults.add(fault)
    reply = api.post(GENERATIONS, json=BODY)
    assert (reply.status_code, reply.text) == (502, "<html>Bad gateway</html>")
    assert (reply.headers["Content-Type"], reply.headers["Retry-After"]) == ("text/html", "7")
    assert len(simulator.ledger.paid) == paid


async def test_hold_keeps_the_reply_until_it_is_released(simulator: Simulator) -> None:
    simulator.faults.add(Hold(operation="submit"))
    headers = {"Authorization": f"Bearer {simulator.api_key}"}
    async with httpx.AsyncClient(base_url=simulator.url, headers=headers) as api:
        reply = asyncio.create_task(api.post(GENERATIONS, json=BODY))
        (held,) = await simulator.await_for(lambda: simulator.faults.held)
        assert held.facts == Facts("submit", business_id="order-1", prompt="A dog on grass")
        assert len(simulator.ledger.paid) == 1
        assert not reply.done()
        simulator.faults.release()
        assert (await reply).json()["id"] == simulator.ledger.paid[0].task_id
    assert not simulator.faults.held


def test_hold_ends_when_the_client_goes_away(simulator: Simulator, api: httpx.Client) -> None:
    simulator.faults.add(Hold(operation="submit"))
    with pytest.raises(httpx.ReadTimeout):
        api.post(GENERATIONS, json=BODY, timeout=0.2)
    simulator.wait_for(lambda: not simulator.faults.held)
    assert len(simulator.ledger.paid) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_delay_processes_a_submission_even_if_nobody_waits_for_it(
    simulator: Simulator, api: httpx.Client, when: Any
) -> None:
    simulator.faults.add(Delay(operation="submit", seconds=0.4, when=when))
    with pytest.raises(httpx.ReadTimeout):
        api.post(GENERATIONS, json=BODY, timeout=0.1)
    simulator.wait_for(lambda: simulator.ledger.paid)


def test_delay_answers_in_the_end(simulator: Simulator, api: httpx.Client) -> None:
    simulator.faults.add(Delay(operation="submit", seconds=0.05))
    assert api.post(GENERATIONS, json=BODY).status_code == 200


def test_truncate_sends_so_many_bytes_and_closes(simulator: Simulator, video_url: str) -> None:
    simulator.faults.add(Truncate(at_bytes=1000))
    with httpx.stream("GET", video_url) as reply:
        pieces = reply.iter_raw()
        received = next(pieces)
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            next(pieces)
    whole = httpx.get(video_url).content
    assert received == whole[:1000]
    assert int(reply.headers["Content-Length"]) == len(whole)


def test_truncate_cuts_a_range_as_well(simulator: Simulator, video_url: str) -> None:
    simulator.faults.add(Truncate(at_bytes=10))
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        httpx.get(video_url, headers={"Range": "bytes=100-199"})


@pytest.mark.parametrize("operation", ["status", "media"])
def test_each_operation_has_faults_of_its_own(
    simulator: Simulator, api: httpx.Client, video_url: str, operation: Any
) -> None:
    simulator.faults.add(Replace(operation=operation, status=503, body="later"))
    status = api.get(f"{GENERATIONS}/order-1").status_code
    media = httpx.get(video_url).status_code
    assert (status, media) == ((503, 200) if operation == "status" else (200, 503))


def test_a_fault_happens_as_often_as_it_says(simulator: Simulator, api: httpx.Client) -> None:
    simulator.faults.add(Replace(operation="status", status=500, times=2))
    codes = [api.get(f"{GENERATIONS}/x").status_code for _ in range(3)]
    assert codes == [500, 500, 404]
    assert not simulator.faults.pending


def test_a_fault_without_an_end_happens_until_it_is_cleared(
    simulator: Simulator, api: httpx.Client
) -> None:
    simulator.faults.add(Replace(operation="status", status=500, times=None))
    assert {api.get(f"{GENERATIONS}/x").status_code for _ in range(5)} == {500}
    simulator.faults.clear()
    assert api.get(f"{GENERATIONS}/x").status_code == 404


def test_a_query_by_business_id_meets_the_faults_of_its_task(
    simulator: Simulator, api: httpx.Client
) -> None:
    task_id = api.post(GENERATIONS, json=BODY).json()["id"]
    simulator.faults.add(Replace(operation="status", task_id=task_id, status=500))
    assert api.get(f"{GENERATIONS}/order-1").status_code == 500


FACTS = Facts("submit", business_id="order-1", task_id="video_1", prompt="A dog on grass")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Drop(operation="submit"), True),
        (Drop(operation="status"), False),
        (Drop(operation="submit", prompt="dog"), True),
        (Drop(operation="submit", prompt="cat"), False),
        (Drop(operation="submit", business_id="order-1"), True),
        (Drop(operation="submit", business_id="order-2"), False),
        (Drop(operation="submit", task_id="video_1"), True),
        (Drop(operation="submit", task_id="video_2"), False),
        (Drop(operation="submit", business_id="order-1", prompt="cat"), False),
        (Hide(seconds=1), True),
        (Truncate(at_bytes=1), False),
    ],
    ids=repr,
)
def test_a_fault_meets_what_it_names(fault: Fault, expected: bool) -> None:
    assert meets(fault, FACTS) is expected


def test_only_the_matching_faults_are_used_up() -> None:
    faults = Faults()
    cat, dog = Drop(operation="submit", prompt="cat"), Drop(operation="submit", prompt="dog")
    faults.add(cat, dog)
    assert faults.take(FACTS) == [dog]
    assert faults.pending == [cat]


@pytest.mark.parametrize(
    "fault",
    [
        Hold(operation="submit", prompt="dog"),
        Drop(operation="media", when="after", times=None),
        Delay(operation="status", seconds=1.5),
        Replace(operation="submit", status=200, headers={"A": "b"}, body="{}"),
        Truncate(at_bytes=3, times=2),
        Hide(seconds=9),
    ],
    ids=lambda fault: fault.action,
)
def test_faults_are_data(fault: Fault) -> None:
    assert FAULT.validate_json(FAULT.dump_json(fault)) == fault


def test_faults_are_set_shown_and_cleared_over_http(
    simulator: Simulator, api: httpx.Client
) -> None:
    faults = f"{simulator.url}/_simulator/faults"
    fault = {"action": "replace", "operation": "status", "status": 500, "times": 2}
    assert httpx.post(faults, json=fault).status_code == 200
    assert api.get(f"{GENERATIONS}/x").status_code == 500
    (shown,) = httpx.get(faults).json()
    assert shown | fault == shown
    assert httpx.delete(faults).status_code == 204
    assert httpx.get(faults).json() == []
    assert api.get(f"{GENERATIONS}/x").status_code == 404


@pytest.mark.parametrize(("method", "path"), [("DELETE", "faults"), ("POST", "release")])
async def test_what_is_held_is_released_over_http(
    simulator: Simulator, method: str, path: str
) -> None:
    simulator.faults.add(Hold(operation="submit"))
    headers = {"Authorization": f"Bearer {simulator.api_key}"}
    async with httpx.AsyncClient(base_url=simulator.url, headers=headers) as api:
        reply = asyncio.create_task(api.post(GENERATIONS, json=BODY))
        await simulator.await_for(lambda: simulator.faults.held)
        assert (await api.request(method, f"/_simulator/{path}")).status_code == 204
        assert (await reply).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "explode", "operation": "submit"},
        {"action": "drop"},
        {"action": "replace", "operation": "submit"},
        {"action": "truncate", "operation": "submit", "at_bytes": 1},
        {"action": "drop", "operation": "submit", "times": 0},
    ],
    ids=str,
)
def test_a_fault_that_makes_no_sense_is_refused(
    simulator: Simulator, wrong: dict[str, Any]
) -> None:
    reply = httpx.post(f"{simulator.url}/_simulator/faults", json=wrong)
    assert reply.status_code == 400
    assert reply.json()["faults"]
    assert not simulator.faults.pending


def test_a_dropped_reply_is_paid_and_never_more_than_asked() -> None:
    settings = SimulatorSettings(price_credits=7, balance_credits=10)
    with Simulator(settings) as simulator:
        headers = {"Authorization": f"Bearer {simulator.api_key}"}
        simulator.faults.add(Drop(operation="submit", when="after"))
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            httpx.post(simulator.url + GENERATIONS, json=BODY, headers=headers)
        again = httpx.post(simulator.url + GENERATIONS, json=BODY, headers=headers)
        assert again.status_code == 402
        assert simulator.ledger.credits_spent == 7
