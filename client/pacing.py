"""When to query a generation again: often where its completion is likely, rarely where it isn't.

A query `d` seconds after another detects a completion `d / 2` seconds late on average. With the
hazard rate `h` of completion, a limited number of queries minimises the delay when they are
`c / sqrt(h)` apart: `c` follows from the rate limit, `h` from the render times of similar
generations and from the progress of this generation.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import exp, sqrt
from statistics import median

KEPT = 256  # render times of a kind: the latest
_SPANS = 64  # of a belief, equally likely before the progress is known
_PROGRESS_DEVIATION = 12.0  # percent: the standard deviation of reported progress
_PROGRESS_FLOOR = 0.05  # the weight of spans that contradict the progress
_TAIL = 0.5  # expected further time beyond all known render times, as a fraction of the age

# "Most videos take 1 to 5 minutes, long ones 10" ([D]); any may be faster.
ADVISED = (20.0, 60.0, 90.0, 120.0, 160.0, 200.0, 250.0, 300.0, 420.0, 600.0)
# Prior around the median of known times: without it, a generation that takes a second longer than
# all others would be queried only a minute later.
_MULTIPLES_OF_MEDIAN = (0.75, 0.9, 1.0, 1.05, 1.1, 1.15, 1.25, 1.4, 1.8, 3.0)


@dataclass(frozen=True)
class Belief:
    """The distribution of the render times of a kind, as equally likely spans.

    Args:
        edges: The boundaries of the spans, in seconds, ascending.

    Example:
        >>> Belief.of([]).edges[:3]
        (0.0, 20.0, 60.0)
    """

    edges: tuple[float, ...]

    @classmethod
    def of(cls, took: Iterable[float]) -> "Belief":
        """Estimate from observed times, in seconds, or else from the provider's advice."""
        seen = list(took)
        guessed = [median(seen) * part for part in _MULTIPLES_OF_MEDIAN] if seen else ADVISED
        times = _spread_equal([*seen, *guessed])
        step = max(1.0, len(times) / _SPANS)
        picked = [times[min(round(n * step), len(times)) - 1] for n in range(1, _SPANS + 1)]
        return cls((0.0, *sorted({*picked, times[-1]})))

    @property
    def typical(self) -> float:
        """The median."""
        return self.edges[len(self.edges) // 2]

    @cached_property
    def until_typical(self) -> float:
        """The distance from the submission to the median, in units of `worth`."""
        spans = len(self.edges) - 1
        ahead = zip(self.edges, self.edges[1:], range(spans, 0, -1), strict=False)
        return sum(_worth(1 / (b - a), n, n - 1) for a, b, n in ahead if b <= self.typical)

    def weights(self, age: float, progress: float | None) -> list[float]:
        """The likelihood of each span given the reported progress, not normalised.

        Args:
            age: Seconds since the submission when the progress was reported.
            progress: In percent; None, 0 and 100 are ignored.
        """
        spans = zip(self.edges, self.edges[1:], strict=False)
        if progress is None or not 0 < progress < 100 or age <= 0:
            return [1.0 for _ in spans]
        off = [(progress - 200 * age / (a + b)) / _PROGRESS_DEVIATION for a, b in spans]
        # A product becomes infinite where a power would raise OverflowError.
        return [exp(-z * z / 2) + _PROGRESS_FLOOR for z in off]


def _spread_equal(times: Iterable[float]) -> list[float]:
    """Sorted times; equal times, rounded to whole seconds, are spread around their value."""
    counts = sorted(Counter(times).items())
    return sorted(
        time + (number / (count - 1) - 0.5) * min(1.0, time / 5) if count > 1 else time
        for time, count in counts
        for number in range(count)
    )


def _worth(density: float, left: float, ends_left: float) -> float:
    """The integral of sqrt(density / remaining probability) over a span of that density."""
    return 2 * (sqrt(left) - sqrt(ends_left)) / sqrt(density)


def next_age(belief: Belief, age: float, worth: float, progress: float | None = None) -> float:
    """The age at which to query again, in seconds.

    Args:
        belief: The distribution of render times.
        age: Seconds since the submission.
        worth: The `c` above, in square roots of seconds; a larger value means fewer queries.
        progress: In percent, as reported now.

    Example:
        With a completion uniformly between 100 and 200 s, the first query is late:

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
    """The `worth` that corresponds to an interval without knowledge of render times.

    Generations shorter than the interval are still queried at their median.

    Args:
        every: The interval, in seconds.
        belief: The distribution of render times.
    """
    return min(every / sqrt(belief.typical), belief.until_typical)


@dataclass
class RenderTimes:
    """Observed render times, by kind.

    Args:
        by_kind: In seconds, the latest last.
    """

    by_kind: dict[str, deque[float]] = field(default_factory=dict)
    _beliefs: dict[str, Belief] = field(default_factory=dict, repr=False)

    def saw(self, kind: str, *seconds: float) -> None:
        """Add render times, in seconds."""
        self.by_kind.setdefault(kind, deque(maxlen=KEPT)).extend(seconds)
        self._beliefs.pop(kind, None)

    def belief(self, kind: str) -> Belief:
        """The distribution of the render times of a kind."""
        if kind not in self._beliefs:
            self._beliefs[kind] = Belief.of(self.by_kind.get(kind, ()))
        return self._beliefs[kind]

    def merge(self, earlier: Mapping[str, Sequence[float]]) -> None:
        """Add render times observed elsewhere, of kinds without any here."""
        for kind, seconds in earlier.items():
            if kind not in self.by_kind:
                self.saw(kind, *seconds)
