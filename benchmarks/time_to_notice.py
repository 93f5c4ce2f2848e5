"""How late a completed generation is noticed, on a clock that runs as fast as it can.

The scheduler is the real one; the provider is a function. The yardstick is computed: the least
delay that any schedule can bring with as many queries, knowing all but the end of this generation.
"""

import asyncio
import random
import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from benchmarks.report import Outcome, Row, at_most
from tests.virtual_time import in_virtual_time

from prefect_toapis.client.allowance import ALLOWANCES, Bucket
from prefect_toapis.client.circuit_breaker import CircuitBreaker
from prefect_toapis.client.pacing import KEPT, RenderTimes
from prefect_toapis.client.polling import Expected, Poller, PollPolicy
from prefect_toapis.client.replies import Output, Reply
from prefect_toapis.client.retrying import RetryPolicy

QUICKEST, SLOWEST = 60, 300  # seconds: "most videos take 1 to 5 minutes" ([D])
MEAN = (QUICKEST + SLOWEST) / 2
VIDEOS = 2_000
IN_FLIGHT = 3_000
POLL_POLICY = PollPolicy(timeout=100_000)
KIND = "sora-2 10"

Telling = Callable[[float], float | None]
"""The progress, in percent, that the provider tells at a part (0 to 1) of the way."""


@dataclass
class Watched:
    """Generations under one scheduler, and what came of it.

    Args:
        group: Whose allowance of queries holds.
        seed: Of the render times and the progress.
        telling: What the provider tells of the progress of a generation.
    """

    group: str
    seed: int
    telling: Callable[[random.Random], Telling] = lambda _: lambda _: None
    delays: list[float] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.times = RenderTimes()
        self.times.saw(KIND, *[float(round(self._took())) for _ in range(KEPT)])  # earlier batches
        self.ends: dict[str, tuple[float, float, Telling]] = {}

    def _took(self) -> float:
        return self.chance.uniform(QUICKEST, SLOWEST)

    def poller(self) -> Poller:
        allowance = {str(name): one for name, one in ALLOWANCES.items()}[self.group]
        breaker = CircuitBreaker(asyncio.get_running_loop().time)
        return Poller(self._ask, Bucket(allowance.queries, breaker), self.times)

    async def make(self, name: str, poller: Poller) -> None:
        """Submit one, wait for it, and note how late that was noticed."""
        clock, took = asyncio.get_running_loop(), self._took()
        self.ends[name] = (clock.time(), took, self.telling(self.chance))
        await poller.wait(name, POLL_POLICY, expected=Expected(KIND))
        self.delays.append(clock.time() - self.ends[name][0] - took)

    async def _ask(self, name: str, _retry: RetryPolicy) -> Reply:
        begin, took, telling = self.ends[name]
        self.asked[name] += 1
        part = (asyncio.get_running_loop().time() - begin) / took
        if part < 1:
            return Reply(name, "in_progress", progress=telling(part))
        # The provider tells whole seconds.
        done = Output("https://files.example/a.mp4")
        return Reply(name, "completed", outputs=(done,), created_at=0, completed_at=round(took))

    @property
    def queries(self) -> float:
        return self.asked.total() / len(self.delays)


async def in_a_row(watched: Watched) -> None:
    """Submit some every second, far below any limit."""
    poller, waits = watched.poller(), []
    for number in range(VIDEOS):
        waits.append(asyncio.create_task(watched.make(f"video_{number}", poller)))
        await asyncio.sleep(0.5)
    await asyncio.gather(*waits)


async def all_the_time(watched: Watched) -> None:
    """Keep thousands in flight for half an hour; its first ten minutes are not counted."""
    poller, clock = watched.poller(), asyncio.get_running_loop()

    async def slot(number: int) -> None:
        await asyncio.sleep(watched.chance.uniform(0, MEAN))
        turn = 0
        while clock.time() < 1_800:
            await watched.make(f"video_{number}_{turn}", poller)
            turn += 1

    slots = asyncio.gather(*map(slot, range(IN_FLIGHT)))
    await asyncio.sleep(600)
    watched.delays.clear()
    watched.asked.clear()
    await slots


