"""Runs a flow in a terminal, with progress bars, and errors as sentences."""

import atexit
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from prefect.exceptions import PrefectHTTPStatusError
from prefect.logging.handlers import PrefectConsoleHandler
from rich.console import Console
from rich.markup import escape

from prefect_toapis.cli.api_failures import api_failure
from prefect_toapis.cli.command_output import CommandOutput
from prefect_toapis.cli.interruption import Interrupted, Interruptible
from prefect_toapis.cli.progress_bars import bars
from prefect_toapis.cli.standard_output import unblocked
from prefect_toapis.errors import BatchFailed, ManifestNotWritten, VideosRemarked
from prefect_toapis.flows.progress import Progress
from prefect_toapis.reports.artifacts import still_under_way
from prefect_toapis.reports.manifest import Manifest


@dataclass(frozen=True)
class Run:
    """A run that ended with a manifest.

    Args:
        manifest: Of the batch.
        progress: What the run bought and stored.
        seconds: Its duration.
        failure: Some shots aren't stored, or videos have remarks and may have none.
    """

    manifest: Manifest
    progress: Progress
    seconds: float
    failure: BatchFailed | None


def run_shown(
    output: CommandOutput, work: Callable[[Progress], Awaitable[Manifest]], *, verbose: bool
) -> Run:
    """Run a flow and show its progress.

    Args:
        output: To print to.
        work: Calls the flow, which keeps the progress that it is given.
        verbose: Also show Prefect's whole log; warnings are always shown.

    Raises:
        ToAPIsError: The run failed before it had a manifest.
        SystemExit: Prefect's API can't be used (1), or the run was interrupted (130 by Ctrl-C, 143
            by SIGTERM); the reason was printed.
    """
    progress, started, failure = Progress(), time.monotonic(), None
    console = output.console
    running = Interruptible(lambda: work(progress))
    _log_above_the_bars(console, running, verbose)
    try:
        with unblocked(), _facts_kept(output, progress), bars(console, progress):
            manifest = running.run()
    except BatchFailed as error:
        manifest, failure = error.manifest, error
        # The table after it has no reason of these: one has no manifest elsewhere, one a setting.
        if isinstance(error, ManifestNotWritten | VideosRemarked):
            console.print(f"[red]{escape(str(error))}[/red]", highlight=False)
    except (httpx.HTTPError, PrefectHTTPStatusError, RuntimeError) as error:
        why = api_failure(error)
        if why is None:
            raise
        began = progress.batch or progress.made
        bought = what_goes_on(progress) if began else "Nothing was bought."
        output.fail(error, f"{why}\n{bought}")
    except Interrupted as error:
        with unblocked():
            output.report(error, f"Interrupted. {what_goes_on(progress)}", style="")
        atexit.register(_kill_temporary_server)  # runs before Prefect's own, registered earlier
        running.exit(error)
    return Run(manifest, progress, time.monotonic() - started, failure)


@contextmanager
def _facts_kept(output: CommandOutput, progress: Progress) -> Iterator[None]:
    """When a run ends, however it does, say what is known of it."""
    try:
        yield
    finally:
        output.using(**progress.origins)
        output.facts(batch=progress.batch or None)


def what_goes_on(progress: Progress) -> str:
    """Return what is paid but not stored when a run is interrupted, and how to resume.

    Example:
        >>> what_goes_on(Progress(batch="lisbon"))
        'Run batch "lisbon" again to resume: nothing is bought twice.'
    """
    if under_way := progress.under_way():
        return still_under_way(progress.batch, under_way)
    again = f'Run batch "{progress.batch}" again' if progress.batch else "Run it again"
    return f"{again} to resume: nothing is bought twice."


def _kill_temporary_server() -> None:
    """Kill the temporary server: on SIGTERM it would print tracebacks of pending work."""
    if module := sys.modules.get("prefect.server.api.server"):
        process = module.SubprocessASGIServer().server_process
        if process:
            process.kill()


def _log_above_the_bars(console: Console, running: Interruptible[Manifest], verbose: bool) -> None:
    def is_shown(record: logging.LogRecord) -> bool:
        if running.interrupted and (record.exc_info or hasattr(record, "under_way")):
            return False  # already printed after the interruption
        # Unless verbose, bars and table show the rest, including errors; after an interruption,
        # Prefect logs an error for each crashed task.
        return (verbose and not running.interrupted) or record.levelno == logging.WARNING

    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            handler.console = console
            handler.addFilter(is_shown)
