"""What thousands of generations that wait cost one process."""

from dataclasses import dataclass

from benchmarks.measuring import Run, interleaved, middle, run_subject
from benchmarks.report import Outcome, Row, at_most
from benchmarks.services import provider, services

from prefect_toapis.simulator import SimulatorSettings

QUERIES = 500  # of `svip`, a second ([D])


@dataclass(frozen=True)
class Size:
    """How much there is to do.

    Args:
        few: How many generations wait in the small runs.
        many: And in the large ones.
        watch: How long each is under way, on average and at least, in seconds: in large runs
            submitting them may take longer than that.
        rounds: How often it is done.
    """

    few: int = 500
    many: int = 5000
    watch: float = 150
    rounds: int = 3


FULL = Size()
QUICK = Size(few=100, many=600, watch=40, rounds=1)


def run(size: Size) -> Outcome:
    """Measure it: nothing ends while it is looked at."""
    settings = SimulatorSettings(
        account_group="svip", render_seconds=20 * size.watch, short_side=64
    )
    shots = {f"{count} waiting": count for count in (size.few, size.many)}
    with services() as ready:

        def one(name: str) -> Run:
            with (
                provider(settings) as simulated,
                ready.job(simulated, shots[name], watch=size.watch) as job,
            ):
                ready.rest()
                measured = run_subject("waiting", job, ready.prefect)
                ledger = simulated.ledger()
                assert len(ledger["submissions"]) == shots[name] - measured.told["failed"]
                measured.told["shots"] = shots[name]
                measured.told["throttled"] = ledger["throttled"]
                asked = sum(ledger["queries"].values())
                measured.told["queries"] = asked / measured.told["work_wall"]
                return measured

        few, many = interleaved(list(shots), size.rounds, one).values()
    figures = {
        "memory": lambda run: run.told["memory"] / run.told["shots"],
        "CPU": lambda run: run.told["work_cpu"] / run.told["shots"],
    }
    ratio = {name: middle(many, of) / middle(few, of) for name, of in figures.items()}
    rows = [
        at_most("memory", middle(many, lambda run: run.peak), 500, "MB"),
        at_most(
            "the event loop is late, 99 of 100 times by less than",
            middle(many, lambda run: max(run.told["late"].values())) * 1000,
            100,
            "ms",
        ),
        at_most("replies with 429", max(run.told["throttled"] for run in [*few, *many]), 0, ""),
        at_most("failed submissions", max(run.told["failed"] for run in [*few, *many]), 0, ""),
        at_most("queries a second", middle(many, lambda run: run.told["queries"]), QUERIES, ""),
        at_most(f"memory per shot, {size.many} to {size.few}", ratio["memory"], 1.3),
        at_most(f"CPU per shot, {size.many} to {size.few}", ratio["CPU"], 1.3),
        Row("memory per shot", middle(many, figures["memory"]) * 1000, "KB"),
        Row("CPU per shot, submission and waiting", middle(many, figures["CPU"]) * 1000, "ms"),
        at_most("submitting them", middle(many, lambda run: run.told["submitting"]), 250, "s"),
        Row("CPU of waiting", middle(many, lambda run: run.told["waiting_cpu"]), "s a second"),
    ]
    time = f"{size.watch:g} s or more on average"
    what = f"{size.many} and {size.few} generations, each under way for {time}"
    return Outcome(
        "in_flight", f"{what}, median of {size.rounds}", rows, {"few": few, "many": many}
    )
