"""Running a flow in a terminal: bars while it runs, its errors as sentences."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from prefect.logging.handlers import PrefectConsoleHandler
from rich.console import Console
from rich.markup import escape

from prefect_toapis.batches.errors import BatchFailed, InvalidBatch, ManifestNotWritten
from prefect_toapis.batches.manifest import Manifest
from prefect_toapis.batches.progress import Progress, showing
from prefect_toapis.cli.display import bars
from prefect_toapis.client.errors import ToAPIsError

_INTERRUPTED = 130  # the exit code that shells expect


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


def run_shown(console: Console, work: Callable[[], Manifest], *, verbose: bool) -> Run:
    """Run a flow and show how it goes.

    Args:
        console: Where to.
        work: Calls the flow.
        verbose: Show Prefect's whole log, too; warnings are shown in any case.

    Raises:
        SystemExit: It could not be carried out (2: nothing was bought; 1), or was interrupted
            (130); what happened was printed.
    """
    _log_above_the_bars(console, verbose)
    progress, started, failed = Progress(), time.monotonic(), False
    try:
        with showing(progress), bars(console, progress):
            manifest = work()
    except BatchFailed as error:
        manifest, failed = error.manifest, True
        if isinstance(error, ManifestNotWritten):  # the table is all that is left of it
            console.print(f"[red]{escape(str(error))}[/red]", highlight=False)
    except ToAPIsError as error:
        console.print(f"[red]{escape(str(error))}[/red]", highlight=False)
        raise SystemExit(2 if isinstance(error, InvalidBatch) else 1) from None
    except KeyboardInterrupt:
        console.print("Interrupted.")
        raise SystemExit(_INTERRUPTED) from None
    return Run(manifest, progress, time.monotonic() - started, failed)


def _log_above_the_bars(console: Console, verbose: bool) -> None:
    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            handler.console = console
            if not verbose:  # the bars and the table say the rest, errors included
                handler.addFilter(lambda record: record.levelno == logging.WARNING)
