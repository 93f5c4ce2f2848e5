"""`prefect-toapis fetch`: downloads that are resumed and checked."""

import json
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import COMMAND
from tests.cli.stored_batch import BATCH, CONTENT, TRAM, store_batch

from prefect_toapis import VideoBucket

Run = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")


@pytest.fixture
def stored(bucket: VideoBucket) -> VideoBucket:
    store_batch(bucket)
    return bucket


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_video_is_fetched_once_under_the_name_of_its_shot(
    call: Run, stored: VideoBucket, tmp_path: Path
) -> None:
    ended = call("fetch", BATCH, "videos/new")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert content_of(tmp_path / "videos/new") == CONTENT
    assert "In videos/new: 3 of 3 videos, 12.0 MB: 3 fetched" in ended.stdout

    found = json.loads(call("fetch", BATCH, "videos/new", "--json").stdout)
    assert [each["status"] for each in found["files"]] == ["there"] * 3
    assert found["folder"] == str(tmp_path / "videos/new")


def test_a_part_is_continued_and_what_is_damaged_is_fetched_again(
    call: Run, stored: VideoBucket, tmp_path: Path
) -> None:
    folder, outside = tmp_path / "videos", tmp_path / "outside.mp4"
    folder.mkdir()
    (folder / "tram-wide.mp4.part").write_bytes(CONTENT["tram-wide.mp4"][:5_000_001])
    (folder / "market-wide.mp4").write_bytes(b"morket")
    outside.write_bytes(b"mine")
    (folder / "market-wide-2.mp4").symlink_to(outside)
    found = json.loads(call("fetch", BATCH, "videos", "--json").stdout)
    assert {each["name"]: each["status"] for each in found["files"]} == {
        "tram-wide.mp4": "resumed",
        "market-wide.mp4": "replaced",
        "market-wide-2.mp4": "fetched",
    }
    assert content_of(folder) == CONTENT
    assert outside.read_bytes() == b"mine"

    (folder / "tram-wide.mp4").unlink()
    (folder / "tram-wide.mp4.part").write_bytes(b"another part" * 100)
    (folder / "market-wide.mp4").unlink()
    (folder / "market-wide.mp4.part").symlink_to(outside)
    assert call("fetch", BATCH, "videos").returncode == 0
    assert content_of(folder) == CONTENT
    assert outside.read_bytes() == b"mine"


def test_a_video_that_is_gone_does_not_stop_the_others(
    call: Run, stored: VideoBucket, tmp_path: Path
) -> None:
    stored.write(TRAM.key or "", b"tram" * 2_999_999 + b"mart", "video/mp4")
    ended = call("fetch", BATCH, "videos", "--json")
    assert ended.returncode == 1
    found = json.loads(ended.stdout)
    assert found["error"]["message"].startswith("1 of 3 videos failed")
    why = {each["name"]: each["why"] for each in found["files"]}
    assert "has another content than the manifest says" in why["tram-wide.mp4"]
    assert set(content_of(tmp_path / "videos")) == {
        "tram-wide.mp4.part",
        "market-wide.mp4",
        "market-wide-2.mp4",
    }


def test_only_picked_videos_are_fetched(call: Run, stored: VideoBucket, tmp_path: Path) -> None:
    assert call("pick", BATCH, "market / wide:2").returncode == 0
    assert call("fetch", BATCH, "videos", "--picked").returncode == 0
    assert set(content_of(tmp_path / "videos")) == {"market-wide-2.mp4"}


def test_a_folder_that_can_not_be_written_is_one_sentence(
    call: Run, stored: VideoBucket, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    ended = call("fetch", BATCH, "file/videos")
    assert ended.returncode == 1
    assert "Not a directory. 0 of 3 videos are there" in " ".join(ended.stdout.split())
    assert "Traceback" not in ended.stdout + ended.stderr
    (tmp_path / "videos/tram-wide.mp4").mkdir(parents=True)
    ended = call("fetch", BATCH, "videos")
    assert "videos/tram-wide.mp4: Is a directory." in " ".join(ended.stdout.split())


def test_what_a_full_disk_has_is_continued(
    account: dict[str, str], stored: VideoBucket, tmp_path: Path
) -> None:
    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (9_000_000, 9_000_000))

    command = [*COMMAND, "fetch", BATCH, "videos", "--json"]
    told: dict[str, Any] = {"env": account, "cwd": tmp_path, "capture_output": True, "text": True}
    ended = subprocess.run(command, **told, preexec_fn=full, check=False)
    assert ended.returncode == 1
    assert "run the same command again to go on" in json.loads(ended.stdout)["error"]["message"]
    assert (tmp_path / "videos/tram-wide.mp4.part").stat().st_size >= 8_000_000
    again = subprocess.run(command, **told, check=True)
    statuses = {each["name"]: each["status"] for each in json.loads(again.stdout)["files"]}
    assert statuses["tram-wide.mp4"] == "resumed"
    assert content_of(tmp_path / "videos") == CONTENT
