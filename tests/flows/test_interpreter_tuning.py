"""Python's own settings, while batches are made."""

import gc
import sys
from collections.abc import Iterator

import pytest

from prefect_toapis.flows.interpreter_tuning import (
    ENVIRONMENT_VARIABLE,
    GC_THRESHOLD,
    SWITCH_INTERVAL,
    tuned_interpreter,
)

USUAL_TURN, USUAL_SEARCHES = 0.005, (700, 10, 10)


@pytest.fixture(autouse=True)
def switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "1")


@pytest.fixture(autouse=True)
def as_python_has_it() -> Iterator[None]:
    def reset() -> None:
        sys.setswitchinterval(USUAL_TURN)
        gc.set_threshold(*USUAL_SEARCHES)
        gc.unfreeze()

    reset()
    yield
    reset()


def assert_usual() -> None:
    assert sys.getswitchinterval() == pytest.approx(USUAL_TURN)
    assert gc.get_threshold() == USUAL_SEARCHES
    assert gc.get_freeze_count() == 0


def assert_for_many_shots() -> None:
    assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL)
    assert gc.get_threshold() == GC_THRESHOLD


@pytest.mark.parametrize("value", [None, "", "0", "yes"])
def test_nothing_is_touched_without_the_switch(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv(ENVIRONMENT_VARIABLE)
    if value is not None:
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, value)
    with tuned_interpreter():
        gc.collect()
        assert_usual()
    assert_usual()


def test_it_holds_until_the_last_batch_ends() -> None:
    first, second = tuned_interpreter(), tuned_interpreter()
    with first:
        second.__enter__()
        assert_for_many_shots()
    assert_for_many_shots()
    second.__exit__(None, None, None)
    assert_usual()


@pytest.mark.parametrize("searches", [(50_000, 20, 30), (0, 0, 0)])
def test_what_somebody_set_further_already_stays(searches: tuple[int, int, int]) -> None:
    sys.setswitchinterval(0.0001)
    gc.set_threshold(*searches)
    with tuned_interpreter():
        assert sys.getswitchinterval() == pytest.approx(0.0001)
        assert gc.get_threshold() == searches
    assert sys.getswitchinterval() == pytest.approx(0.0001)
    assert gc.get_threshold() == searches


def test_what_was_found_in_use_is_left_out_until_the_last_batch_ends() -> None:
    gc.collect()
    assert gc.get_freeze_count() == 0
    with tuned_interpreter():
        gc.collect()
        assert gc.get_freeze_count() > 0
    assert_usual()
    gc.collect()
    assert gc.get_freeze_count() == 0


def test_what_somebody_left_out_already_stays_so() -> None:
    gc.freeze()
    frozen = gc.get_freeze_count()
    with tuned_interpreter():
        gc.collect()
    assert gc.get_freeze_count() == pytest.approx(frozen, rel=0.1)


def test_an_error_ends_it_too() -> None:
    with pytest.raises(RuntimeError), tuned_interpreter():
        raise RuntimeError
    assert_usual()
