"""What the README tells its reader to run does what it says there, as it is written there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from prefect.settings import PREFECT_API_URL
from tests.environments import of_a_user, unmeasured

from prefect_toapis import S3Credentials, ToAPIsCredentials, VideoBucket
from prefect_toapis.cli.local_s3 import local_s3
from prefect_toapis.simulator import Simulator, SimulatorSettings

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
KEY = "sk-..."  # as the README writes it
SPEC = "lisbon.yaml"


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def only(blocks: list[str], mark: str) -> str:
    [block] = [block for block in blocks if mark in block]
    return block


def commands(mark: str) -> str:
    """What is typed in the session that has the mark."""
    return re.sub(r"^\$ ", "", only(fenced("console"), mark), flags=re.MULTILINE)


class Outcome(NamedTuple):
    """What a block of Python leaves behind: prompts, folders of the bucket, lines as patterns."""

    paid: list[str]
    stored: list[str]
    printed: list[str]


PYTHON = fenced("python")
SAVES = "ToAPIsCredentials(api_key="  # run by the fixture
TRAM = "@duksvfkf.turbo_whis rides a yellow tram through Lisbon"
URI = r"s3://studio/videos/\S+/video-1\.mp4"
OUTCOMES = {
    "Cast(roles=": Outcome(
        paid=[TRAM, TRAM],
        stored=[
            r"lisbon-2/tram-sora-2-10s-16x9-turbo-\w{12}",
            r"lisbon-2/tram-sora-2-10s-9x16-turbo-\w{12}",
        ],
        printed=[
            rf"tram sora-2-10s-16x9 {URI} [0-9a-f]{{64}}",
            rf"tram sora-2-10s-9x16 {URI} [0-9a-f]{{64}}",
        ],
    ),
    "await agenerate_videos": Outcome(
        paid=["A yellow tram climbs a hill in Lisbon"],
        stored=[r"lisbon-3/a-yellow-tram\S*-\w{12}"],
        printed=[URI],
    ),
    "async def one_dog": Outcome(
        paid=["A golden retriever running on grass, sunny day"],
        stored=[r"requests/a-golden-retriever\S*-\w{12}"],
        printed=[],
    ),
    "\ndef one_cat": Outcome(
        paid=["A cat asleep on a windowsill, rain outside"],
        stored=[r"requests/a-cat-asleep\S*-\w{12}"],
        printed=[r"\d+(\.\d+)? credits left"],
    ),
}


@pytest.fixture
def provider() -> Iterator[Simulator]:
    """It knows the key of the README."""
    settings = SimulatorSettings(
        api_keys=(KEY,), balance_credits=1000, account_group=None, render_seconds=0.2
    )
    with Simulator(settings) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[S3Credentials]:
    """A store with the bucket of the README."""
    (tmp_path / "store" / "studio").mkdir(parents=True)
    with local_s3(tmp_path / "store") as credentials:
        yield credentials


@pytest.fixture
def reader(tmp_path: Path, store: S3Credentials, prefect_server: None) -> dict[str, str]:
    """The environment of a reader, with AWS credentials and nothing of this package's."""
    own = unmeasured(of_a_user())
    assert store.aws_secret_access_key
    return own | {
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DO_NOT_TRACK": "1",
        "COLUMNS": "120",
        "AWS_ACCESS_KEY_ID": store.aws_access_key_id or "",
        "AWS_SECRET_ACCESS_KEY": store.aws_secret_access_key.get_secret_value(),
        "AWS_ENDPOINT_URL_S3": store.endpoint_url or "",
        "AWS_REGION": "us-east-1",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": PREFECT_API_URL.value() or "",
    }


