"""When to ask for a generation again: often where its end is likely, rarely where it isn't.

A query that comes `d` seconds after another finds what ended meanwhile `d / 2` seconds late on
average. With the chance `h` of ending in the next second, as many queries as one can afford bring
the least delay when they lie `c / sqrt(h)` apart: `c` is what the account can afford, `h` follows
from how long such generations took so far, and from the progress of this one.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import exp, sqrt
from statistics import median

KEPT = 256  # times of one kind: the latest count
_SPANS = 64  # of a belief, each as likely as the others before anything is known of the progress
_PROGRESS_IS_OFF_BY = 12.0  # percent, in most cases
_PROGRESS_MISLEADS = 0.05  # how much is believed against it
_TAIL = 0.5  # of its age: how much longer what took longer than ever is expected to take

# "Most videos take 1 to 5 minutes, long ones 10" ([D]); any may be quicker.
ADVISED = (20.0, 60.0, 90.0, 120.0, 160.0, 200.0, 250.0, 300.0, 420.0, 600.0)
# Once some were seen, others may take about as long, and a few much longer: without these, one
# that ends a second later than all others would be looked for a minute later.
_LIKE_THE_TYPICAL = (0.75, 0.9, 1.0, 1.05, 1.1, 1.15, 1.25, 1.4, 1.8, 3.0)


@dataclass(frozen=True)
class Belief:
    """How long generations of one kind take: spans of time, each as likely as the others.

    Args:
        edges: Where the spans begin and end, in seconds, ascending.

    Example:
        >>> Belief.of([]).edges[:3]
        (0.0, 20.0, 60.0)
    """

    edges: tuple[float, ...]

    @classmethod
    def of(cls, took: Iterable[float]) -> "Belief":
        """From the times seen, in seconds, or else from the provider's advice."""
        seen = list(took)
        guessed = [median(seen) * part for part in _LIKE_THE_TYPICAL] if seen else ADVISED
        times = _told_apart([*seen, *guessed])
        step = max(1.0, len(times) / _SPANS)
        picked = [times[min(round(n * step), len(times)) - 1] for n in range(1, _SPANS + 1)]
        return cls((0.0, *sorted({*picked, times[-1]})))

    @property
    def typical(self) -> float:
        """Half take longer than this."""
        return self.edges[len(self.edges) // 2]

    @cached_property
    def until_typical(self) -> float:
        """What lies between the submission and the typical end, in units of `worth`."""
        spans = len(self.edges) - 1
        ahead = zip(self.edges, self.edges[1:], range(spans, 0, -1), strict=False)
        return sum(_worth(1 / (b - a), n, n - 1) for a, b, n in ahead if b <= self.typical)

    def weights(self, age: float, progress: float | None) -> list[float]:
        """How likely each span is by what the provider says of the progress; not normalised.

        Args:
            age: Seconds since the submission when the progress was told.
            progress: In percent; None and the ends of the scale tell nothing.
        """
        spans = zip(self.edges, self.edges[1:], strict=False)
        if progress is None or not 0 < progress < 100 or age <= 0:
            return [1.0 for _ in spans]
        off = [(progress - 200 * age / (a + b)) / _PROGRESS_IS_OFF_BY for a, b in spans]
        # A product becomes infinite where a power would be an OverflowError.
        return [exp(-one * one / 2) + _PROGRESS_MISLEADS for one in off]


def _told_apart(times: Iterable[float]) -> list[float]:
    """Times in order: those told as the same whole second lay somewhere around it."""
    counts = sorted(Counter(times).items())
    return sorted(
        time + (number / (count - 1) - 0.5) * min(1.0, time / 5) if count > 1 else time
        for time, count in counts
        for number in range(count)
    )


def _worth(density: float, left: float, ends_left: float) -> float:
    """The integral of sqrt(density / what is left) over a span of that density."""
    return 2 * (sqrt(left) - sqrt(ends_left)) / sqrt(density)


def next_age(belief: Belief, age: float, worth: float, progress: float | None = None) -> float:
    """At which age to ask again.

    Args:
        belief: How long such generations take.
        age: Seconds since the submission, now.
        worth: Of a query: the `c` above, in square roots of seconds. More is rarer.
        progress: In percent, as the provider tells it now.

    Example:
        With an end between 100 and 200 s, each second as likely, the first query comes late:

        >>> round(next_age(Belief((100.0, 200.0)), age=0, worth=1.0))
        110
    """
    spans = list(zip(belief.edges, belief.edges[1:], strict=False))
    weights = belief.weights(age, progress)
    ahead = [
        (max(a, age), b, weight / (b - a))
        for (a, b), weight in zip(spans, weights, strict=True)
        if b > age
    ]
    left = sum((b - a) * density for a, b, density in ahead)
    for a, b, density in ahead:
        ends_left = max(left - (b - a) * density, 0.0)
        whole = _worth(density, left, ends_left)
        if whole >= worth:
            stop = sqrt(left) - worth * sqrt(density) / 2
            return a + (left - stop * stop) / density
        worth -= whole
        left = ends_left
    start = max(age, belief.edges[-1])
    return start + worth * sqrt(_TAIL * start)


def worth_of(every: float, belief: Belief) -> float:
    """What a query is worth to one who would ask each `every` seconds, knowing nothing.

    What takes less than that is asked for all the same, when half of its kind have ended.
    """
    return min(every / sqrt(belief.typical), belief.until_typical)


@dataclass
class RenderTimes:
    """How long generations took, by kind: those of one kind take about as long.

    Args:
        by_kind: Seconds, the latest last.
    """

    by_kind: dict[str, deque[float]] = field(default_factory=dict)
    _beliefs: dict[str, Belief] = field(default_factory=dict, repr=False)

    def saw(self, kind: str, *seconds: float) -> None:
        """Note how long some took."""
        self.by_kind.setdefault(kind, deque(maxlen=KEPT)).extend(seconds)
        self._beliefs.pop(kind, None)

    def belief(self, kind: str) -> Belief:
        """What to expect of one."""
        if kind not in self._beliefs:
            self._beliefs[kind] = Belief.of(self.by_kind.get(kind, ()))
        return self._beliefs[kind]

    def merge(self, earlier: Mapping[str, Sequence[float]]) -> None:
        """Take over what others saw of kinds that nothing is known of here."""
        for kind, seconds in earlier.items():
            if kind not in self.by_kind:
                self.saw(kind, *seconds)
