"""`--json`: one object on standard output, whatever happens."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import COMMAND
from tests.cli.stored_batch import BATCH, store_batch
from tests.processes import ended

from prefect_toapis import ToAPIsCredentials, VideoBucket
from prefect_toapis.cli import app
from prefect_toapis.cli.command_output import command_output
from prefect_toapis.errors import DocumentDamaged, InvalidBatch
from prefect_toapis.simulator import Simulator

Run = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

ERROR_KEYS = {"type", "message", "money", "advice", "faults"}
ARGUMENTS = {  # each with the least that it needs
    "balance": [],
    "characters": [],
    "fetch": [BATCH, "videos"],
    "gallery": [BATCH],
    "generate": ["nightly.yaml", "--dry-run"],
    "models": [],
    "pick": [BATCH],
    "reconcile": [BATCH, "--dry-run"],
    "setup": [],
    "share": [BATCH],
    "spec": ["put", "nightly.yaml"],
    "spend": [],
}
SERVING = {"demo", "simulator", "webhooks"}  # they have tests of their own
ACCOUNT = "TOAPIS_API_KEY from the environment"


def object_of(ended: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    found = json.loads(ended.stdout)
    assert isinstance(found, dict)
    if found["error"] is not None:
        assert set(found["error"]) == ERROR_KEYS
        assert ended.returncode != 0
    else:
        assert ended.returncode == 0
    return found


def test_every_command_has_the_option() -> None:
    assert {name for name in app if not name.startswith("-")} == {
        *ARGUMENTS,
        *SERVING,
        "completion",
    }


@pytest.mark.parametrize("command", sorted({*ARGUMENTS} - {"setup"}))  # see its own module
def test_each_command_prints_one_object_and_says_what_it_used(
    call: Run, command: str, bucket: VideoBucket, simulator: Simulator, tmp_path: Path
) -> None:
    store_batch(bucket)
    bucket.write(f"{BATCH}/plan.json", _plan(bucket), "application/json")
    (tmp_path / "nightly.yaml").write_text("scenes: [{name: tram, prompt: A tram}]")
    found = object_of(call(command, *ARGUMENTS[command], "--json"))
    assert found["error"] is None, found
    if "bucket" in found:
        assert found["bucket"] == f"TOAPIS_BUCKET from the environment ({bucket.uri()})"
    if "account" in found:
        assert found["account"] == f"{ACCOUNT} ({simulator.url})"
    assert {"bucket", "account"} & set(found)
    assert simulator.api_key not in str(found)


def _plan(bucket: VideoBucket) -> bytes:
    return json.dumps({"version": 1, "batch": BATCH, "destination": bucket.uri()}).encode()


def test_a_run_is_one_object_with_its_rows(call: Run, simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "trams.yaml").write_text(
        "scenes: [{name: tram, prompt: A tram}, {name: bad, prompt: fail me}]\n"
        "variants: [{model: sora-2-vip, duration: 1}]\n"
    )
    ended = call("generate", "trams.yaml", "--json")
    found = object_of(ended)
    assert ended.returncode == 1
    assert found["error"]["type"] == "BatchFailed"
    assert found["shots"] == {"total": 2, "stored": 1, "failed": 1, "open": 0, "not_bought": 0}
    assert found["generations_bought"] == 1
    assert {row["scene"]: row["status"] for row in found["rows"]} == {
        "tram": "stored",
        "bad": "failed",
    }
    assert found["manifest"].endswith("/trams/manifest.jsonl")
    assert "X-Amz-Signature" not in ended.stdout


def test_every_fault_is_in_the_object(call: Run, tmp_path: Path) -> None:
    scenes = [{"prompt": f"A tram {number}", f"x{number}y": "x"} for number in range(90)]
    (tmp_path / "bad.yaml").write_text(json.dumps({"scenes": scenes}))
    ended = call("generate", "bad.yaml", "--json")
    found = object_of(ended)
    assert ended.returncode == 2
    assert found["error"]["type"] == "InvalidBatch"
    assert len(found["error"]["faults"]) == 90
    assert found["error"]["money"] == "not spent"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["generate", "--json"], "spec"),
        (["generate", "x.yaml", "--jsno", "--json"], "--jsno"),
        (["nonsense", "--json"], "nonsense"),
        (["gallery", "b\x1b[2J", "--json"], "control character"),
        (["balance", "--json=perhaps", "--json"], "json"),
    ],
)
def test_an_invalid_command_line_is_an_object_too(
    call: Run, arguments: list[str], said: str
) -> None:
    ended = call(*arguments)
    found = object_of(ended)
    assert ended.returncode == 2
    assert found["error"]["type"] == "UsageError"
    assert said in found["error"]["message"]


def test_what_fails_elsewhere_is_an_object(call: Run) -> None:
    for command, more, kind in (
        (["balance"], {"TOAPIS_API_KEY": ""}, "ValueError"),
        (["balance"], {"TOAPIS_API_KEY": "wrong"}, "Unauthorized"),
        (["gallery", "winter"], {}, "FileNotFoundError"),
        (["models", "no-such"], {}, "ValueError"),
        (["characters"], {"TOAPIS_BUCKET": "s3://no-such-bucket-0"}, "StoreMissing"),
        (["simulator", "--balance", "-1"], {}, "ValueError"),
    ):
        ended = call(*command, "--json", **more)
        assert ended.returncode == 1
        assert object_of(ended)["error"]["type"] == kind


def test_a_saved_block_is_named(call: Run, simulator: Simulator) -> None:
    key: Any = simulator.api_key
    ToAPIsCredentials(api_key=key, base_url=simulator.url).save("default", overwrite=True)
    try:
        found = object_of(call("balance", "--json", TOAPIS_API_KEY="another"))
        shown = call("balance", TOAPIS_API_KEY="another")
    finally:
        ToAPIsCredentials.delete("default")
    origin = f"block toapis-credentials/default ({simulator.url})"
    assert found["account"] == origin
    assert f"Account: {origin}\n" in shown.stderr
    assert "Account" not in shown.stdout


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_an_interrupted_server_was_one_object(number: signal.Signals, code: int) -> None:
    command = [*COMMAND, "simulator", "--port", "0", "--json"]
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as process:
        assert process.stdout
        lines: list[str] = []
        while not lines or lines[-1] != "}\n":
            lines.append(process.stdout.readline())
        process.send_signal(number)
        rest = process.stdout.read()
        process.wait(20)
    assert set(json.loads("".join(lines))) == {"url", "api_key", "ledger", "error"}
    assert (rest, process.returncode in {0, code}) == ("", True)


def exit_code(error: BaseException) -> object:
    try:
        with command_output(json=True) as output:
            output.facts(batch="b")
            sys.stdout.write("noise")
            raise error
    except SystemExit as ended:
        return ended.code


def test_errors_have_one_shape(capsys: pytest.CaptureFixture[str]) -> None:
    for error, code in (
        (InvalidBatch(["a", "b"]), 2),
        (DocumentDamaged("s3://b/x.json", "it is empty"), 1),
        (KeyboardInterrupt(), 130),
    ):
        assert exit_code(error) == code
        found = json.loads(capsys.readouterr().out)
        assert found["batch"] == "b"
        assert set(found["error"]) == ERROR_KEYS


def test_sigterm_ends_a_command_with_its_object(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, command_output(json=True):
        os.kill(os.getpid(), signal.SIGTERM)
    assert ended.value.code == 143
    assert json.loads(capsys.readouterr().out)["error"]["message"] == "Terminated."
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_bug_is_an_object_and_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), command_output(json=True):
        sys.stderr.write(str(1 // 0))
    assert json.loads(capsys.readouterr().out)["error"]["type"] == "ZeroDivisionError"
