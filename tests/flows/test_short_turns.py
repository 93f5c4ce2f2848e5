"""The turns of threads, while batches are made."""

import sys
from collections.abc import Iterator

import pytest

from prefect_toapis.flows.short_turns import SECONDS, short_turns


@pytest.fixture(autouse=True)
def as_python_has_it() -> Iterator[None]:
    sys.setswitchinterval(0.005)
    yield
    sys.setswitchinterval(0.005)


def test_turns_are_short_until_the_last_batch_ends() -> None:
    first, second = short_turns(), short_turns()
    with first:
        second.__enter__()
        assert sys.getswitchinterval() == pytest.approx(SECONDS)
    assert sys.getswitchinterval() == pytest.approx(SECONDS)
    second.__exit__(None, None, None)
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_turns_that_are_shorter_already_stay() -> None:
    sys.setswitchinterval(0.0001)
    with short_turns():
        assert sys.getswitchinterval() == pytest.approx(0.0001)
    assert sys.getswitchinterval() == pytest.approx(0.0001)


def test_an_error_ends_them_too() -> None:
    with pytest.raises(RuntimeError), short_turns():
        raise RuntimeError
    assert sys.getswitchinterval() == pytest.approx(0.005)
