"""The command line as a user has it: a process of its own, with an environment."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL
from tests.environments import of_a_user

from prefect_toapis import S3Credentials, VideoBucket
from prefect_toapis.cli import main
from prefect_toapis.simulator import Simulator

Run = Callable[..., "subprocess.CompletedProcess[str]"]
COMMAND = [sys.executable, "-m", "prefect_toapis.cli"]


def environment(home: Path, **more: str) -> dict[str, str]:
    """The developer's own, without the settings that decide where things go."""
    own = of_a_user()
    return own | {"HOME": str(home), "DO_NOT_TRACK": "1", "COLUMNS": "120"} | more


@pytest.fixture
def account(
    tmp_path: Path,
    simulator: Simulator,
    bucket: VideoBucket,
    s3_server: S3Credentials,
    prefect_server: None,
) -> dict[str, str]:
    """The environment: an account at the simulator, a bucket and a Prefect server."""
    secret = s3_server.aws_secret_access_key
    assert secret
    return environment(
        tmp_path,
        TOAPIS_API_KEY=simulator.api_key,
        TOAPIS_BASE_URL=simulator.url,
        TOAPIS_BUCKET=bucket.uri(),
        AWS_ACCESS_KEY_ID=s3_server.aws_access_key_id or "",
        AWS_SECRET_ACCESS_KEY=secret.get_secret_value(),
        AWS_ENDPOINT_URL_S3=s3_server.endpoint_url or "",
        AWS_REGION="us-east-1",
        PREFECT_HOME=str(tmp_path / "prefect"),
        PREFECT_API_URL=PREFECT_API_URL.value() or "",
    )


@pytest.fixture
def run(tmp_path: Path, account: dict[str, str]) -> Run:
    """Runs a command in that environment."""

    def run(*arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*COMMAND, *arguments],
            env=account | more,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def call(
    tmp_path: Path,
    account: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Run:
    """Runs a command in that environment, but in this process, which takes a tenth of the time."""
    for name in (each for each in os.environ if each.startswith(("AWS_", "TOAPIS_"))):
        monkeypatch.delenv(name)
    for name, text in account.items():
        if name.startswith(("AWS_", "TOAPIS_", "COLUMNS")):
            monkeypatch.setenv(name, text)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        monkeypatch.setattr(sys, "argv", ["prefect-toapis", *arguments])
        with monkeypatch.context() as patch:
            for name, text in more.items():
                patch.setenv(name, text)
            with pytest.raises(SystemExit) as ended:
                main()
        shown = capfd.readouterr()
        code = ended.value.code
        return subprocess.CompletedProcess(
            arguments, code if isinstance(code, int) else 0, shown.out, shown.err
        )

    return call
