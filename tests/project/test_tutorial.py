"""The tutorial, walked through as it is written.

But for where its servers listen and how fast they are: those of the test are on free ports.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL
from tests.environments import of_a_user, unmeasured

from prefect_toapis.blocks import S3Credentials
from prefect_toapis.cli.local_s3 import local_s3
from prefect_toapis.simulator import Simulator, SimulatorSettings

TUTORIAL = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPEC = "lisbon.yaml"


@pytest.fixture
def provider() -> Iterator[Simulator]:
    settings = SimulatorSettings(account_group=None, render_seconds=0.2)
    with Simulator(settings) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[S3Credentials]:
    """A store with the bucket of the tutorial, where the tutorial has it."""
    (tmp_path / "store" / "studio").mkdir(parents=True)
    with local_s3(tmp_path / "store") as credentials:
        yield credentials


def exports(provider: Simulator, store: S3Credentials) -> str:
    """What the tutorial exports, with the servers of the test in place of its own."""
    lines = re.findall(r"^\$ (export .*)$", TUTORIAL, re.MULTILINE)
    assert len(lines) == 5
    assert store.aws_secret_access_key
    here = {
        "http://127.0.0.1:8765": provider.url,
        "http://127.0.0.1:9000": store.endpoint_url or "",
        "tutorial-secret": store.aws_secret_access_key.get_secret_value(),
        "AWS_ACCESS_KEY_ID=tutorial ": f"AWS_ACCESS_KEY_ID={store.aws_access_key_id} ",
    }
    text = "\n".join(lines)
    for written, used in here.items():
        assert written in text
        text = text.replace(written, used)
    return text


def with_line(spec: str, line: str) -> str:
    """A spec with a scene's line in place of that scene's, or below the other scenes."""
    scene = line.partition(",")[0]
    kept = [one for one in spec.splitlines(keepends=True) if not one.startswith(scene)]
    place = kept.index("variants:\n")
    return "".join([*kept[:place], line, *kept[place:]])


def test_the_tutorial_s_commands_show_what_it_says(
    tmp_path: Path, provider: Simulator, store: S3Credentials, prefect_server: None
) -> None:
    own = unmeasured(of_a_user())
    environment = own | {
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DO_NOT_TRACK": "1",
        "COLUMNS": "120",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": PREFECT_API_URL.value() or "",
    }
    spec, runs, shown = tmp_path / SPEC, 0, ""
    for language, title, content in FENCE.findall(TUTORIAL):
        if title == SPEC:
            spec.write_text(content, encoding="utf-8")
        elif language == "yaml":
            spec.write_text(with_line(spec.read_text("utf-8"), content), encoding="utf-8")
        elif language == "text":
            assert content.strip() in shown
        elif content.startswith("$ prefect-toapis generate"):
            command = f"{exports(provider, store)}\n{content.removeprefix('$ ')}"
            ended = subprocess.run(
                ["bash", "-uc", command],
                env=environment,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            runs, shown = runs + 1, ended.stdout + ended.stderr
            assert ended.returncode == (1 if "fail me" in spec.read_text("utf-8") else 0), shown
    assert runs == 5
    assert len(provider.ledger.paid) == 8  # 4, then 2 of the new scene, then 2 that failed
    assert len(provider.ledger.refunded) == 2
    assert len(list((tmp_path / "store/studio/videos/lisbon").glob("*/video-1.mp4"))) == 6
