"""`prefect-toapis reconcile`: what of a batch is open, and finishing it."""

from typing import Annotated

from cyclopts import Parameter

from prefect_toapis.cli.console import Console
from prefect_toapis.cli.display import reconciled
from prefect_toapis.cli.running import run_shown
from prefect_toapis.flows.reconciling import areconcile_batch


def reconcile(
    batch: str,
    *,
    dry_run: bool = False,
    verbose: Annotated[bool, Parameter(alias="-v")] = False,
) -> None:
    """Show what of a batch is open and until when it can be had, and finish it.

    Nothing is bought: what was sent is looked up, waited for and stored, that of earlier plans
    too. Key and bucket come from the Prefect blocks named "default", or else from TOAPIS_API_KEY
    and TOAPIS_BUCKET=s3://name/prefix.

    Args:
        batch: Its name.
        dry_run: Only show it.
        verbose: Show Prefect's log, too.
    """
    console = Console()
    run = run_shown(console, lambda: areconcile_batch(batch, dry_run=dry_run), verbose=verbose)
    console.print(reconciled(run.manifest, run.progress))
    if run.failed:
        raise SystemExit(1)
