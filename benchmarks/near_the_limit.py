"""How near a batch comes to what the provider's rate limits allow."""

from dataclasses import dataclass

from benchmarks.measuring import Run, interleaved, middle, run_subject
from benchmarks.report import Outcome, Row, at_least, at_most
from benchmarks.services import provider, services

from prefect_toapis.simulator import SimulatorSettings

RATE, BURST = 1000 / 60, 167  # submissions of `vip`, a second and at once ([D])


@dataclass(frozen=True)
class Size:
    """How much there is to do.

    Args:
        shots: How many videos.
        render: How long each takes, in seconds.
        video: How large each is, in bytes.
        rounds: How often it is done.
    """

    shots: int = 1000
    render: float = 30
    video: int = 100_000
    rounds: int = 3


FULL = Size()
QUICK = Size(shots=200, render=5, rounds=1)


def run(size: Size) -> Outcome:
    """Measure it, with the provider enforcing its limits."""
    settings = SimulatorSettings(
        account_group="vip", render_seconds=size.render, pad_to=size.video, short_side=64
    )
    with services() as ready:

        def one(subject: str) -> Run:
            with (
                provider(settings) as simulated,
                ready.job(simulated, size.shots, group="vip") as job,
            ):
                ready.rest()
                measured = run_subject(subject, job, ready.prefect)
                assert measured.told["videos"] == size.shots
                ledger = simulated.ledger()
                assert len(ledger["submissions"]) == size.shots
                measured.told["throttled"] = ledger["throttled"]
                return measured

        runs = interleaved(["ours"], size.rounds, one)["ours"]
    wall = middle(runs, lambda run: run.told["work_wall"])
    least = (size.shots - BURST) / RATE + size.render  # one transfer, milliseconds, not counted
    rows = [
        at_least("what the limits make inevitable, to the wall time", least / wall, 0.96),
        at_most("replies with 429", max(run.told["throttled"] for run in runs), 0, ""),
        Row("inevitable", least, "s"),
        Row("wall", wall, "s"),
        Row("CPU", middle(runs, lambda run: run.cpu), "s"),
    ]
    what = f"{size.shots} videos of {size.video / 1e3:g} KB under the vip limits"
    return Outcome("near_the_limit", f"{what}, median of {size.rounds}", rows, {"runs": runs})
