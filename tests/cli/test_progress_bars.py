"""What the command line shows, as text."""

import io

import pytest
from rich.console import Console, RenderableType

from prefect_toapis import Manifest
from prefect_toapis.cli.progress_bars import bars, outcome, progress_bars
from prefect_toapis.flows.progress import Phase, Progress
from prefect_toapis.reports.manifest import ManifestRow


def text(shown: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


def row(**told: object) -> ManifestRow:
    usual: dict[str, object] = {
        "batch": "b",
        "shot_id": "x",
        "scene": "tram",
        "variant": "wide",
        "model": "sora-2",
        "prompt": "A tram",
    }
    return ManifestRow.model_validate(usual | told)


def test_the_table_tells_what_landed_where_and_what_did_not() -> None:
    rows = [
        row(shot_id="1", status="stored", size=2_500_000, uri="s3://v/b/tram/video-1.mp4"),
        row(shot_id="2", take=2, status="failed", error="the API refuses: [no]"),
        row(shot_id="3", status="stored", size=1, uri="s3://v/b/old/video-1.mp4", in_plan=False),
    ]
    progress = Progress(bought={"tram / wide"}, made={"Turbo", "Baron"})
    shown = text(outcome(Manifest(batch="b", uri="s3://v/b", rows=rows), progress, seconds=12.4))
    assert "bought 1 generation and 2 characters" in shown
    assert "tram/video-1.mp4" in shown
    assert "2.5 MB" in shown
    assert "the API refuses: [no]" in shown
    assert "tram / wide, take 2" in shown
    assert "1 of 2 shots stored" in shown
    assert "took 12 s and bought 1 generation" in shown
    assert "old/video-1.mp4" not in shown


def test_fewer_videos_than_ordered_are_noted_beside_them() -> None:
    note = "1 of 2 ordered videos were returned"
    rows = [row(status="stored", size=1, uri="s3://v/b/tram/video-1.mp4", note=note)]
    assert note in text(outcome(Manifest(batch="b", uri="s3://v/b", rows=rows), Progress(), 1))


@pytest.mark.parametrize(
    ("phase", "percent"),
    [("waiting", 0), ("rendering", 40), ("storing", 0), ("stored", 0), ("failed", 0)],
)
def test_a_few_shots_have_a_bar_each(phase: Phase, percent: float) -> None:
    progress = Progress()
    progress.set("tram / wide", phase, percent)
    shown = text(progress_bars(progress))
    assert "tram / wide" in shown
    assert phase in shown
    assert f"1 {phase}" in shown


def test_many_shots_are_summed_up() -> None:
    progress = Progress()
    for number in range(40):
        progress.set(f"shot {number}", "stored" if number < 10 else "rendering")
    shown = text(progress_bars(progress))
    assert "10 of 40 shots" in shown
    assert "30 rendering" in shown
    assert "shot 7" not in shown


def test_bars_leave_nothing_behind_where_there_is_no_terminal() -> None:
    console = Console(file=io.StringIO(), width=80)
    with bars(console, Progress()):
        pass
    with console.capture() as captured:
        console.print("after")
    assert captured.get() == "after\n"
