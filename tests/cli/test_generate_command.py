"""`prefect-toapis generate`."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.clip_server import serving
from tests.defective_clips import Clip

from prefect_toapis import VideoBucket
from prefect_toapis.simulator import Simulator

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SPEC = """
batch: dogs
scenes:
  - {name: run, prompt: A dog runs}
  - {name: jump, prompt: "A dog jumps%s"}
variants: [{name: wide, duration: 10}]
settings: {polling: {first_seconds: 0.1, interval_seconds: 0.1}}
"""


def write_spec(folder: Path, prompt_goes_on: str = "") -> str:
    path = folder / "dogs.yaml"
    path.write_text(SPEC % prompt_goes_on)
    return str(path)


def test_makes_the_batch_and_a_second_run_buys_nothing(
    run: Run, tmp_path: Path, simulator: Simulator, bucket: VideoBucket
) -> None:
    spec = write_spec(tmp_path)
    plan = run("generate", spec, "--dry-run")
    assert (plan.returncode, len(simulator.ledger.submissions)) == (0, 0)
    assert "nothing was bought: 2 shots: 0 stored, 2 to buy" in plan.stdout

    first = run("generate", spec)
    assert first.returncode == 0, first.stderr
    assert "2 of 2 shots stored" in first.stdout
    assert "bought 2 generations" in first.stdout
    assert "run / wide" in first.stdout
    assert len([key for key in bucket.list_keys("dogs/") if key.endswith("/video-1.mp4")]) == 2

    second = run("generate", spec, "--verbose")
    assert "bought 0 generations" in second.stdout
    assert "2 shots: 2 stored, 0 to buy" in second.stdout + second.stderr
    assert len(simulator.ledger.paid) == 2


def test_a_table_of_prompts_is_a_batch(call: Run, tmp_path: Path, simulator: Simulator) -> None:
    table = tmp_path / "prompts.csv"
    table.write_text("name,promt,prompt\ntram,,A tram\n")
    refused = call("generate", str(table), "--dry-run")
    assert (refused.returncode, len(simulator.ledger.submissions)) == (2, 0)
    assert "did you mean 'prompt'?" in " ".join(refused.stdout.split())
    table.write_text("name,prompt\ntram,A tram\n")
    planned = call("generate", str(table), "--dry-run")
    assert "1 shot: 0 stored, 1 to buy" in planned.stdout
    assert "bought 1 generation" in call("generate", str(table)).stdout
    assert "bought 0 generations" in call("generate", str(table)).stdout
    assert len(simulator.ledger.paid) == 1
    assert "bought 1 generation" in call("generate", str(table), "--new").stdout
    assert len(simulator.ledger.paid) == 2


def test_a_failed_shot_is_shown_with_its_reason_and_fails_the_command(
    call: Run, tmp_path: Path, simulator: Simulator
) -> None:
    spec = write_spec(tmp_path, ", refuse me")
    ended = call("generate", spec)
    assert ended.returncode == 1
    assert "failed" in ended.stdout
    assert "content_policy_violation" in ended.stdout
    assert "1 of 2 shots stored" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    sent = len(simulator.ledger.submissions)
    assert call("generate", spec).returncode == 1
    assert len(simulator.ledger.submissions) == sent, "what was refused isn't sent again"
    assert call("generate", spec, "--retry-failed").returncode == 1
    assert len(simulator.ledger.submissions) == sent + 1


def test_remarks_are_shown_and_fail_the_command_if_they_are_to(
    call: Run, tmp_path: Path, simulator: Simulator
) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"{SPEC.replace('{polling', '{on_remark: fail, polling')}" % "")
    with serving(simulator, {"runs": Clip(seconds=10), "jumps": Clip(seconds=2)}):
        ended = call("generate", str(spec))
    shown = " ".join(ended.stdout.split())
    assert ended.returncode == 1
    assert "1 of 2 videos have remarks: jump / wide: 2.0 s long, 10 s were ordered" in shown
    assert "2 of 2 shots stored" in shown
    assert "1 video with remarks" in shown


def test_all_faults_are_listed_and_nothing_is_bought(
    call: Run, tmp_path: Path, simulator: Simulator
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("scenes: [{prompt: A dog}]\nvariants: [{duration: 12, stile: anime}]\n")
    ended = call("generate", str(path), TOAPIS_API_KEY="")
    assert ended.returncode == 2
    assert "stile" in ended.stdout
    assert "duration=12" in ended.stdout
    assert "TOAPIS_API_KEY" in ended.stdout
    assert "Nothing was spent" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    assert simulator.ledger.submissions == []
