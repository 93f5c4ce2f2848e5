"""Tunes Python's switch interval and garbage collector for thousands of concurrent shots.

These settings affect the whole process, so they are only changed if TOAPIS_TUNE_INTERPRETER is 1.
The command line and the shipped deployments set it.

A thread that needs the GIL waits for up to the switch interval (5 ms) while another one computes.
A request in the background loop acquires the GIL about twenty times, so with hundreds of shots in
flight, replies were seconds late although the CPU was not saturated.

A full garbage collection traverses all objects, and happens repeatedly while their number grows:
with 5,000 shots in flight it took a sixth of the CPU, with pauses of more than a second. So objects
that survive a full collection are frozen, and not traversed again.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

ENVIRONMENT_VARIABLE = "TOAPIS_TUNE_INTERPRETER"
SWITCH_INTERVAL = 0.0005  # seconds
GC_THRESHOLD = (20_000, 5, 2)  # new objects, then collections before one of the next generation
_OLDEST_GENERATION = 2  # its collection traverses all objects


@dataclass(frozen=True)
class _Settings:
    switch_interval: float
    gc_threshold: tuple[int, int, int]

    @classmethod
    def now(cls) -> "_Settings":
        return cls(sys.getswitchinterval(), gc.get_threshold())

    @property
    def gc_is_tunable(self) -> bool:
        """Whether the collector is enabled, not rarer than `GC_THRESHOLD`, with nothing frozen."""
        return 0 < self.gc_threshold[0] <= GC_THRESHOLD[0] and gc.get_freeze_count() == 0

    def apply(self) -> None:
        gc.set_threshold(*self.gc_threshold)
        if self.switch_interval != sys.getswitchinterval():  # Python rounds it down to microseconds
            sys.setswitchinterval(self.switch_interval)


class _Tuning:
    """The tuning shared by the concurrent batches of this process."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.batches = 0
        self.before = _Settings.now()

    def begin(self) -> None:
        self.before = before = _Settings.now()
        gc_is_tunable = before.gc_is_tunable
        _Settings(
            min(SWITCH_INTERVAL, before.switch_interval),
            GC_THRESHOLD if gc_is_tunable else before.gc_threshold,
        ).apply()
        if gc_is_tunable:
            gc.callbacks.append(_freeze_survivors)

    def end(self) -> None:
        if _freeze_survivors in gc.callbacks:
            gc.callbacks.remove(_freeze_survivors)
            gc.unfreeze()
        self.before.apply()


def _freeze_survivors(phase: str, info: dict[str, int]) -> None:
    """A `gc` callback: after a full collection, exclude its survivors from later ones."""
    if phase == "stop" and info["generation"] == _OLDEST_GENERATION:
        gc.freeze()


_tuning = _Tuning()


@contextmanager
def tuned_interpreter() -> Iterator[None]:
    """Tune the interpreter; when the last batch ends, the previous settings are restored.

    Does nothing unless TOAPIS_TUNE_INTERPRETER is 1.
    """
    if os.environ.get(ENVIRONMENT_VARIABLE) != "1":
        yield
        return
    with _tuning.lock:
        if _tuning.batches == 0:
            _tuning.begin()
        _tuning.batches += 1
    try:
        yield
    finally:
        with _tuning.lock:
            _tuning.batches -= 1
            if _tuning.batches == 0:
                _tuning.end()
