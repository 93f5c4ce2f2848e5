"""The pieces of a reader."""

import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.blocks.streaming import PART, Pieces


class Dripping:
    """Gives fewer bytes than asked for, as a network does."""

    def __init__(self, content: bytes, at_once: int) -> None:
        self._rest = io.BytesIO(content)
        self._at_once = at_once

    def read(self, size: int, /) -> bytes:
        return self._rest.read(min(size, self._at_once))


@given(content=st.binary(max_size=200), at_once=st.integers(1, 50))
def test_data_shorter_than_a_part_is_given_whole(content: bytes, at_once: int) -> None:
    assert Pieces(Dripping(content, at_once)).single_part() == content


@pytest.mark.parametrize("size", [PART, PART + 1, 2 * PART + 3])
@pytest.mark.parametrize("at_once", [100_000, 2 * PART])
def test_longer_data_comes_in_pieces_from_its_beginning(size: int, at_once: int) -> None:
    content = random.Random(size).randbytes(size)
    pieces = Pieces(Dripping(content, at_once))
    assert pieces.single_part() is None
    assert b"".join(pieces) == content


@pytest.mark.parametrize("until", [0, PART + 1])
def test_the_error_of_the_reader_is_kept_and_raised(until: int) -> None:
    class Broken(Dripping):
        def read(self, size: int, /) -> bytes:
            if piece := super().read(size):
                return piece
            raise KeyError(size)

    pieces = Pieces(Broken(bytes(until), PART))
    with pytest.raises(KeyError) as caught:
        _ = pieces.single_part() or list(pieces)
    assert pieces.error is caught.value
