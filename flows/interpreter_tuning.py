"""Python's own settings, for a process of ours that has thousands of shots under way.

They are changed only where TOAPIS_TUNE_INTERPRETER is 1: they are the whole process's, so only its
owner may say so. The command line and the shipped deployments do.

A thread that wants Python's lock waits for the switch interval (5 ms) while another one computes.
A request of the background loop needs the lock some twenty times, so that with hundreds of shots
under way replies came seconds late, though the CPU was not fully used.

And the garbage collector looks through everything that is there, again and again while there gets
more of it: with 5,000 shots under way it took a sixth of the CPU, and more than a second at a time
in which nothing else went on. Now what it has looked through once isn't looked through again.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

SWITCH = "TOAPIS_TUNE_INTERPRETER"
TURN = 0.0005  # seconds
SEARCHES = (20_000, 5, 2)  # new objects before the first one, then how many before a wider one
_WIDEST = 2  # of a search: it looks through everything


@dataclass(frozen=True)
class _Settings:
    turn: float
    searches: tuple[int, int, int]

    @classmethod
    def now(cls) -> "_Settings":
        return cls(sys.getswitchinterval(), gc.get_threshold())

    @property
    def searches_often(self) -> bool:
        """Whether the collector is as Python has it: on, not rarer than here, nothing frozen."""
        return 0 < self.searches[0] <= SEARCHES[0] and gc.get_freeze_count() == 0

    def apply(self) -> None:
        gc.set_threshold(*self.searches)
        if self.turn != sys.getswitchinterval():  # Python rounds down what it is told
            sys.setswitchinterval(self.turn)


class _Batches:
    def __init__(self) -> None:
        self.lock = Lock()
        self.under_way = 0
        self.before = _Settings.now()

    def begin(self) -> None:
        self.before = before = _Settings.now()
        often = before.searches_often
        _Settings(min(TURN, before.turn), SEARCHES if often else before.searches).apply()
        if often:
            gc.callbacks.append(_spare)

    def end(self) -> None:
        if _spare in gc.callbacks:
            gc.callbacks.remove(_spare)
            gc.unfreeze()
        self.before.apply()


def _spare(phase: str, search: dict[str, int]) -> None:
    """Have the next searches leave out what was found to be in use."""
    if phase == "stop" and search["generation"] == _WIDEST:
        gc.freeze()


_batches = _Batches()


@contextmanager
def tuned_interpreter() -> Iterator[None]:
    """Shorter turns of threads, rarer searches for garbage; when the last batch ends, as before.

    Without the switch it changes nothing.
    """
    if os.environ.get(SWITCH) != "1":
        yield
        return
    with _batches.lock:
        if _batches.under_way == 0:
            _batches.begin()
        _batches.under_way += 1
    try:
        yield
    finally:
        with _batches.lock:
            _batches.under_way -= 1
            if _batches.under_way == 0:
                _batches.end()
