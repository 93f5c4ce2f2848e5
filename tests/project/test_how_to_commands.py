"""The commands of the how-to pages, run in their order on a batch like that of the README."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image
from prefect.settings import PREFECT_API_URL
from tests.environments import of_a_user, unmeasured

from prefect_toapis import Manifest, VideoBucket
from prefect_toapis.cli.local_s3 import local_s3
from prefect_toapis.simulator import Simulator, SimulatorSettings

ROOT = Path(__file__).parents[2]
PAGES = {page.stem: page.read_text("utf-8") for page in (ROOT / "docs" / "how-to").glob("*.md")}
README = (ROOT / "README.md").read_text("utf-8")
SPEC = re.search(r"^```yaml\n(# lisbon.yaml.*?)^```$", README, re.MULTILINE | re.DOTALL)

# What isn't run here: what runs it, or what it needs.
ELSEWHERE = {
    r"prefect(-toapis setup| deploy| worker start| server start| work-pool create)\b": (
        "tests/deployments: test_fresh_server.py and test_platforms.py"
    ),
    r"prefect-toapis webhooks serve": "tests/receiver/test_end_to_end.py",
    r"pytest$": "tests/simulator/test_fixtures.py",
    r"docker |kubectl |helm |aws ": "a registry, a cluster or an AWS account",
    r"pip install": "packages of other projects",
    r"export (PREFECT_|TOAPIS_WEBHOOK_SECRET)": "settings of servers that run elsewhere",
}


def commands(page: str) -> list[str]:
    """What is typed on a page, without its remarks."""
    lines = re.findall(r"^\$ (.*)$", PAGES[page], re.MULTILINE)
    return [re.sub(r"\s{2,}# .*$", "", line) for line in lines]


def is_elsewhere(command: str) -> bool:
    return any(re.match(pattern, command) for pattern in ELSEWHERE)


RUN = {page: [line for line in commands(page) if not is_elsewhere(line)] for page in PAGES}


class Reader(NamedTuple):
    """Somebody in a folder, with an account, a bucket and the batch lisbon.

    Args:
        environment: Of their shell.
        folder: With their files.
        bucket: Theirs.
    """

    environment: dict[str, str]
    folder: Path
    bucket: VideoBucket

    def run(self, script: str) -> str:
        ended = subprocess.run(
            ["bash", "-euc", script],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    offered = ("sora-2", "sora-2-pro", "kling-v3", "wan-9")  # the last is a page's own model
    settings = SimulatorSettings(account_group=None, render_seconds=0.2, offered_models=offered)
    with Simulator(settings) as running:
        yield running


@pytest.fixture(scope="module")
def reader(
    tmp_path_factory: pytest.TempPathFactory, simulator: Simulator, prefect_server: None
) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("reader")
    (folder / "store" / "studio").mkdir(parents=True)
    assert SPEC
    (folder / "lisbon.yaml").write_text(SPEC[1], encoding="utf-8")
    with local_s3(folder / "store") as credentials:
        assert credentials.aws_secret_access_key
        environment = unmeasured(of_a_user()) | {
            "HOME": str(folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DO_NOT_TRACK": "1",
            "TOAPIS_API_KEY": simulator.api_key,
            "TOAPIS_BASE_URL": simulator.url,
            "TOAPIS_BUCKET": "s3://studio/videos",
            "AWS_ACCESS_KEY_ID": credentials.aws_access_key_id or "",
            "AWS_SECRET_ACCESS_KEY": credentials.aws_secret_access_key.get_secret_value(),
            "AWS_ENDPOINT_URL_S3": credentials.endpoint_url or "",
            "AWS_REGION": "us-east-1",
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": PREFECT_API_URL.value() or "",
        }
        bucket = VideoBucket.from_uri("s3://studio/videos", credentials)
        reader = Reader(environment, folder, bucket)
        reader.run("prefect-toapis generate lisbon.yaml")
        yield reader


def as_theirs(command: str, reader: Reader) -> str:
    """A command with the names of this reader in place of those of the page."""
    rows = Manifest.from_jsonl(
        (reader.bucket.read("lisbon/manifest.jsonl") or b"").decode(), uri="s3://studio/lisbon"
    ).stored
    [tram] = [row for row in rows if row.label == "tram / wide / Turbo"]
    picks = {"batch": "lisbon", "picks": [{"shot": rows[-1].shot_id, "output": 1, "note": ""}]}
    (reader.folder / "picks.json").write_text(json.dumps(picks))
    here = {
        "x2k4n7:2": f"{tram.shot_id[:8]}:1",  # it has one output
        "x2k4n7": tram.shot_id[:8],
        "/etc/videos/prices.yaml": str(ROOT / "examples" / "prices.yaml"),
    }
    for written, used in here.items():
        command = command.replace(written, used)
    return command


def write_files(page: str, folder: Path) -> None:
    """Write the files of a page that have a name, and the picture that they refer to."""
    fence = re.compile(r"^```yaml title=\"([\w-]+\.yaml)\"\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for name, text in fence.findall(PAGES[page]):
        (folder / name).write_text(text, encoding="utf-8")
    Image.new("RGB", (640, 360)).save(folder / "tram.png")


def test_each_reason_for_not_running_a_command_is_about_one() -> None:
    written = [command for page in PAGES for command in commands(page)]
    for pattern in ELSEWHERE:
        assert any(re.match(pattern, command) for command in written), pattern


@pytest.mark.parametrize("page", sorted(page for page in RUN if RUN[page]))
def test_the_commands_of_a_page_succeed_in_their_order(
    page: str, reader: Reader, simulator: Simulator
) -> None:
    write_files(page, reader.folder)
    bought = len(simulator.ledger.paid)
    printed = reader.run("\n".join(as_theirs(command, reader) for command in RUN[page]))
    assert "Traceback" not in printed
    if not any("generate" in command for command in RUN[page]):
        assert len(simulator.ledger.paid) == bought
