"""Runs work that signals cancel cooperatively, never in the middle of a step."""

import asyncio
import contextvars
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_ENDED = 0  # not a signal number
_CANCELLING_SECONDS = 10.0  # without its server, Prefect retries for minutes to report the state
_AFTER_ANOTHER_SECONDS = 3.0
_LEAVING_SECONDS = 10.0
_LOOKING_SECONDS = 0.5  # a signal that the system gives to another thread doesn't wake this one


class Interrupted(Exception):
    """A signal ended the work.

    Args:
        number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number
        """The conventional exit code of the signal."""


class Interruptible(Generic[T]):
    """Work that is cancelled by SIGINT and SIGTERM, but not by a closed terminal (SIGHUP).

    It runs in a separate thread, because there Prefect and asyncio install no signal handlers: a
    signal cancels the work at its next await instead of raising at an arbitrary place.

    Args:
        work: Starts the work.
    """

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self.interrupted = False
        self._work = work
        self._events: SimpleQueue[int] = SimpleQueue()
        self._cancel: Callable[[], object] | None = None
        self._results: list[T] = []
        self._errors: list[BaseException] = []
        self._thread: threading.Thread | None = None

    def run(self) -> T:
        """Run the work, and wait for its end in the main thread.

        After a signal it waits for 10 seconds at most, after a second signal for 3.

        Raises:
            Interrupted: A signal ended the work before it had a result; see `exit`.
        """
        in_context = contextvars.copy_context().run
        self._thread = threading.Thread(target=in_context, args=(self._run,), daemon=True)
        before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        # Ignored, not handled, so that child processes inherit it.
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._thread.start()
        number = self._wait(self._thread)
        if self.interrupted and not self._results:
            raise Interrupted(number)  # handlers stay installed, so more signals have no effect
        for each, handler in before.items():
            signal.signal(each, handler)
        for error in self._errors:
            raise error
        return self._results[0]

    def exit(self, error: Interrupted) -> NoReturn:
        """End the process after an interruption; another signal ends it immediately."""
        if self._thread and self._thread.is_alive():  # cancellation hangs
            os._exit(error.exit_code)
        for each in _SIGNALS:
            signal.signal(each, _end_at_once)
        late = threading.Timer(_LEAVING_SECONDS, os._exit, (error.exit_code,))
        late.daemon = True
        late.start()
        raise SystemExit(error.exit_code) from None

    def _wait(self, thread: threading.Thread) -> int:
        """Wait for the end of the work; return the signal that cancelled it, or `_ENDED`."""
        first = self._first_event()
        if first == _ENDED:
            return first
        self.interrupted = True
        if self._cancel:
            self._cancel()
        with suppress(Empty):
            if self._events.get(timeout=_CANCELLING_SECONDS) != _ENDED:
                thread.join(_AFTER_ANOTHER_SECONDS)
        return first

    def _first_event(self) -> int:
        while True:
            with suppress(Empty):
                return self._events.get(timeout=_LOOKING_SECONDS)

    def _note(self, number: int, _: FrameType | None) -> None:
        self._events.put(number)

    def _run(self) -> None:
        # Blocked in this thread, and so in a server that Prefect starts from it: Ctrl-C is sent to
        # all processes of the terminal, but the server is needed until the end.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._results.append(asyncio.run(self._cancellable()))
        except BaseException as error:  # noqa: BLE001 - raised in the main thread
            self._errors.append(error)
        finally:
            self._events.put(_ENDED)

    async def _cancellable(self) -> T:
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(self._work())
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        if self.interrupted:  # before there was anything to cancel
            task.cancel()
        return await task


def _end_at_once(number: int, _: FrameType | None) -> None:
    os._exit(128 + number)
