"""Webhooks as the provider sends them: signed, at least once, and with all that goes wrong."""

import hashlib
import hmac
import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from prefect_toapis.simulator import SimulatedWebhooks, Simulator, SimulatorSettings
from prefect_toapis.simulator.generations import Generation, Order
from prefect_toapis.simulator.webhooks import RETRY_SECONDS, Message, following, messages

GENERATIONS = "/v1/videos/generations"
SECRET = SecretStr("whsec_new")
NOW = 1_768_380_000.0


@dataclass(frozen=True)
class Got:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        return json.loads(self.body)


class Listener(ThreadingHTTPServer):
    """Answers as it is told: the next of `answers`, and 204 when there is none left."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Webhook)
        self.got: list[Got] = []
        self.answers: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_port}/hook"


class _Webhook(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = self.server.answers.pop(0) if self.server.answers else 204
        self.server.got.append(Got(self.path, headers, body))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@dataclass
class World:
    listener: Listener
    settings: dict[str, Any]
    now: float = NOW
    simulator: Simulator = field(init=False)
    api: httpx.Client = field(init=False)

    @contextmanager
    def running(self) -> Iterator["World"]:
        webhooks = SimulatedWebhooks(url=self.listener.url, secret=SECRET, **self.settings)
        settings = SimulatorSettings(account_group=None, render_seconds=100, webhooks=webhooks)
        with Simulator(settings, clock=lambda: self.now) as self.simulator:
            headers = {"Authorization": f"Bearer {self.simulator.api_key}"}
            with httpx.Client(base_url=self.simulator.url, headers=headers) as self.api:
                yield self

    def submit(self, **fields: Any) -> httpx.Response:
        told = {"prompt": "A dog", "callback_url": self.listener.url} | fields
        return self.api.post(GENERATIONS, json=told)

    def delivered(self, count: int) -> list[Got]:
        """What came, once as many tries as this are written down."""
        self.simulator.wait_for(lambda: len(self.simulator.ledger.deliveries) >= count)
        assert len(self.simulator.ledger.deliveries) == count
        return self.listener.got


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield listening
        listening.shutdown()


@pytest.fixture
def settings() -> dict[str, Any]:
    """Of the webhooks; a test gives others by parametrizing them."""
    return {}


@pytest.fixture
def world(listener: Listener, settings: dict[str, Any]) -> Iterator[World]:
    with World(listener, settings).running() as running:
        yield running


def test_the_end_of_a_task_is_told_once_where_its_submission_says(world: World) -> None:
    url = f"{world.listener.url}/lisbon?batch=1"
    task_id = world.submit(callback_url=url, client_business_id="mine-1").json()["id"]
    world.now += 99
    assert world.listener.got == []
    world.now += 1
    [got] = world.delivered(1)
    assert got.path == "/hook/lisbon?batch=1"
    told = got.event
    [video] = told["data"]["result"].pop("data")
    assert httpx.head(video["url"]).status_code == 200
    assert told == {
        "id": got.headers["x-toapis-webhook-id"],
        "type": "generation.completed",
        "api_version": "v1",
        "created_at": NOW + 100,
        "data": {
            "task_id": task_id,
            "client_business_id": "mine-1",
            "task_type": "video",
            "model": "sora-2",
            "status": "SUCCESS",
            "progress": "100%",
            "result": {"type": "video"},
            "error": None,
            "submitted_at": NOW,
            "finished_at": NOW + 100,
        },
    }


def test_a_failure_is_told_with_its_reason_and_without_a_result(world: World) -> None:
    world.submit(prompt="fail me")
    world.now += 100
    [got] = world.delivered(1)
    data = got.event["data"]
    assert got.event["type"] == "generation.failed"
    assert (data["status"], data["result"]) == ("FAILURE", None)
    assert data["error"]["code"] == "generation_failed"


def test_a_character_is_told_of_as_one(world: World) -> None:
    source = {"timestamps": "1,3", "url": "https://media.example/clip.mp4"}
    world.api.post(GENERATIONS, json=source | {"callback_url": world.listener.url})
    world.now += 100
    [got] = world.delivered(1)
    assert got.event["data"]["task_type"] == "character"
    assert got.event["data"]["result"]["type"] == "character"


@pytest.mark.parametrize("settings", [{}, {"previous_secret": SecretStr("whsec_old")}])
def test_each_secret_signs_the_id_the_time_and_the_body(world: World) -> None:
    world.submit()
    world.now += 100
    [got] = world.delivered(1)
    webhook_id, timestamp = (
        got.headers[f"x-toapis-webhook-{name}"] for name in ("id", "timestamp")
    )
    assert timestamp == str(int(NOW + 100))
    signed = f"{webhook_id}.{timestamp}.".encode() + got.body
    secrets = ["whsec_new", "whsec_old"] if world.settings else ["whsec_new"]
    wanted = [hmac.new(one.encode(), signed, hashlib.sha256).hexdigest() for one in secrets]
    assert got.headers["x-toapis-webhook-signature"] == ",".join(f"v1={one}" for one in wanted)


def test_what_is_not_taken_is_sent_again_on_the_provider_s_schedule(world: World) -> None:
    world.listener.answers = [500, 302, *[503] * 10]
    world.submit()
    world.now += 100
    world.delivered(1)
    for attempt, seconds in enumerate(RETRY_SECONDS, start=2):
        world.now += seconds - 0.5
        assert len(world.listener.got) == attempt - 1
        world.now += 0.5
        world.delivered(attempt)
    world.now += 100 * RETRY_SECONDS[-1]
    got = world.delivered(8)
    assert {one.path for one in got} == {"/hook"}  # no redirect is followed
    assert len({one.body for one in got}) == 1
    assert len({one.headers["x-toapis-webhook-timestamp"] for one in got}) == 8


@pytest.mark.parametrize("settings", [{"speed": 10}])
def test_the_schedule_can_be_sped_up(world: World) -> None:
    world.listener.answers = [500, 500]
    world.submit()
    world.now += 100
    world.delivered(1)
    world.now += 1
    world.delivered(2)
    world.now += 3
    world.delivered(3)
    assert [one.taken for one in world.simulator.ledger.deliveries] == [False, False, True]


@pytest.mark.parametrize("settings", [{"doubled": 1}])
def test_a_webhook_may_come_twice_with_one_id(world: World) -> None:
    world.submit()
    world.now += 100
    first, second = world.delivered(2)
    assert first.body == second.body
    assert first.headers["x-toapis-webhook-id"] == second.headers["x-toapis-webhook-id"]


@pytest.mark.parametrize("settings", [{"forged": 1, "dropped": 1}])
def test_somebody_else_may_lie_about_a_task_that_is_not_done(world: World) -> None:
    task_id = world.submit().json()["id"]
    [got] = world.delivered(1)
    assert got.event["type"] == "generation.failed"
    assert got.event["data"]["task_id"] == task_id
    signed = got.headers["x-toapis-webhook-timestamp"].encode() + b"." + got.body
    signed = got.headers["x-toapis-webhook-id"].encode() + b"." + signed
    own = hmac.new(b"whsec_new", signed, hashlib.sha256).hexdigest()
    assert own not in got.headers["x-toapis-webhook-signature"]
    assert world.api.get(f"{GENERATIONS}/{task_id}").json()["status"] == "queued"
    world.now += 1000
    world.delivered(1)  # the true one is dropped


def test_the_endpoint_can_be_tested(world: World) -> None:
    world.simulator.send_test_webhook()
    [got] = world.delivered(1)
    assert got.event["type"] == "endpoint.test"


def test_nothing_is_told_of_a_submission_that_does_not_ask(world: World) -> None:
    world.api.post(GENERATIONS, json={"prompt": "A dog"})
    world.submit()
    world.now += 100
    assert len(world.delivered(1)) == 1


@pytest.mark.parametrize("settings", [{"every_task": True}])
def test_every_task_may_be_told_of_at_the_key_s_url(world: World) -> None:
    world.submit(callback_url=None)
    world.now += 100
    [got] = world.delivered(1)
    assert got.path == "/hook"


@pytest.mark.parametrize(
    "callback",
    ["https://127.0.0.1/hook", "http://127.0.0.1:1/hook", "http://192.0.2.1/", "http://[", ""],
)
def test_another_host_than_the_key_s_is_refused_and_costs_nothing(
    world: World, callback: str
) -> None:
    refused = world.submit(callback_url=callback)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "webhook_not_configured"
    assert world.simulator.ledger.paid == []


def test_a_callback_url_is_a_string(world: World) -> None:
    assert world.submit(callback_url=7).json()["error"]["code"] == "invalid_request"


def test_without_a_webhook_for_the_key_a_callback_url_is_refused(swift_api: httpx.Client) -> None:
    told = {"prompt": "A dog", "callback_url": "http://127.0.0.1:1/hook"}
    refused = swift_api.post(GENERATIONS, json=told)
    assert refused.json()["error"]["code"] == "webhook_not_configured"


def test_a_test_without_a_webhook_for_the_key_is_an_error(simulator: Simulator) -> None:
    with pytest.raises(RuntimeError, match="no webhooks"):
        simulator.send_test_webhook()


def test_the_ledger_tells_other_processes_of_each_try(world: World) -> None:
    world.simulator.send_test_webhook()
    world.delivered(1)
    [told] = world.api.get("/_simulator/ledger").json()["deliveries"]
    assert (told["type"], told["attempt"], told["status"]) == ("endpoint.test", 1, 204)


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "http://192.0.2.1/", "http://hooks.example/", "http:///", "ftp://[::1]"],
)
def test_webhooks_go_to_this_machine_alone(url: str) -> None:
    with pytest.raises(ValidationError, match="this machine alone"):
        SimulatedWebhooks(url=url, secret=SECRET)


@pytest.mark.parametrize("url", ["http://localhost:1/", "http://[::1]:1/", "http://127.0.0.2/"])
def test_this_machine_has_several_names(url: str) -> None:
    assert SimulatedWebhooks(url=url, secret=SECRET).url == url


def a_generation() -> Generation:
    order = Order("video", "sora-2", "A dog")
    return Generation("video_1", None, order, (), NOW, NOW + 60, NOW + 100, None, NOW)


def drawn(**told: Any) -> list[list[tuple[float, Message]]]:
    settings = SimulatedWebhooks(url="http://127.0.0.1/hook", secret=SECRET, **told)
    dice = random.Random(7)
    return [messages(a_generation(), settings.url, settings, dice) for _ in range(1000)]


def test_late_ones_come_out_of_order_within_their_bounds() -> None:
    dues = [due for [(due, _)] in drawn(late_seconds=(2, 8))]
    assert min(dues) >= NOW + 62
    assert max(dues) <= NOW + 68
    assert dues != sorted(dues)


def test_a_share_of_them_is_dropped_doubled_or_forged() -> None:
    all_of_them = drawn(dropped=0.3, doubled=0.2, forged=0.1)
    true = [one for sent in all_of_them for _, one in sent if not one.forged]
    false = [one for sent in all_of_them for _, one in sent if one.forged]
    assert 650 < len(true) < 750
    assert 100 < sum(one.again for one in true) < 180
    assert 70 < len(false) < 130


def test_one_setting_does_not_move_what_another_draws() -> None:
    alone = [[due for due, _ in sent] for sent in drawn(late_seconds=(0, 9))]
    together = [[due for due, _ in sent] for sent in drawn(late_seconds=(0, 9), doubled=0.5)]
    assert alone == together


@pytest.mark.parametrize(
    ("message", "taken", "wait"),
    [
        (Message("e", "u"), True, None),
        (Message("e", "u", again=True), True, 0),
        (Message("e", "u", again=True), False, 10),
        (Message("e", "u", attempt=2), False, 30),
        (Message("e", "u", attempt=7), False, 86400),
        (Message("e", "u", attempt=8), False, None),
        (Message("e", "u", forged=True), False, None),
    ],
)
def test_what_follows_an_attempt(message: Message, taken: bool, wait: float | None) -> None:
    after = following(message, taken, NOW, 1)
    if wait is None:
        assert after is None
    else:
        assert after
        due, then = after
        assert due == NOW + wait
        assert (then.id, then.attempt) == (message.id, message.attempt + 1)
        assert then.again == (message.again and not taken)
