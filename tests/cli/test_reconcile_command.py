"""`prefect-toapis reconcile`."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.provider_clock import ProviderClock

from prefect_toapis.simulator import Simulator

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SPEC = """
batch: dogs
scenes: [{name: run, prompt: A dog runs}]
variants: [{name: wide, duration: 10}]
settings: {polling: {first_seconds: 0.1, interval_seconds: 0.1, timeout_seconds: 0.001}}
"""


def test_shows_what_is_open_and_finishes_it(
    run: Run, tmp_path: Path, simulator: Simulator, clock: ProviderClock
) -> None:
    spec = tmp_path / "dogs.yaml"
    spec.write_text(SPEC)
    with clock.stopped():
        began = run("generate", str(spec))
    assert began.returncode == 1
    [paid] = simulator.ledger.paid
    shown = run("reconcile", "dogs", "--dry-run")
    assert shown.returncode == 0, shown.stdout
    words = " ".join(shown.stdout.split())
    assert f"generation {paid.task_id} is completed; its result is available until" in words
    assert "0 videos stored by this run, 1 shot open; nothing was bought" in words
    done = run("reconcile", "dogs")
    assert done.returncode == 0, done.stdout
    assert "1 video stored by this run, 0 shots open" in done.stdout
    assert "video-1.mp4" in "".join(done.stdout.split())
    again = run("reconcile", "dogs")
    assert "nothing is open" in again.stdout
    assert len(simulator.ledger.submissions) == 1


def test_a_batch_that_is_not_there_is_told_in_one_sentence(call: Run) -> None:
    refused = call("reconcile", "nothing")
    assert refused.returncode == 2
    assert "nothing/plan.json" in "".join(refused.stdout.split())
    assert "Traceback" not in refused.stdout + refused.stderr
