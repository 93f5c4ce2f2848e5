"""Terminal output of runs: progress bars while running, a table at the end."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from prefect_toapis.cli.batch_result import bought
from prefect_toapis.flows.progress import ENDED, Phase, Progress
from prefect_toapis.reports.manifest import Manifest, ManifestRow, RowStatus

_SHOTS_SHOWN = 16  # with more shots, only a total is shown
_BAR = 30  # columns

_COLOURS: dict[Phase | RowStatus, str] = {
    "waiting": "dim",
    "queued": "dim",
    "rendering": "cyan",
    "storing": "blue",
    "stored": "green",
    "failed": "red",
    "open": "yellow",
    "planned": "dim",
}
_MARKS: dict[RowStatus, str] = {
    "stored": "✓",
    "failed": "✗ failed",
    "open": "… open",
    "planned": "not bought",
}


@contextmanager
def bars(console: Console, progress: Progress) -> Iterator[None]:
    """Show a batch's progress while it runs, and remove it at the end."""
    spinner = Spinner("dots", "Preparing")

    def shown() -> RenderableType:
        origins = [f"{name.capitalize()}: {origin}" for name, origin in progress.origins.items()]
        now = progress_bars(progress) if progress.phases else spinner
        return Group(*(Text(line, style="dim") for line in origins), now)

    with Live(console=console, get_renderable=shown, refresh_per_second=8, transient=True):
        yield


def outcome(manifest: Manifest, progress: Progress, seconds: float) -> RenderableType:
    """Render the stored videos and the shots that aren't stored.

    Args:
        manifest: Of the batch.
        progress: Of the run, with its purchases.
        seconds: Duration of the run.
    """
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("shot")
    table.add_column("")
    table.add_column("took", justify="right")
    table.add_column("size", justify="right")
    table.add_column("video", overflow="fold")
    for row in manifest.rows:
        if row.in_plan:
            size = f"{row.size / 1e6:.1f} MB" if row.size is not None else ""
            status = Text(_MARKS[row.status], style=_COLOURS[row.status])
            took = f"{row.elapsed_seconds:.0f} s" if row.elapsed_seconds is not None else ""
            table.add_row(Text(row.label), status, took, size, Text(_where(manifest, row)))
    total = sum(row.size or 0 for row in manifest.stored)
    summary = (
        f"{manifest.shots('stored')} of {manifest.shots()} shots stored, {total / 1e6:.1f} MB; "
        f"this run took {seconds:.0f} s and bought "
        f"{_count(len(bought(manifest, progress)), 'generation')}"
    )
    if progress.made:
        summary += f" and {_count(len(progress.made), 'character')}"
    if manifest.spent:
        summary += f"; {manifest.spent}"
    if count := len(manifest.remarked):
        summary += f"; {_count(count, 'video')} with remarks"
    return Group(Text(f"In {manifest.uri}/:\n"), table, Text(f"\n{summary}"))


def planned(manifest: Manifest) -> RenderableType:
    """Render the result of a dry run: the shots, and what a run would buy at what cost."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("shot")
    table.add_column("")
    table.add_column("model")
    for row in manifest.rows:
        if row.in_plan:
            mark = "" if row.status == "planned" else _MARKS[row.status]
            status = Text(mark, style=_COLOURS[row.status])
            table.add_row(Text(row.label), status, Text(row.model))
    plan = f"Dry run, nothing was bought: {manifest.plan}"
    return Group(Text(f"In {manifest.uri}/:\n"), table, Text(f"\n{plan}"))


def reconciled(manifest: Manifest, progress: Progress) -> RenderableType:
    """Render the shots that were open, with their outcome.

    Args:
        manifest: Of the batch.
        progress: Of the shots that the run resumed; empty in a dry run.
    """
    rows = [row for row in manifest.rows if row.label in progress.phases or row.status == "open"]
    if not rows:
        return Text(f"In {manifest.uri}/: nothing is open.")
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for title in ("shot", "", "video, or what is known"):
        table.add_column(title, overflow="fold")
    for row in rows:
        status = Text(_MARKS[row.status], style=_COLOURS[row.status])
        table.add_row(Text(row.label), status, Text(_where(manifest, row)))
    stored = _count(sum(row.status == "stored" for row in rows), "video")
    still = _count(sum(row.status == "open" for row in rows), "shot")
    summary = f"{stored} stored by this run, {still} open; nothing was bought"
    return Group(Text(f"In {manifest.uri}/:\n"), table, Text(f"\n{summary}"))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _where(manifest: Manifest, row: ManifestRow) -> str:
    if row.uri:
        notes = "; ".join(filter(None, [row.note, *row.remarks]))
        return row.uri.removeprefix(f"{manifest.uri}/") + (f" ({notes})" if notes else "")
    return row.error or ""


def progress_bars(progress: Progress) -> RenderableType:
    """Render a bar for each shot, or only a total if there are many."""
    counts = progress.counts()
    total = len(progress.phases)
    done = progress.ended
    grid = Table.grid(padding=(0, 2))
    if total <= _SHOTS_SHOWN:
        for label, phase in list(progress.phases.items()):
            percent = 100 if phase in {*ENDED, "storing"} else progress.percent.get(label, 0)
            style = _COLOURS[phase]
            bar = ProgressBar(total=100, completed=percent, width=_BAR, complete_style=style)
            grid.add_row(Text(label), bar, Text(phase, style=style))
    parts = [f"{count} {phase}" for phase, count in counts.items() if count]
    overall = ProgressBar(total=total, completed=done, width=_BAR)
    grid.add_row(Text(f"{done} of {total} shots", style="bold"), overall, Text(", ".join(parts)))
    return grid
