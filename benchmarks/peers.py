"""What people would use otherwise: OpenAI's SDK in a loop, and the usual Prefect way."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from benchmarks.measuring import Run, interleaved, middle, run_subject
from benchmarks.report import Outcome, Row
from benchmarks.services import Provider, openai_api, provider, services

from prefect_toapis.simulator import SimulatorSettings

_FIGURES = {"wall": "s", "CPU": "s", "peak memory": "MB", "queries": ""}


@dataclass(frozen=True)
class Size:
    """How much there is to do.

    Args:
        shots: How many videos.
        render: How long each takes, in seconds: drawn between the two, so that no way of asking
            fits it by chance.
        video: How large each is, in bytes.
        rounds: How often each subject runs.
    """

    shots: int = 100
    render: tuple[float, float] = (15, 35)
    video: int = 2_000_000
    rounds: int = 3


FULL = Size()
QUICK = Size(shots=10, render=(3, 7), rounds=1)


def run(size: Size) -> Outcome:
    """Measure it."""
    settings = SimulatorSettings(
        account_group=None, render_seconds=size.render, pad_to=size.video, short_side=64
    )
    with services() as ready:

        def one(subject: str) -> Run:
            with (
                provider(settings) as simulated,
                _api_for(subject, simulated) as api,
                ready.job(api, size.shots) as job,
            ):
                ready.rest()
                measured = run_subject(subject, job, ready.prefect)
                assert measured.told["videos"] == size.shots
                measured.told["queries"] = simulated.queries()
                return measured

        runs = interleaved(("ours", "openai_sdk", "usual", "plain"), size.rounds, one)
    of = {
        subject: (
            middle(each, lambda run: run.wall),
            middle(each, lambda run: run.cpu),
            middle(each, lambda run: run.peak),
            middle(each, lambda run: run.told["queries"]),
        )
        for subject, each in runs.items()
    }
    rows = [
        Row(f"{subject}: {name}, to ours", value / ours, "x")
        for subject, figures in of.items()
        if subject != "ours"
        for name, value, ours in zip(_FIGURES, figures, of["ours"], strict=True)
    ]
    rows += [
        Row(f"ours: {name}", value, unit)
        for (name, unit), value in zip(_FIGURES.items(), of["ours"], strict=True)
    ]
    words = (
        f"{size.shots} videos of {size.video / 1e6:g} MB, rendered in {size.render[0]:g} to "
        f"{size.render[1]:g} s, "
        f"median of {size.rounds}"
    )
    return Outcome("peers", words, rows, {"runs": runs})


def _api_for(subject: str, simulated: Provider) -> AbstractContextManager[Provider]:
    return openai_api(simulated) if subject == "openai_sdk" else nullcontext(simulated)
