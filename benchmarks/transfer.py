"""How fast results stream into S3, and in how much memory."""

import os
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import Run, interleaved, middle, run_subject
from benchmarks.report import Outcome, Row, at_least, at_most
from benchmarks.services import services, web_server

# What a reader looks at: a type, an index, and media of any length.
_MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\x00\x00\x00\x08moov\x00\x00\x00\x00mdat"
_SUBJECTS = {"barest": "stored_plainly", "ours": "stored"}


@dataclass(frozen=True)
class Size:
    """How much there is to do.

    Args:
        videos: How many of which size, in bytes.
        rounds: How often each subject does it.
    """

    videos: tuple[tuple[int, int], ...] = ((64, 20_000_000), (8, 200_000_000))
    rounds: int = 3


FULL = Size()
QUICK = Size(((8, 2_000_000), (2, 20_000_000)), rounds=1)


def run(size: Size) -> Outcome:
    """Measure it: from a web server on this machine to the S3 server on this machine."""
    total = sum(count * each for count, each in size.videos)
    with services() as ready:
        files = ready.folder.with_name("files")
        files.mkdir()
        names = _write(files, size)
        with web_server(files) as url:

            def one(subject: str) -> Run:
                urls = tuple(f"{url}/{name}" for name in names)
                with ready.job(None, len(urls), urls=urls) as job:
                    measured = run_subject(_SUBJECTS[subject], job, ready.prefect)
                    stored = [path.stat().st_size for path in _stored(ready.folder / job.bucket)]
                    assert sorted(stored) == sorted((files / name).stat().st_size for name in names)
                    return measured

            runs = interleaved(list(_SUBJECTS), size.rounds, one)
    speed = {
        name: total / 1e6 / middle(each, lambda run: run.told["work_wall"])
        for name, each in runs.items()
    }
    memory = {name: middle(each, lambda run: run.peak - run.idle) for name, each in runs.items()}
    rows = [
        at_least("throughput, to the barest script's", speed["ours"] / speed["barest"], 1.1),
        at_most("peak memory over idle", memory["ours"], 64, "MB"),
        *[Row(f"{name}: throughput", value, "MB/s") for name, value in speed.items()],
        Row("barest: peak memory over idle", memory["barest"], "MB"),
        *[
            Row(f"{name}: CPU", middle(each, lambda run: run.cpu), "s")
            for name, each in runs.items()
        ],
    ]
    words = " and ".join(f"{count} of {each / 1e6:g} MB" for count, each in size.videos)
    return Outcome("transfer", f"{words}, 4 at once, median of {size.rounds}", rows, {"runs": runs})


def _write(folder: Path, size: Size) -> list[str]:
    """Files that look like videos, the large ones spread among the small ones."""
    names = []
    for count, each in size.videos:
        content = _MP4 + os.urandom(each - len(_MP4))
        for number in range(count):
            (folder / f"{number:03}-{each}.mp4").write_bytes(content)
            names.append(f"{number:03}-{each}.mp4")
    return sorted(names)


def _stored(bucket: Path) -> list[Path]:
    return [path for path in bucket.rglob("*.mp4") if path.is_file()]
