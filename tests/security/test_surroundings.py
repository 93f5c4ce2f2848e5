"""A paid run whose output nothing takes, whose terminal is closed, or that is told to end."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.conftest import COMMAND, account
from tests.environments import unmeasured
from tests.prefect_database import with_database
from tests.processes import ended

from prefect_toapis import VideoBucket
from prefect_toapis.simulator import Hold, Simulator

__all__ = ["account"]  # a fixture

SPEC = """
batch: dogs
scenes: [%s]
variants: [{name: short, model: sora-2-vip, duration: 1}]
settings: {polling: {first_seconds: 0.1, interval_seconds: 0.1}}
"""
GENERATE = [*COMMAND, "generate", "dogs.yaml"]
SHELL = " ".join(GENERATE)
OF_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
SMALLEST_PIPE = 4096


def write_spec(folder: Path, count: int = 2) -> None:
    scenes = ", ".join(f"{{prompt: Dog number {number}}}" for number in range(count))
    (folder / "dogs.yaml").write_text(SPEC % scenes)


def assert_made(simulator: Simulator, bucket: VideoBucket, count: int = 2) -> None:
    """All is stored, and everything happened once."""
    keys = bucket.list_keys("dogs/")
    assert len([key for key in keys if key.endswith("/video-1.mp4")]) == count
    assert "dogs/manifest.jsonl" in keys
    assert len(simulator.ledger.paid) == len(simulator.ledger.submissions) == count
    assert list(simulator.ledger.downloads.values()) == [1] * count


@pytest.mark.parametrize(
    "command",
    [
        f"{SHELL} --verbose 2>error | head -1",
        f"{SHELL} --verbose 2>&1 | true",
        f"{SHELL} --verbose >/dev/full 2>error",
        f"{SHELL} --verbose >/dev/full 2>/dev/full",
        f"{SHELL} --verbose >&- 2>error",
        f"{SHELL} --verbose <&- >&- 2>&-",
        f"PYTHONIOENCODING=ascii {SHELL} --verbose 2>error",
        f"LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 {SHELL} 2>error",
    ],
)
def test_a_run_does_not_need_its_output(
    account: dict[str, str], tmp_path: Path, simulator: Simulator, bucket: VideoBucket, command: str
) -> None:
    write_spec(tmp_path)
    ended = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        env=account,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    error = tmp_path / "error"
    said = ended.stdout + ended.stderr + (error.read_text() if error.exists() else "")
    assert ended.returncode == 0, said
    assert not [word for word in ("Traceback", "Exception", "Logging error") if word in said]
    assert_made(simulator, bucket)


def test_a_run_does_not_wait_for_a_reader_that_stops_to_read(
    account: dict[str, str], tmp_path: Path, simulator: Simulator, bucket: VideoBucket
) -> None:
    write_spec(tmp_path, 30)
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
    command = [*GENERATE, "--verbose"]
    with ended(subprocess.Popen(command, env=account, cwd=tmp_path, stdout=writing)) as process:
        os.close(writing)
        simulator.wait_for(lambda: len(simulator.ledger.downloads) == 30, 120)
        with os.fdopen(reading) as output:
            said = output.read()
        assert process.wait(60) == 0
    assert "lines are missing here" in said
    assert "30 of 30 shots stored" in said
    assert_made(simulator, bucket, 30)


@contextmanager
def in_a_terminal(environment: dict[str, str], folder: Path) -> Iterator[tuple[int, list[int]]]:
    """The command as the first of a session with a terminal: its id, and the terminal's end."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", OF_A_TERMINAL, *GENERATE[1:]]
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    with ended(process):
        yield process.pid, [ours]
        assert process.wait(120) == 0


