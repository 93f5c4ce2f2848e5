"""Which video a scene remixes."""

import re
from typing import Any

import pytest

from prefect_toapis.flows.inputs import EarlierShot, earlier_shot, task_of
from prefect_toapis.reports.manifest import ManifestRow


def row(shot_id: str, **changes: Any) -> ManifestRow:
    told: dict[str, Any] = {
        "batch": "b",
        "shot_id": shot_id * 26,
        "scene": "tram",
        "variant": "wide",
        "cast": "Turbo",
        "status": "stored",
        "model": "sora-2",
        "prompt": "A tram",
        "task_id": f"video_{shot_id}",
    }
    return ManifestRow(**told | changes)


@pytest.mark.parametrize(
    ("remix_of", "named"),
    [
        (None, None),
        ("video_7497", None),
        ("b/tram", EarlierShot("b", "tram")),
        ("b / tram / wide", EarlierShot("b", "tram / wide")),
    ],
)
def test_a_slash_tells_a_shot_from_a_task(remix_of: str | None, named: EarlierShot | None) -> None:
    assert earlier_shot(remix_of) == named


@pytest.mark.parametrize(
    "name", ["tram / wide / Turbo", "tram/wide/Turbo", "a" * 26, "a" * 12], ids=len
)
def test_a_shot_is_named_by_its_label_or_its_id(name: str) -> None:
    rows = [row("a"), row("a", output=2), row("c", scene="market")]
    assert task_of(EarlierShot("b", name), rows) == "video_a"


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], 'batch "b" has no shot "tram / wide / Turbo"'),
        ([row("a", scene="market")], "its shots: market / wide / Turbo"),
        ([row("a"), row("c")], f"use an id instead: {'a' * 12}, {'c' * 12}"),
        ([row("a", request={"private": True})], "private videos can't be remixed"),
        ([row("a", status="failed", task_id=None)], "its shot is failed"),
        ([row("a", status="planned", task_id=None)], "its shot is planned"),
    ],
)
def test_what_can_not_be_remixed_is_told(rows: list[ManifestRow], why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        task_of(EarlierShot("b", "tram / wide / Turbo"), rows)
