"""The example with single tasks, run as it stands."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from prefect_toapis import VideoBucket
from prefect_toapis.simulator import Simulator

HEADER = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
PNG = b"\x89PNG\r\n\x1a\n" + b"".join(
    struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    for kind, data in ((b"IHDR", HEADER), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b""))
)


def test_two_runs_are_two_videos_and_one_upload(
    simulator: Simulator,
    account: dict[str, Any],
    bucket: VideoBucket,
    example: Callable[[str], ModuleType],
    tmp_path: Path,
) -> None:
    (tmp_path / "still.png").write_bytes(PNG)
    flow = example("single_tasks").day_and_night
    for _ in range(2):
        day, night = flow(str(tmp_path / "still.png"), **account)
        assert bucket.head(day.key)
        assert bucket.head(night.key)
        assert day.key != night.key
    assert [one.kind for one in simulator.ledger.paid] == ["video", "remix"]
    assert len(simulator.ledger.uploads) == 1
