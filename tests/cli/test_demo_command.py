"""`prefect-toapis demo`, in an empty home folder."""

import hashlib
import subprocess
import sys
from pathlib import Path

import av
import pytest
from tests.environments import of_a_user, unmeasured

from prefect_toapis import Manifest

SHAPES = {"wide": (640, 360, 10), "tall": (360, 640, 15)}  # width, height, seconds


@pytest.mark.long
def test_eight_videos_land_in_the_folder_as_asked_and_the_home_keeps_its_profile(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    own = unmeasured(of_a_user())
    ended = subprocess.run(
        [sys.executable, "-m", "prefect_toapis.cli", "demo", "--folder", "videos-here"],
        cwd=tmp_path,
        env=own | {"HOME": str(home), "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "8 submissions" in ended.stdout
    assert "videos-here/videos/*/manifest.jsonl" in ended.stdout.splitlines()[-2]

    (table,) = tmp_path.glob("videos-here/videos/*/manifest.jsonl")
    manifest = Manifest.from_jsonl(table.read_text(), uri=f"s3://videos/{table.parent.name}")
    assert len(manifest.stored) == 8
    for row in manifest.stored:
        assert row.key
        video = tmp_path / "videos-here" / "videos" / row.key
        assert hashlib.sha256(video.read_bytes()).hexdigest() == row.sha256
        with av.open(video) as clip:
            picture = clip.streams.video[0]
            assert clip.duration
            seconds = round(clip.duration / av.time_base)
            assert (picture.width, picture.height, seconds) == SHAPES[row.variant]
            assert clip.streams.audio

    # Nobody else on the machine can read them, whatever the umask was.
    stored = [tmp_path / "videos-here", *(tmp_path / "videos-here").rglob("*")]
    assert not [path for path in stored if path.stat().st_mode & 0o077]

    written = {path.name for path in home.rglob("*") if path.is_file()}
    assert not written & {"profiles.toml", "prefect.db"}
