"""`prefect-toapis simulator`."""

import signal
import socket
import subprocess
import sys

import httpx

COMMAND = [sys.executable, "-u", "-m", "prefect_toapis.cli"]


def test_serves_until_it_is_stopped_and_says_how_to_use_it() -> None:
    command = [*COMMAND, "simulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        export = next(line for line in lines if "TOAPIS_BASE_URL=" in line)
        url = export.split("TOAPIS_BASE_URL=")[1].split()[0]
        assert httpx.get(f"{url}/_simulator/ledger").json()["submissions"] == []
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_a_port_that_is_taken_is_said_without_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [*COMMAND, "simulator", "--port", str(port)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "in use" in ended.stdout
    assert "Traceback" not in ended.stderr
