"""What a batch costs beside a plain script, and beside the usual Prefect way."""

from dataclasses import dataclass

from benchmarks.measuring import Run, interleaved, middle, run_subject
from benchmarks.report import Outcome, Row, at_least, at_most
from benchmarks.services import provider, services

from prefect_toapis.simulator import SimulatorSettings

_COMPARED = ("wall", "CPU", "peak memory")


@dataclass(frozen=True)
class Size:
    """How much there is to do.

    Args:
        shots: How many videos.
        render: How long each takes, in seconds.
        video: How large each is, in bytes.
        rounds: How often each subject runs.
        subjects: Which run.
    """

    shots: int = 500
    render: float = 30
    video: int = 2_000_000
    rounds: int = 3
    subjects: tuple[str, ...] = ("plain", "ours", "usual")


FULL = Size()
QUICK = Size(shots=50, render=5, rounds=1)


def run(size: Size) -> Outcome:
    """Measure it."""
    settings = SimulatorSettings(
        account_group=None, render_seconds=size.render, pad_to=size.video, short_side=64
    )
    with services() as ready:

        def one(subject: str) -> Run:
            with provider(settings) as simulated, ready.job(simulated, size.shots) as job:
                ready.rest()
                before = ready.server_cpu()
                measured = run_subject(subject, job, ready.prefect)
                measured.told["server"] = ready.server_cpu() - before
                assert measured.told["videos"] == size.shots
                measured.told["queries"] = simulated.queries()
                return measured

        runs = interleaved(size.subjects, size.rounds, one)
    figures = {
        "wall": lambda run: run.wall,
        "CPU": lambda run: run.cpu,
        "peak memory": lambda run: run.peak,
        "queries": lambda run: run.told["queries"],
        "CPU of the Prefect server meanwhile": lambda run: run.told["server"],
    }
    of = {
        subject: {name: middle(each, figure) for name, figure in figures.items()}
        for subject, each in runs.items()
    }
    return Outcome("overhead", _in_words(size), _rows(of), {"runs": runs})


def _rows(of: dict[str, dict[str, float]]) -> list[Row]:
    rows = []
    if {"plain", "ours"} <= of.keys():
        ratio = {name: of["ours"][name] / of["plain"][name] for name in _COMPARED}
        rows += [
            at_most("wall, to the plain script's", ratio["wall"], 1.1),
            at_most("CPU, to the plain script's", ratio["CPU"], 1.3),
            at_most("peak memory, to the plain script's", ratio["peak memory"], 1.75),
        ]
    if {"usual", "ours"} <= of.keys():
        ratio = {name: of["usual"][name] / of["ours"][name] for name in _COMPARED}
        rows += [
            at_least("the usual Prefect way's CPU, to ours", ratio["CPU"], 2.2),
            at_least("the usual Prefect way's peak memory, to ours", ratio["peak memory"], 1.9),
            Row("the usual Prefect way's wall, to ours", ratio["wall"], "x"),
        ]
    units = {"peak memory": "MB", "queries": ""}
    rows += [
        Row(f"{subject}: {name}", value, units.get(name, "s"))
        for subject, figures in of.items()
        for name, value in figures.items()
    ]
    return rows


def _in_words(size: Size) -> str:
    return (
        f"{size.shots} videos of {size.video / 1e6:g} MB, rendered in {size.render:g} s, "
        f"median of {size.rounds}"
    )
