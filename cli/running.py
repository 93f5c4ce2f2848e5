"""Running a flow in a terminal: bars while it runs, its errors as sentences."""

import atexit
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from prefect.logging.handlers import PrefectConsoleHandler
from rich.console import Console
from rich.markup import escape

from prefect_toapis.batches.errors import BatchFailed, InvalidBatch, ManifestNotWritten
from prefect_toapis.batches.manifest import Manifest
from prefect_toapis.batches.reports import still_under_way
from prefect_toapis.cli.display import bars
from prefect_toapis.cli.interruption import Interrupted, Interruptible
from prefect_toapis.cli.output import unblocked
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.flows.progress import Progress


@dataclass(frozen=True)
class Run:
    """A run that ended with a manifest.

    Args:
        progress: What it bought and stored.
        seconds: How long it took.
        failed: Whether it ended with shots that aren't stored.
    """

    manifest: Manifest
    progress: Progress
    seconds: float
    failed: bool


def run_shown(
    console: Console, work: Callable[[Progress], Awaitable[Manifest]], *, verbose: bool
) -> Run:
    """Run a flow and show how it goes.

    Args:
        console: Where to.
        work: Calls the flow, which keeps the progress that it is given.
        verbose: Show Prefect's whole log, too; warnings are shown in any case.

    Raises:
        SystemExit: It could not be carried out (2: nothing was bought; 1), or was interrupted
            (130 by Ctrl-C, 143 by SIGTERM); what happened was printed.
    """
    progress, started, failed = Progress(), time.monotonic(), False
    running = Interruptible(lambda: work(progress))
    _log_above_the_bars(console, running, verbose)
    try:
        with unblocked(), bars(console, progress):
            manifest = running.run()
    except BatchFailed as error:
        manifest, failed = error.manifest, True
        if isinstance(error, ManifestNotWritten):  # the table is all that is left of it
            console.print(f"[red]{escape(str(error))}[/red]", highlight=False)
    except ToAPIsError as error:
        console.print(f"[red]{escape(str(error))}[/red]", highlight=False)
        raise SystemExit(2 if isinstance(error, InvalidBatch) else 1) from None
    except Interrupted as error:
        text = f"Interrupted. {what_goes_on(progress)}"
        with unblocked():
            console.print(text, highlight=False, markup=False, soft_wrap=True)
        atexit.register(_kill_temporary_server)  # runs before Prefect's own, which was there first
        running.exit(error)
    return Run(manifest, progress, time.monotonic() - started, failed)


def what_goes_on(progress: Progress) -> str:
    """What is paid and not stored when a run is interrupted, and how to go on.

    Example:
        >>> what_goes_on(Progress(batch="lisbon"))
        'Run batch "lisbon" again to go on: nothing is bought twice.'
    """
    if under_way := progress.under_way():
        return still_under_way(progress.batch, under_way)
    again = f'Run batch "{progress.batch}" again' if progress.batch else "Run it again"
    return f"{again} to go on: nothing is bought twice."


def _kill_temporary_server() -> None:
    """End the server of a run without one: asked to end, it prints what it was about to do."""
    if module := sys.modules.get("prefect.server.api.server"):
        process = module.SubprocessASGIServer().server_process
        if process:
            process.kill()


def _log_above_the_bars(console: Console, running: Interruptible[Manifest], verbose: bool) -> None:
    def is_shown(record: logging.LogRecord) -> bool:
        if running.interrupted and (record.exc_info or hasattr(record, "under_way")):
            return False  # said below, once
        # Unless verbose, the bars and the table say the rest, errors included; once interrupted,
        # Prefect's errors are that each task crashed.
        return (verbose and not running.interrupted) or record.levelno == logging.WARNING

    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            handler.console = console
            handler.addFilter(is_shown)
