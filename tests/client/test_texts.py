"""Texts from elsewhere, as they are shown and put into paths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.client.errors import NotFound
from prefect_toapis.client.json_values import text_of
from prefect_toapis.client.texts import printable
from prefect_toapis.client.urls import path_segment


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("video_1", "video_1"),
        ("Ärger 日本", "Ärger 日本"),
        ("\x1b]0;owned\x07", "?]0;owned?"),
        ("two\nlines\r", "two?lines?"),
        ("\x9b31m\u202eevil\u2066", "?31m?evil?"),
        ("\x00", "?"),
    ],
)
def test_control_characters_are_not_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(max_size=500), st.integers(1, 100))
def test_what_is_shown_is_one_short_line(text: str, most: int) -> None:
    shown = printable(text, most)
    assert shown.isprintable()
    assert len(shown) <= most + 3


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
    assert "(generation video?[2J?1)" in str(error)
    assert error.task_id == "video\x1b[2J\n1"