@pytest.fixture
def saved_blocks(provider: Simulator, prefect_server: None) -> Iterator[ToAPIsCredentials]:
    """The blocks as the README saves them, and then those of a reader who rehearses."""
    exec(only(PYTHON, SAVES), {})
    as_written = ToAPIsCredentials.load("default")
    assert isinstance(as_written, ToAPIsCredentials)
    as_written.model_copy(update={"base_url": provider.url}).save("default", overwrite=True)
    yield as_written
    ToAPIsCredentials.delete("default")
    VideoBucket.delete("default")
    VideoBucket.delete("minio")


def run(command: list[str], reader: dict[str, str]) -> str:
    """What a command prints; it is run in the reader's home."""
    ended = subprocess.run(
        command,
        env=reader,
        cwd=reader["HOME"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def videos(store: S3Credentials) -> list[str]:
    keys = VideoBucket.from_uri("s3://studio/videos", store).list_keys()
    return sorted(key for key in keys if key.endswith(".mp4"))


@pytest.mark.parametrize("block", PYTHON)
def test_it_is_known_what_each_block_of_python_leaves_behind(block: str) -> None:
    assert len([mark for mark in (SAVES, *OUTCOMES) if mark in block]) == 1


def test_the_blocks_of_python_run_as_they_are_written(
    reader: dict[str, str],
    saved_blocks: ToAPIsCredentials,
    provider: Simulator,
    store: S3Credentials,
) -> None:
    def printed_by(mark: str) -> str:
        return run([sys.executable, "-c", only(PYTHON, mark)], reader)

    with ThreadPoolExecutor() as at_once:  # most of their time they wait
        printed = list(at_once.map(printed_by, OUTCOMES))

    paid = [submission.body["prompt"] for submission in provider.ledger.paid]
    stored = videos(store)
    for outcome, lines in zip(OUTCOMES.values(), printed, strict=True):
        assert [prompt for prompt in paid if prompt in outcome.paid] == outcome.paid
        folders = "|".join(outcome.stored)
        made = [video for video in stored if re.fullmatch(f"({folders})/video-1\\.mp4", video)]
        assert len(made) == len(outcome.stored), stored
        assert re.fullmatch("".join(f"{line}\n" for line in outcome.printed), lines)
    assert len(paid) == len(stored) == sum(len(outcome.paid) for outcome in OUTCOMES.values())


def test_the_blocks_are_saved_under_the_names_and_with_the_places_that_are_said(
    saved_blocks: ToAPIsCredentials,
) -> None:
    assert saved_blocks.api_key.get_secret_value() == KEY
    assert saved_blocks.base_url == "https://toapis.com"
    buckets = [VideoBucket.load("default"), VideoBucket.load("minio")]
    [default, minio] = [bucket for bucket in buckets if isinstance(bucket, VideoBucket)]
    assert (default.uri(), default.credentials) == ("s3://studio/videos", None)
    assert minio.uri() == "s3://studio"
    assert minio.credentials
    assert minio.credentials.endpoint_url == "https://minio.example"


def test_the_commands_make_the_spec_with_the_environment_that_is_exported(
    reader: dict[str, str], provider: Simulator, store: S3Credentials
) -> None:
    Path(reader["HOME"], SPEC).write_text(only(fenced("yaml"), SPEC), encoding="utf-8")
    rehearsing = reader | {"TOAPIS_BASE_URL": provider.url}
    exports = commands("export TOAPIS_API_KEY=")
    first, second = commands(f"generate {SPEC}").splitlines()

    planned = run(["bash", "-euc", exports + first], rehearsing)
    assert "nothing was bought: 4 shots: 0 stored, 4 to buy" in planned
    assert (provider.ledger.submissions, videos(store)) == ([], [])

    made = run(["bash", "-euc", exports + second], rehearsing)
    assert "4 of 4 shots stored" in made
    assert len(provider.ledger.paid) == len(videos(store)) == 4
    assert [video.partition("-turbo-")[0] for video in videos(store)] == [
        f"lisbon/{shot}" for shot in ("market-tall", "market-wide", "tram-tall", "tram-wide")
    ]
