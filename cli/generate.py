"""`prefect-toapis generate`: a spec file in, videos in the bucket."""

import logging
import time
from typing import Annotated

from cyclopts import Parameter
from prefect.logging.handlers import PrefectConsoleHandler
from rich.console import Console
from rich.markup import escape

from prefect_toapis.batches.errors import BatchFailed, InvalidBatch
from prefect_toapis.batches.progress import Progress, showing
from prefect_toapis.cli.display import bars, outcome, planned
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.flows import generate_from_spec


def generate(
    spec: str,
    *,
    batch: str | None = None,
    dry_run: bool = False,
    verbose: Annotated[bool, Parameter(alias="-v")] = False,
) -> None:
    """Make the videos of a spec file, or of a table of scenes, and store them in the bucket.

    Key and bucket come from the Prefect blocks named "default", or else from TOAPIS_API_KEY and
    TOAPIS_BUCKET=s3://name/prefix. Running the same batch again buys nothing that it has.

    Args:
        spec: A path or s3://bucket/key of a YAML or JSON file, or of a CSV, JSONL or Parquet
            table with one row a scene.
        batch: Name of the batch, in place of the file's own. May hold {date} and {run}.
        dry_run: Plan and check only; buy nothing.
        verbose: Show Prefect's log, too.
    """
    console = Console()
    _log_above_the_bars(console, verbose)
    progress = Progress()
    started = time.monotonic()
    failed = False
    try:
        with showing(progress), bars(console, progress):
            manifest = generate_from_spec(spec, batch, dry_run=dry_run)
    except BatchFailed as error:
        manifest, failed = error.manifest, True
    except ToAPIsError as error:
        console.print(f"[red]{escape(str(error))}[/red]", highlight=False)
        raise SystemExit(2 if isinstance(error, InvalidBatch) else 1) from None
    seconds = time.monotonic() - started
    console.print(planned(manifest) if dry_run else outcome(manifest, progress, seconds))
    if failed:
        raise SystemExit(1)


def _log_above_the_bars(console: Console, verbose: bool) -> None:
    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            handler.console = console
            if not verbose:  # the bars and the table say the rest, errors included
                handler.addFilter(lambda record: record.levelno == logging.WARNING)
