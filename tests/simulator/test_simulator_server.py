"""Starting and stopping."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import httpx
import pytest
from tests.processes import ended

from prefect_toapis.simulator import Delay, Hold, Simulator

GENERATIONS = "/v1/videos/generations"
HEADERS = {"Authorization": "Bearer simulator-key"}


def test_two_of_them_know_nothing_of_each_other() -> None:
    with Simulator() as one, Simulator() as other:
        assert len({one.url, other.url, one.media_url, other.media_url}) == 4
        reply = httpx.post(one.url + GENERATIONS, json={"prompt": "A dog"}, headers=HEADERS)
        task_id = reply.json()["id"]
        assert httpx.get(f"{other.url}{GENERATIONS}/{task_id}", headers=HEADERS).status_code == 404
        assert not other.ledger.submissions


def test_nobody_answers_once_it_has_stopped() -> None:
    with Simulator() as simulator:
        pass
    for url in (simulator.url, simulator.media_url):
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)


def test_a_port_can_be_chosen_and_used_again() -> None:
    with Simulator() as first:
        port = int(first.url.rsplit(":", 1)[1])
    with Simulator(port=port) as second:
        assert second.url == first.url


def test_a_port_that_is_taken_is_an_error() -> None:
    with Simulator() as running:
        taken = int(running.url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"):
            Simulator(media_port=taken).start()


def test_before_it_starts_it_has_no_url() -> None:
    with pytest.raises(RuntimeError, match="not been started"):
        _ = Simulator().url


@pytest.mark.parametrize(
    "fault", [Hold(operation="submit"), Delay(operation="submit", seconds=600)]
)
def test_it_stops_while_requests_wait(fault: Hold | Delay) -> None:
    failures: list[Exception] = []

    def submit(url: str) -> None:
        try:
            httpx.post(url, json={"prompt": "A dog"}, headers=HEADERS, timeout=60)
        except httpx.TransportError as error:
            failures.append(error)

    with Simulator() as simulator:
        simulator.faults.add(fault)
        client = threading.Thread(target=submit, args=(simulator.url + GENERATIONS,))
        client.start()
        simulator.wait_for(lambda: simulator.ledger.submissions)
        if isinstance(fault, Hold):
            simulator.wait_for(lambda: simulator.faults.held)
    client.join(timeout=10)
    assert len(failures) == 1


def test_waiting_for_what_does_not_come_ends(simulator: Simulator) -> None:
    with pytest.raises(TimeoutError):
        simulator.wait_for(lambda: simulator.ledger.submissions, seconds=0.02)


QUIET = """
import threading, httpx
from prefect_toapis.simulator import Hold, Simulator, SimulatorSettings

settings = SimulatorSettings(render_seconds=0)
headers = {"Authorization": "Bearer simulator-key"}

def leave(url, **request):
    try:
        httpx.request(url=url, timeout=0.3, **request)
    except httpx.TransportError:
        pass

with Simulator(settings) as simulator:
    generations = simulator.url + "/v1/videos/generations"
    task_id = httpx.post(generations, json={"prompt": "A dog"}, headers=headers).json()["id"]
    shown = httpx.get(f"{generations}/{task_id}", headers=headers).json()
    video = shown["result"]["data"][0]["url"]
    simulator.faults.add(Hold(operation="submit"))
    submit = {"method": "POST", "json": {"prompt": "A cat"}, "headers": headers}
    client = threading.Thread(target=leave, args=(generations,), kwargs=submit)
    client.start()
    simulator.wait_for(lambda: simulator.faults.held)
    loading = threading.Thread(target=leave, args=(video,), kwargs={"method": "GET"})
    loading.start()  # the clip is being encoded when the server stops
    simulator.wait_for(lambda: simulator.clips.asked)
client.join()
loading.join()
"""


def test_it_says_nothing_on_stderr() -> None:
    command = [sys.executable, "-X", "dev", "-c", QUIET]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stderr == ""


SERVE = """
from prefect_toapis.simulator import serve

serve(port=0, ready=lambda simulator: print(simulator.url, flush=True))
print("stopped")
"""


@pytest.fixture
def served() -> Iterator[subprocess.Popen[str]]:
    command, pipe = [sys.executable, "-c", SERVE], subprocess.PIPE
    with ended(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)) as process:
        yield process


def test_serve_blocks_until_ctrl_c(served: subprocess.Popen[str]) -> None:
    assert served.stdout is not None
    url = served.stdout.readline().strip()
    assert httpx.get(f"{url}/_simulator/ledger").status_code == 200
    served.send_signal(signal.SIGINT)
    out, err = served.communicate(timeout=20)
    assert (out, err, served.returncode) == ("stopped\n", "", 0)
