"""The S3 server of the demo."""

from pathlib import Path

import pytest

from prefect_toapis import VideoBucket
from prefect_toapis.cli.local_s3 import local_s3


def test_what_is_put_by_s3_is_a_file_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    with local_s3(tmp_path) as credentials:
        VideoBucket(bucket_name="videos", credentials=credentials).write("a/b", b"c", "text/plain")
    assert (tmp_path / "videos" / "a" / "b").read_bytes() == b"c"


def test_an_rclone_that_ends_at_once_is_an_error_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "rclone"
    broken.write_text("#!/bin/sh\necho no such backend >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(RuntimeError, match="did not start: no such backend"), local_s3(tmp_path):
        pass


def test_without_rclone_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(ImportError, match=r"prefect-toapis\[demo\]"), local_s3(tmp_path):
        pass
