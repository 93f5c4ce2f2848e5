"""What is written is the user's own, and what is secret is in no list of processes."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import Run, account, run
from tests.security.test_surroundings import write_spec

from prefect_toapis import VideoBucket
from prefect_toapis.cli.local_s3 import local_s3

__all__ = ["account", "run"]  # fixtures


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Others may read what is made, unless a program sees to it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.lstat().st_mode & 0o077]


def command_lines() -> list[str]:
    """Of every process, as `ps` shows them to everybody."""
    ended = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True)
    return ended.stdout.splitlines()


def test_the_local_s3_server_shows_no_key_and_stores_private_files(tmp_path: Path) -> None:
    folder = tmp_path / "s3"
    folder.mkdir()
    with local_s3(folder) as credentials:
        secret = credentials.aws_secret_access_key
        assert secret
        shown = command_lines()
        assert [line for line in shown if "serve s3" in line and str(folder) in line]
        assert not [line for line in shown if secret.get_secret_value() in line]
        credentials.get_client().create_bucket(Bucket="videos")
        bucket = VideoBucket(bucket_name="videos", credentials=credentials)
        bucket.write("dogs/manifest.jsonl", b"{}", "application/jsonl")
    assert (folder / "videos" / "dogs" / "manifest.jsonl").exists()
    assert open_to_others(folder) == []


def test_a_command_writes_private_files(run: Run, tmp_path: Path) -> None:
    write_spec(tmp_path)
    given = {tmp_path / "dogs.yaml"}
    ended = run("generate", "dogs.yaml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert not {*open_to_others(tmp_path)} - given
