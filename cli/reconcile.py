"""`prefect-toapis reconcile`: shows and finishes the open shots of a batch."""

from typing import Annotated

from cyclopts import Parameter

from prefect_toapis.cli.batch_result import batch_facts
from prefect_toapis.cli.command_output import command_output
from prefect_toapis.cli.progress_bars import reconciled
from prefect_toapis.cli.running import run_shown
from prefect_toapis.flows.reconcile import reconciliation_flow


def reconcile(
    batch: str,
    *,
    dry_run: bool = False,
    verbose: Annotated[bool, Parameter(alias="-v")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Show the open shots of a batch and until when their videos are available, and finish them.

    Nothing is bought: earlier submissions are looked up, awaited and stored, including those of
    earlier plans. Key and bucket come from the Prefect blocks named "default", or else from
    TOAPIS_API_KEY and TOAPIS_BUCKET=s3://name/prefix.

    Args:
        batch: Name of the batch.
        dry_run: Only show the open shots.
        verbose: Also show Prefect's log.
        json: Print a JSON object; log and progress go to standard error.
    """
    with command_output(json=json) as output:
        run = run_shown(
            output,
            lambda progress: reconciliation_flow(progress)(batch, dry_run=dry_run),
            verbose=verbose,
        )
        output.facts(dry_run=dry_run, **batch_facts(run.manifest, run.progress, run.seconds))
        output.show(reconciled(run.manifest, run.progress))
        if run.failure:
            output.end(run.failure)