def test_a_run_goes_on_when_its_terminal_is_closed(
    account: dict[str, str], tmp_path: Path, simulator: Simulator, bucket: VideoBucket
) -> None:
    write_spec(tmp_path)
    simulator.faults.add(Hold(operation="status", times=None))
    with in_a_terminal(account | {"TERM": "xterm"}, tmp_path) as (pid, [terminal]):
        simulator.wait_for(lambda: len(simulator.faults.held) == 2, 60)
        os.close(terminal)  # the kernel sends SIGHUP
        os.kill(pid, signal.SIGPIPE)
        simulator.faults.clear()
        simulator.faults.release()
    assert_made(simulator, bucket)


@contextmanager
def started(
    environment: dict[str, str], folder: Path, *more: str
) -> "Iterator[subprocess.Popen[bytes]]":
    """The command, whose output goes to the file `said`."""
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            [*GENERATE, *more], env=environment, cwd=folder, stdout=said, stderr=said
        )
        with ended(process):
            yield process


@pytest.mark.parametrize(
    ("signals", "more"),
    [
        ([signal.SIGINT], []),
        ([signal.SIGTERM], []),
        ([signal.SIGTERM], ["--verbose"]),
        ([signal.SIGINT, signal.SIGINT], ["--verbose"]),
        ([signal.SIGTERM, signal.SIGTERM], []),
    ],
)
def test_an_interrupted_run_says_what_goes_on_and_nothing_else(
    account: dict[str, str],
    tmp_path: Path,
    simulator: Simulator,
    bucket: VideoBucket,
    signals: list[signal.Signals],
    more: list[str],
) -> None:
    write_spec(tmp_path)
    simulator.faults.add(Hold(operation="status", times=None))
    with started(account, tmp_path, *more) as process:
        simulator.wait_for(lambda: len(simulator.faults.held) == 2, 60)
        for each in signals:
            process.send_signal(each)
        code = process.wait(60)
    assert code == 128 + signals[0]
    said = " ".join((tmp_path / "said").read_text().split())
    assert said.count("Cancelling stops the waiting, not the billing: 2 generations are paid") == 1
    assert 'Run batch "dogs" again, or `prefect-toapis reconcile dogs`' in said
    assert all(paid.task_id and paid.task_id in said for paid in simulator.ledger.paid)
    assert not [word for word in ("Traceback", "Exception", "Crash", "cancelled") if word in said]

    simulator.faults.clear()
    simulator.faults.release()
    again = subprocess.run(GENERATE, env=account, cwd=tmp_path, timeout=120, check=False)
    assert again.returncode == 0
    assert_made(simulator, bucket)


def test_ctrl_c_of_a_terminal_ends_a_run_with_a_prefect_server_of_its_own(
    account: dict[str, str], tmp_path: Path, simulator: Simulator
) -> None:
    write_spec(tmp_path)
    simulator.faults.add(Hold(operation="status", times=None))
    own = {
        "PREFECT_HOME": str(with_database(tmp_path / "prefect")),
        "PREFECT_API_URL": "",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    with (tmp_path / "said").open("wb") as output:
        process = subprocess.Popen(
            GENERATE,
            env=unmeasured(account | own),
            cwd=tmp_path,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    with ended(process):
        simulator.wait_for(lambda: len(simulator.faults.held) == 2, 120)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it, to the server too
        assert process.wait(60) == 128 + signal.SIGINT
    said = (tmp_path / "said").read_text()
    assert said.count("2 generations are paid") == 1
    assert not [word for word in ("Traceback", "Exception", "Error") if word in said]
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)  # nothing is left of it


def test_before_anything_is_bought_an_interrupted_run_says_how_to_go_on(
    account: dict[str, str], tmp_path: Path, simulator: Simulator
) -> None:
    write_spec(tmp_path)
    simulator.faults.add(Hold(operation="submit", times=None))
    with started(account, tmp_path) as process:
        simulator.wait_for(lambda: simulator.faults.held, 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
    assert (
        'Run batch "dogs" again to resume: nothing is bought twice.'
        in (tmp_path / "said").read_text()
    )
