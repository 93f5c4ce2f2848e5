"""Work that signals cancel."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from prefect_toapis.cli.interruption import Interrupted, Interruptible

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """As they were."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def send(*numbers: int) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)


def test_the_result_and_the_error_are_the_work_s_own() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]

    async def fails() -> int:
        raise ValueError("of the work")

    async def works() -> int:
        assert threading.current_thread() is not threading.main_thread()
        return 3

    assert Interruptible(works).run() == 3
    with pytest.raises(ValueError, match="of the work"):
        Interruptible(fails).run()
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_cancels_the_work_where_it_waits(number: int, code: int) -> None:
    ended: list[str] = []

    async def waits() -> None:
        await send(number)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # there is time to tidy up
            ended.append("in order")

    with pytest.raises(Interrupted) as interrupted:
        Interruptible(waits).run()
    assert interrupted.value.exit_code == code
    assert ended == ["in order"]


def test_a_signal_that_another_thread_takes_cancels_the_work() -> None:
    over = threading.Event()
    other = threading.Thread(target=over.wait, args=(60,))
    other.start()

    async def waits() -> None:
        assert other.ident
        await asyncio.sleep(0.05)  # the main thread waits by now
        signal.pthread_kill(other.ident, signal.SIGTERM)
        await asyncio.wait_for(asyncio.Event().wait(), 60)

    with pytest.raises(Interrupted):
        Interruptible(waits).run()
    assert not over.is_set()
    over.set()
    other.join()


def test_a_closed_terminal_does_not_end_the_work() -> None:
    async def works() -> int:
        await send(signal.SIGHUP)
        await asyncio.sleep(0)
        return 3

    assert Interruptible(works).run() == 3


def test_work_that_has_its_result_in_spite_of_a_signal_returns_it() -> None:
    async def works() -> int:
        await send(signal.SIGINT)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return 3
        raise AssertionError("it is never set")

    assert Interruptible(works).run() == 3


def test_work_that_can_t_be_cancelled_is_left_after_a_second_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("prefect_toapis.cli.interruption._AFTER_ANOTHER_SECONDS", 0.1)
    over = threading.Event()

    async def hangs() -> None:
        await send(signal.SIGINT, signal.SIGTERM)
        over.wait(60)

    with pytest.raises(Interrupted) as interrupted:
        Interruptible(hangs).run()
    assert not over.is_set()
    assert interrupted.value.exit_code in {130, 143}
    over.set()
