"""`prefect-toapis simulator`."""

import signal
import socket
import subprocess
import sys

import httpx
import pytest
from tests.processes import ended

COMMAND = [sys.executable, "-u", "-m", "prefect_toapis.cli"]


def test_serves_until_it_is_stopped_and_says_how_to_use_it() -> None:
    command = [*COMMAND, "simulator", "--port", "0"]
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as process:
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        export = next(line for line in lines if "TOAPIS_BASE_URL=" in line)
        url = export.split("TOAPIS_BASE_URL=")[1].split()[0]
        assert httpx.get(f"{url}/_simulator/ledger").json()["submissions"] == []
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_speaks_a_dialect_and_misbehaves_as_it_is_told() -> None:
    wanted = ["--dialect", "gateway", "--balance", "20", "--seed", "3", "--true-size"]
    faults = ["--fault", "submit:drop:after", "--fault", "status:refuse:status=418:times=2"]
    command = [*COMMAND, "simulator", "--port", "0", *wanted, *faults]
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as process:
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        export = next(line for line in lines if "TOAPIS_BASE_URL=" in line)
        url = export.split("TOAPIS_BASE_URL=")[1].split()[0]
        headers = {"Authorization": "Bearer simulator-key"}
        body = {"model": "sora-2", "prompt": "A dog", "client_business_id": "order-1"}
        with httpx.Client(base_url=url, headers=headers) as api:
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                api.post("/v1/videos/generations", json=body)
            seen = [api.get("/v1/videos/generations/order-1") for _ in range(3)]
            refused = api.post("/v1/videos/generations", json=body)
            ledger = api.get("/_simulator/ledger").json()
        process.send_signal(signal.SIGINT)
        process.wait(20)
    assert [reply.status_code for reply in seen] == [418, 418, 200]
    assert seen[2].json()["code"] == "success"
    assert seen[2].json()["data"]["metadata"]["size"] == "1280x720"
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_user_quota")
    assert ledger["credits_spent"] == 20


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--fault", "submit:explode"], 'submit:explode: there is no fault "explode"'),
        (["--fault", "submit:hide"], "submit:hide: seconds: "),
        (["--balance", "-1"], "--balance: "),
        (["--render-seconds", "5", "2"], "--render-seconds: give the shorter time first"),
    ],
)
def test_an_option_that_makes_no_sense_is_said_without_a_traceback(
    options: list[str], says: str
) -> None:
    command = [*COMMAND, "simulator", *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert says in ended.stdout
    assert "Traceback" not in ended.stderr


def test_a_port_that_is_taken_is_said_without_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [*COMMAND, "simulator", "--port", str(port)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "in use" in ended.stdout
    assert "Traceback" not in ended.stderr
