"""A reader as boto3 needs it."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.blocks.streaming import WholeReads


class Dripping:
    """Gives fewer bytes than asked for, as a network does."""

    def __init__(self, content: bytes, at_once: int) -> None:
        self._rest = io.BytesIO(content)
        self._at_once = at_once

    def read(self, size: int, /) -> bytes:
        return self._rest.read(min(size, self._at_once))


@given(
    content=st.binary(max_size=200),
    at_once=st.integers(1, 50),
    sizes=st.lists(st.integers(1, 80), max_size=10),
)
def test_every_read_is_whole_until_the_end(content: bytes, at_once: int, sizes: list[int]) -> None:
    whole, reference = WholeReads(Dripping(content, at_once)), io.BytesIO(content)
    for size in sizes:
        assert whole.read(size) == reference.read(size)
    assert whole.read(1000) == reference.read()


def test_it_does_not_claim_to_seek() -> None:
    whole = WholeReads(io.BytesIO(b"x"))
    assert not hasattr(whole, "seek")
    assert not hasattr(whole, "seekable")


def test_the_error_of_the_reader_is_kept_and_raised() -> None:
    class Broken:
        def read(self, size: int, /) -> bytes:
            raise KeyError(size)

    whole = WholeReads(Broken())
    with pytest.raises(KeyError) as caught:
        whole.read(7)
    assert whole.error is caught.value
