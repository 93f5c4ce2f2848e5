"""Where every shot of a running batch is: kept by the flow, looked at by whoever shows it."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal, get_args

from prefect_toapis.batches.manifest import StoredShot

Phase = Literal["waiting", "queued", "rendering", "storing", "stored", "failed", "open"]
ENDED: tuple[Phase, ...] = ("stored", "failed", "open")


@dataclass
class Progress:
    """The phases of a batch's shots.

    Args:
        batch: Its name, once it is known.
        phases: By the shot's label, in the order of the plan.
        percent: How far each rendering one is, as the provider tells.
        began: When each shot of this run was submitted or found again, by the clock.
        took: How many seconds each needed from then until it was stored.
        bought: The shots whose generation this run paid for.
        done: What was written of the shots that were stored just now, by shot id.
        made: The characters whose creation this run paid for.
        under_way: Gives the task ids of what is paid and not stored, by the shots' labels.
    """

    batch: str = ""
    phases: dict[str, Phase] = field(default_factory=dict)
    percent: dict[str, float] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    bought: set[str] = field(default_factory=set)
    done: dict[str, StoredShot] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    under_way: Callable[[], dict[str, str]] = dict
    clock: Callable[[], float] = field(default=time.monotonic, compare=False)

    def set(self, label: str, phase: Phase, percent: float = 0) -> None:
        """Note where a shot is."""
        self.phases[label] = phase
        self.percent[label] = percent
        if phase == "queued":
            self.began.setdefault(label, self.clock())
        if phase == "stored" and label in self.began:
            self.took[label] = self.clock() - self.began[label]

    def counts(self) -> Counter[Phase]:
        """How many shots are in each phase."""
        return Counter(list(self.phases.values()))

    @property
    def ended(self) -> int:
        """How many shots are done, for good or for now."""
        counts = self.counts()
        return sum(counts[phase] for phase in ENDED)

    @property
    def in_words(self) -> str:
        """How many shots are where, in the order in which they pass."""
        counts = self.counts()
        parts = [f"{counts[phase]} {phase}" for phase in get_args(Phase) if counts[phase]]
        return f"{self.ended} of {len(self.phases)} shots done: {', '.join(parts)}"


_shown: ContextVar[Progress | None] = ContextVar("prefect_toapis_progress", default=None)


@contextmanager
def showing(progress: Progress) -> Iterator[Progress]:
    """Have batches that run in this context keep their progress here.

    Example:
        ```python
        with showing(Progress()) as progress:
            ...  # run a flow; look at progress.counts() from another thread
        ```
    """
    token = _shown.set(progress)
    try:
        yield progress
    finally:
        _shown.reset(token)


def current_progress() -> Progress:
    """The progress that somebody shows, or one that nobody does."""
    return _shown.get() or Progress()
