"""Python's own settings, for a process that has thousands of shots under way.

A thread that wants Python's lock waits for the switch interval (5 ms) while another one computes.
A request of the background loop needs the lock some twenty times, so that with hundreds of shots
under way replies came seconds late, though nobody was short of CPU.

And the garbage collector looks through everything that is there, again and again while there gets
more of it: with 5,000 shots under way it took a sixth of the CPU, more than a second at a time.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

TURN = 0.0005  # seconds
FIRST_SEARCH = 20_000  # new objects: what requests and tasks leave behind waits no longer


@dataclass(frozen=True)
class _Settings:
    turn: float
    searches: tuple[int, int, int]

    @classmethod
    def now(cls) -> "_Settings":
        return cls(sys.getswitchinterval(), gc.get_threshold())

    def for_many_shots(self) -> "_Settings":
        first, *later = self.searches
        if first:  # 0: somebody has turned the collector off
            first = max(first, FIRST_SEARCH)
        return _Settings(min(TURN, self.turn), (first, later[0], later[1]))

    def apply(self) -> None:
        gc.set_threshold(*self.searches)
        if self.turn != sys.getswitchinterval():  # Python rounds down what it is told
            sys.setswitchinterval(self.turn)


class _Batches:
    def __init__(self) -> None:
        self.lock = Lock()
        self.under_way = 0
        self.before = _Settings.now()


_batches = _Batches()


@contextmanager
def made_for_many_shots() -> Iterator[None]:
    """Shorter turns of threads, rarer searches for garbage; when the last batch ends, as before."""
    with _batches.lock:
        if _batches.under_way == 0:
            _batches.before = _Settings.now()
            _batches.before.for_many_shots().apply()
        _batches.under_way += 1
    try:
        yield
    finally:
        with _batches.lock:
            _batches.under_way -= 1
            if _batches.under_way == 0:
                _batches.before.apply()