def unsteady(chance: random.Random) -> Telling:
    """A progress that runs ahead or behind, stands still for a while, and then jumps."""
    stall = chance.uniform(0, 0.7)
    jump = stall + chance.uniform(0.05, 0.3)
    bias, told = chance.gauss(0, 6), 0.0

    def tell(part: float) -> float:
        nonlocal told
        seen = stall if stall < part < jump else part
        told = max(told, min(99.0, 100 * seen + bias + chance.gauss(0, 3)))
        return round(told)

    return tell


@lru_cache(maxsize=512)
def best(price: float, step: float = 2.0) -> tuple[float, float]:
    """Queries and delay of the schedule with the least delay + price x queries, on average."""
    spans = round((SLOWEST - QUICKEST) / step)
    cost, queries, delay = ([0.0] * (spans + 1) for _ in range(3))
    for here in range(spans - 1, -1, -1):
        left = spans - here

        def outcome(then: int, left: int = left, here: int = here) -> tuple[float, int]:
            found = (then - here) / left
            return found * (then - here) * step / 2 + price + (1 - found) * cost[then], then

        cost[here], then = min(map(outcome, range(here + 1, spans + 1)))
        found = (then - here) / left
        queries[here] = 1 + (1 - found) * queries[then]
        delay[here] = found * (then - here) * step / 2 + (1 - found) * delay[then]
    return queries[0], delay[0]


def least_delay(queries: float) -> float:
    """The least average delay, in seconds, that so many queries a video can bring."""
    cheap, dear = 0.001, 2_000.0
    for _ in range(25):
        price = (cheap * dear) ** 0.5
        cheap, dear = (price, dear) if best(price)[0] > queries else (cheap, price)
    (more, less_delay), (fewer, more_delay) = best(cheap), best(dear)
    part = 0.0 if more == fewer else (more - queries) / (more - fewer)  # a mixture of both
    return less_delay + part * (more_delay - less_delay)


def inevitable_delay(per_second: float) -> float:
    """The least average delay with thousands in flight and so many queries a second."""
    delay = 0.0
    for _ in range(10):  # who is noticed late keeps its place for longer
        delay = least_delay(per_second * (MEAN + delay) / IN_FLIGHT)
    return delay


@dataclass(frozen=True)
class Size:
    """How often it is done."""

    seeds: tuple[int, ...] = (1, 2, 3)


FULL = Size()
QUICK = Size((1,))


def run(size: Size) -> Outcome:
    """Measure it; the worst of the seeds counts."""
    told = [_of_seed(seed) for seed in size.seeds]
    worst = {name: max(one[name] for one in told) for name in told[0]}
    rows = [
        at_most("without progress: delay, to the optimum", worst["to the optimum"], 1.15),
        Row("without progress: delay on average", worst["delay"], "s"),
        Row("without progress: queries a video", worst["queries"]),
        at_most("with unsteady progress: delay in the median", worst["delay, told"], 4, "s"),
        at_most("with unsteady progress: queries a video", worst["queries, told"], 12, ""),
        at_most("3,000 in flight: delay, to the inevitable", worst["to the inevitable"], 1.2),
        Row("3,000 in flight: delay on average", worst["delay, many"], "s"),
    ]
    what = f"{VIDEOS} videos on a clock that leaps, the worst of {len(size.seeds)} seeds"
    return Outcome("time_to_notice", what, rows, {"seeds": told})


def _of_seed(seed: int) -> dict[str, float]:
    plain = Watched("svip", seed)
    in_virtual_time(in_a_row(plain))
    told = Watched("svip", seed, unsteady)
    in_virtual_time(in_a_row(told))
    many = Watched("default", seed)
    in_virtual_time(all_the_time(many))
    delay, delay_of_many = statistics.mean(plain.delays), statistics.mean(many.delays)
    return {
        "queries": plain.queries,
        "delay": delay,
        "to the optimum": delay / least_delay(plain.queries),
        "queries, told": told.queries,
        "delay, told": statistics.median(told.delays),
        "delay, many": delay_of_many,
        "to the inevitable": delay_of_many / inevitable_delay(50),
    }
