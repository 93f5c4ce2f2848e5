"""How long generations took, as the bucket keeps it."""

import pytest

from prefect_toapis.records.generations import read_render_times, render_times_json


def test_what_is_kept_is_read_again() -> None:
    times = {"sora-2 10": [84.04, 91.5], "sora-2-pro 25": [300.0]}
    assert read_render_times(render_times_json(times)) == {
        "sora-2 10": [84.0, 91.5],
        "sora-2-pro 25": [300.0],
    }


@pytest.mark.parametrize(
    "content", [None, b"", b"{", b"[]", b'{"a": 3}', b'{"a": ["soon"]}', b"\xff"]
)
def test_a_file_that_is_missing_or_damaged_tells_nothing(content: bytes | None) -> None:
    assert read_render_times(content) == {}


def test_times_that_cannot_be_are_left_out() -> None:
    assert read_render_times(b'{"a": [0, -3, 1e-200, 5]}') == {"a": [5.0]}
