"""Run benchmarks by name, all without one: see `scripts/bench`."""

import importlib
from typing import Literal, get_args

import cyclopts
from benchmarks.report import keep, show

Name = Literal[
    "start",
    "overhead",
    "peers",
    "status_query",
    "near_the_limit",
    "in_flight",
    "transfer",
    "time_to_notice",
]


def bench(*names: Name, quick: bool = False) -> None:
    """Measure, print what was asked beside what was reached, and keep it as JSON.

    Args:
        names: Which benchmarks; all without one.
        quick: Small sizes, to see that everything works: its figures say nothing.
    """
    for name in names or get_args(Name):
        benchmark = importlib.import_module(f"benchmarks.{name}")
        print(f"{name}:", flush=True)
        outcome = benchmark.run(benchmark.QUICK if quick else benchmark.FULL)
        show(outcome)
        if not quick:
            print(f"kept in {keep(outcome)}")


if __name__ == "__main__":
    cyclopts.run(bench)
