"""What happens as time goes by, on a clock of the test's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from prefect_toapis.simulator import Hide, Simulator, SimulatorSettings

GENERATIONS = "/v1/videos/generations"


@dataclass
class Clock:
    now: float = 1_768_380_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    simulator: Simulator
    clock: Clock
    api: httpx.Client

    def submit(self, **fields: Any) -> httpx.Response:
        return self.api.post(GENERATIONS, json={"prompt": "A dog"} | fields)

    def query(self, wanted: str) -> httpx.Response:
        return self.api.get(f"{GENERATIONS}/{wanted}")


@contextmanager
def a_world(settings: SimulatorSettings) -> Iterator[World]:
    clock = Clock()
    with Simulator(settings, clock=clock) as simulator:
        headers = {"Authorization": f"Bearer {simulator.api_key}"}
        with httpx.Client(base_url=simulator.url, headers=headers) as api:
            yield World(simulator, clock, api)


@pytest.fixture
def settings() -> SimulatorSettings:
    return SimulatorSettings(render_seconds=100, account_group=None)


@pytest.fixture
def world(settings: SimulatorSettings) -> Iterator[World]:
    with a_world(settings) as running:
        yield running


def test_progress_grows_from_the_queue_to_the_end(world: World) -> None:
    task_id = world.submit().json()["id"]
    seen = []
    for seconds in (0, 5, 30, 60, 9, 0):
        world.clock.now += seconds
        shown = world.query(task_id).json()
        seen.append((shown["status"], shown["progress"]))
    assert seen == [
        ("queued", 0),
        ("queued", 0),
        ("in_progress", 35),
        ("in_progress", 95),
        ("completed", 100),
        ("completed", 100),
    ]


def test_a_failure_is_shown_at_the_end_and_refunded(world: World) -> None:
    task_id = world.submit(prompt="Now fail me").json()["id"]
    world.clock.now += 99
    assert world.query(task_id).json()["status"] == "in_progress"
    assert world.simulator.ledger.credits_spent == 20
    world.clock.now += 1
    shown = world.query(task_id).json()
    assert (shown["status"], shown["progress"]) == ("failed", 0)
    assert shown["error"] == {
        "code": "generation_failed",
        "message": "Content violates the content policy",
    }
    assert "result" not in shown
    (submission,) = world.simulator.ledger.submissions
    assert (submission.paid, submission.refunded) == (True, True)
    assert world.simulator.ledger.credits_spent == 0


@pytest.mark.parametrize("settings", [SimulatorSettings(render_seconds=10, balance_credits=20)])
def test_a_refund_can_be_spent_again(world: World) -> None:
    assert world.submit(prompt="fail me").status_code == 200
    assert world.submit().status_code == 402
    world.clock.now += 10
    assert world.submit().status_code == 200


def test_results_expire(world: World) -> None:
    task_id = world.submit().json()["id"]
    world.clock.now += 100
    url = world.query(task_id).json()["result"]["data"][0]["url"]
    world.clock.now += 24 * 3600 - 1
    assert httpx.get(url).status_code == 200
    world.clock.now += 1
    assert httpx.get(url).status_code == 403
    assert world.query(task_id).json()["status"] == "completed"


def test_a_hidden_task_is_found_only_later(world: World) -> None:
    world.simulator.faults.add(Hide(seconds=30, business_id="order-1"))
    task_id = world.submit(client_business_id="order-1").json()["id"]
    assert {world.query(wanted).status_code for wanted in (task_id, "order-1")} == {404}
    world.clock.now += 30
    assert {world.query(wanted).status_code for wanted in (task_id, "order-1")} == {200}
    assert len(world.simulator.ledger.paid) == 1


def test_the_older_task_is_found_while_the_newer_is_hidden(world: World) -> None:
    older = world.submit(client_business_id="order-1").json()["id"]
    world.simulator.faults.add(Hide(seconds=30))
    newer = world.submit(client_business_id="order-1").json()["id"]
    assert world.query("order-1").json()["id"] == older
    world.clock.now += 30
    assert world.query("order-1").json()["id"] == newer


def _finishing_times(seed: int) -> list[int]:
    settings = SimulatorSettings(render_seconds=(10, 100), account_group=None, seed=seed)
    with a_world(settings) as world:
        ids = [world.submit().json()["id"] for _ in range(5)]
        world.clock.now += 100
        shown = [world.query(task_id).json() for task_id in ids]
    return [one["completed_at"] - one["created_at"] for one in shown]


def test_render_times_are_drawn_from_the_range_by_the_seed() -> None:
    times = _finishing_times(seed=1)
    assert all(10 <= seconds <= 100 for seconds in times)
    assert len(set(times)) > 1
    assert times == _finishing_times(seed=1)
    assert times != _finishing_times(seed=2)


@pytest.mark.parametrize("settings", [SimulatorSettings(account_group="default")])
def test_submissions_over_the_burst_are_refused_with_what_to_do(world: World) -> None:
    replies = [world.submit() for _ in range(51)]
    assert [reply.status_code for reply in replies] == [200] * 50 + [429]
    assert {reply.headers["X-RateLimit-Category"] for reply in replies} == {"async_submit"}
    assert replies[0].headers["X-RateLimit-Remaining"] == "49"
    refused = replies[-1]
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert int(refused.headers["X-RateLimit-Reset"]) == world.clock.now + 10
    assert world.simulator.ledger.throttled == 1
    assert len(world.simulator.ledger.submissions) == 50
    world.clock.now += 1
    assert [world.submit().status_code for _ in range(6)] == [200] * 5 + [429]


@pytest.mark.parametrize("settings", [SimulatorSettings(account_group="default")])
def test_queries_have_an_allowance_of_their_own_and_failed_ones_count(world: World) -> None:
    for _ in range(51):
        world.submit()
    reply = world.query("video_none")
    assert reply.status_code == 404
    assert reply.headers["X-RateLimit-Category"] == "async_query"
    assert reply.headers["X-RateLimit-Remaining"] == "499"
    assert "Retry-After" not in reply.headers


def test_without_limits_there_are_no_headers_of_them(world: World) -> None:
    assert not any(name.lower().startswith("x-ratelimit") for name in world.submit().headers)
