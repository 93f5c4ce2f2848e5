"""What came is measured, compared with the order, and its content looked at."""

import json
import re
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.clip_server import serving
from tests.defective_clips import Clip

import prefect_toapis.simulator.encoding  # noqa: F401 - so that the simulator has PyAV in any case
from prefect_toapis import RunSettings, Variant, VideoBucket
from prefect_toapis.simulator import Simulator

Make = Callable[..., Awaitable[Any]]

VARIANT = Variant(name="v", model="sora-2-vip", duration=4, aspect_ratio="16:9")
LOUD = Variant(name="loud", model="kling-v3", duration=4, aspect_ratio="16:9", audio=True)
CLIPS = {
    "good": Clip(),
    "black": Clip(black=(0, 4)),
    "frozen": Clip(frozen=(0, 4)),
    "silent": Clip(silent=(0, 4)),
    "half": Clip(seconds=2),
    "tall": Clip(size=(180, 320)),
    "muted": Clip(sound=False),
}
REMARKS = {
    "good": [],
    "black": ["black for * % of its length"],
    "frozen": ["frozen for * % of its length"],
    "silent": ["silent for * % of its length"],
    "half": ["2.0 s long, 4 s were ordered"],
    "tall": ["180 x 320 pixels, 16:9 was ordered"],
    "muted": ["no sound track, sound was ordered"],
}


def remarks_of(manifest: Any) -> dict[str, list[str]]:
    return {row.scene: row.remarks for row in manifest.rows}


async def test_each_defect_is_remarked_and_a_good_video_is_not(
    make: Make, simulator: Simulator, bucket: VideoBucket, log: pytest.LogCaptureFixture
) -> None:
    with serving(simulator, CLIPS):
        manifest = await make(list(CLIPS), variants=[LOUD])
    found = {
        scene: [re.sub(r"(100|9\d) %", "* %", remark) for remark in remarks]
        for scene, remarks in remarks_of(manifest).items()
    }
    assert found == REMARKS
    [row] = [row for row in manifest.rows if row.scene == "good"]
    facts = (row.seconds, row.width, row.height, row.fps, row.codec, row.has_audio)
    assert facts == (4.0, 320, 180, 12.0, "h264", True)
    stored = json.loads(bucket.read(f"{row.key.rpartition('/')[0]}/shot.json") or b"")
    assert stored["videos"][0]["seconds"] == 4.0
    assert stored["videos"][0]["has_audio"] is True
    assert "half / loud: 2.0 s long, 4 s were ordered" in log.text
    assert bucket.load_manifest("b").rows == manifest.rows
    assert len(simulator.ledger.paid) == len(CLIPS)


async def test_without_pyav_a_video_is_still_measured_and_compared(
    make: Make, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(simulator, {"black": Clip(seconds=2, black=(0, 2))}):
        monkeypatch.setitem(sys.modules, "av", None)
        manifest = await make(["black"], variants=[VARIANT])
    [row] = manifest.rows
    assert row.remarks == ["2.0 s long, 4 s were ordered"]
    assert row.codec == "h264"


async def test_the_content_is_not_looked_at_where_it_is_switched_off(
    make: Make, simulator: Simulator, quick: RunSettings
) -> None:
    settings = quick.with_overrides(RunSettings(check_content=False))
    clips = {"black": Clip(black=(0, 4)), "webm": Clip(container="webm", codec="libvpx")}
    with serving(simulator, clips):
        manifest = await make(list(clips), variants=[VARIANT], settings=settings)
    assert remarks_of(manifest) == {"black": [], "webm": []}
    assert [row.codec for row in manifest.rows] == ["h264", "vp8"]


async def test_what_cannot_be_decoded_is_stored_all_the_same(
    make: Make, simulator: Simulator, log: pytest.LogCaptureFixture
) -> None:
    broken = b"\0\0\0\x10ftypisom....\0\0\0\x0cmdatxxxx\0\0\0\x08moov"
    with serving(simulator, {"broken": broken}):
        manifest = await make(["broken"], variants=[VARIANT])
    [row] = manifest.stored
    assert (row.size, row.seconds, row.remarks) == (len(broken), None, [])
    assert "broken / v: not checked: it has no picture" in log.text
