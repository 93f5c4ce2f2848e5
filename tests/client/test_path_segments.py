"""Ids of any characters: in paths, in JSON and in messages."""

import pytest

from prefect_toapis.client.errors import NotFound
from prefect_toapis.client.json_values import text_of
from prefect_toapis.client.urls import path_segment


@pytest.mark.parametrize(
    ("text", "segment"),
    [
        ("video_1", "video_1"),
        (".", "%2E"),
        ("..", "%2E%2E"),
        ("...", "%2E%2E%2E"),
        ("a.b", "a.b"),
        ("a/../b", "a%2F..%2Fb"),
        ("%2F", "%252F"),
        ("a?b#c", "a%3Fb%23c"),
        ("ü\n", "%C3%BC%0A"),
        ("\ud800", "%3F"),
    ],
)
def test_any_text_is_one_segment_of_a_path(text: str, segment: str) -> None:
    assert path_segment(text) == segment


def test_half_a_surrogate_pair_can_be_stored() -> None:
    assert text_of("video_\ud800") == "video_?"


def test_an_error_shows_no_control_characters_of_an_id() -> None:
    error = NotFound("there is no such task", task_id="video\x1b[2J\n1")
    assert r"(generation video\x1b[2J\n1)" in str(error)
    assert error.task_id == "video\x1b[2J\n1"
