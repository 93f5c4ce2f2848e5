"""How a video differs from its order."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.media_facts import MediaFacts
from prefect_toapis.client.requests import ExtendRequest, RemixRequest, VideoRequest
from prefect_toapis.planning.remarks import Expected, expected_of, remarks_on

OWN = """models:
  own-1:
    open: true
    fields:
      prompt: {}
      audio: {type: boolean}
      image_urls: {format: url, media: image}
      video_list: {type: array, items: {video_url: {format: url, media: video}}}
    defaults: {duration: 5, aspect_ratio: "16:9", audio: true}
  own-2: {open: true, fields: {prompt: {}}, defaults: {duration: 0, aspect_ratio: adaptive}}
  own-3: {open: true, fields: {prompt: {}}, defaults: {size: "9:16"}}
"""
CATALOGUE = Catalogue.extended(OWN)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"model": "sora-2"}, Expected()),
        ({"duration": 10, "aspect_ratio": "9:16"}, Expected(10, 0, "9:16")),
        ({"model": "sora-2-official"}, Expected(4, 0, "9:16")),
        ({"duration": 10, "character_url": "https://m.example/a.mp4"}, Expected(10, 1)),
        (
            {"duration": 15, "character_url": "task_1", "character_timestamps": "1,3"},
            Expected(15, 2),
        ),
        ({"model": "own-1"}, Expected(5, 0, "16:9", sound=True)),
        ({"model": "own-1", "extra": {"audio": False}}, Expected(5, 0, "16:9")),
        ({"model": "own-1", "image_urls": ["https://m.example/a.png"]}, Expected(5, sound=True)),
        ({"model": "own-1", "extra": {"video_list": [{}]}}, Expected(sound=True)),
        ({"model": "own-1", "extra": {"video_list": [{}]}, "duration": 4}, Expected(4, sound=True)),
        ({"model": "own-1", "extra": {"video_operation": "extend"}}, Expected(sound=True)),
        ({"model": "own-2"}, Expected()),
        ({"model": "own-2", "duration": -1}, Expected()),
        ({"model": "own-3"}, Expected(shape="9:16")),
        ({"model": "own-3", "extra": {"size": "1280x720"}}, Expected(shape="1280x720")),
        ({"model": "other", "extra": {"generate_audio": True}}, Expected(sound=True)),
        ({"model": "other", "extra": {"metadata": {"generateAudio": True}}}, Expected(sound=True)),
        ({"model": "other", "extra": {"audio": "yes", "size": ["16:9"]}}, Expected()),
    ],
)
def test_what_an_order_lets_expect(fields: dict[str, Any], expected: Expected) -> None:
    assert expected_of(VideoRequest(prompt="A dog", **fields), CATALOGUE) == expected


def test_a_remix_or_an_extension_has_no_defaults_of_the_model() -> None:
    remix = RemixRequest(task_id="video_1", model="sora-2-official", prompt="At night")
    assert expected_of(remix, CATALOGUE) == Expected()
    longer = RemixRequest(task_id="video_1", prompt="At night", duration=15, aspect_ratio="1:1")
    assert expected_of(longer, CATALOGUE) == Expected(15, 0, "1:1")
    extended = ExtendRequest(task_id="video_1", model="own-1", prompt="On and on", size="9:16")
    assert expected_of(extended, CATALOGUE) == Expected(shape="9:16")


@pytest.mark.parametrize(
    ("expected", "facts", "remarks"),
    [
        (Expected(10), MediaFacts(seconds=4.0), ["4.0 s long, 10 s were ordered"]),
        (Expected(10), MediaFacts(seconds=11.2), ["11.2 s long, 10 s were ordered"]),
        (Expected(10), MediaFacts(seconds=9.0), []),
        (Expected(10), MediaFacts(seconds=11.0), []),
        (Expected(10, 1), MediaFacts(seconds=8.0), []),
        (Expected(10, 1), MediaFacts(seconds=7.9), ["7.9 s long, 10 s were ordered"]),
        (Expected(10, 2), MediaFacts(seconds=7.0), []),
        (Expected(10), MediaFacts(), []),
        (Expected(), MediaFacts(4.0, 320, 180, 12.0, "h264", has_audio=False), []),
        (Expected(shape="16:9"), MediaFacts(width=1792, height=1024), []),
        (Expected(shape="1280x720"), MediaFacts(width=1920, height=1080), []),
        (
            Expected(shape="9:16"),
            MediaFacts(width=1280, height=720),
            ["1280 x 720 pixels, 9:16 was ordered"],
        ),
        (
            Expected(sound=True),
            MediaFacts(has_audio=False),
            ["no sound track, sound was ordered"],
        ),
        (Expected(sound=True), MediaFacts(has_audio=True), []),
        (Expected(sound=True), MediaFacts(), []),
    ],
)
def test_only_what_differs_is_remarked(
    expected: Expected, facts: MediaFacts, remarks: list[str]
) -> None:
    assert remarks_on(expected, facts) == remarks


@given(
    st.floats(1, 60),
    st.floats(0, 120),
    st.integers(1, 9_999),
    st.integers(1, 9_999),
)
def test_a_remark_has_the_figures(ordered: float, came: float, width: int, height: int) -> None:
    assume(abs(abs(ordered - came) - 1) > 1e-6)
    facts = MediaFacts(came, width, height, None, None, has_audio=True)
    remarks = remarks_on(Expected(ordered, 0, f"{width}:{height}", sound=True), facts)
    assert remarks == ([] if abs(ordered - came) <= 1 else [remarks[0]])
    assert all(f"{came:.1f} s" in remark for remark in remarks)
