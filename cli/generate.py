"""`prefect-toapis generate`: a spec file in, videos in the bucket."""

from typing import Annotated

from cyclopts import Parameter

from prefect_toapis.cli.console import Console
from prefect_toapis.cli.progress_bars import outcome, planned
from prefect_toapis.cli.running import run_shown
from prefect_toapis.flows.from_spec import generation_flow


def generate(
    spec: str,
    *,
    batch: str | None = None,
    new: bool = False,
    retry_failed: bool = False,
    dry_run: bool = False,
    verbose: Annotated[bool, Parameter(alias="-v")] = False,
) -> None:
    """Generate the videos of a spec file, or of a table of scenes, and store them in the bucket.

    Key and bucket come from the Prefect blocks named "default", or else from TOAPIS_API_KEY and
    TOAPIS_BUCKET=s3://name/prefix. A file is a batch, named after the file unless it names one:
    running it again continues the batch, and never buys a stored shot again.

    Args:
        spec: A path or s3://bucket/key of a YAML or JSON file, or of a CSV, JSONL or Parquet
            table with a row per scene.
        batch: Name of the batch; overrides that in the file. May contain {date} and {run}.
        new: Begin another batch, even if this file has been run before.
        retry_failed: Also retry shots that failed or were refused before, for whatever reason.
        dry_run: Plan and check only; buy nothing.
        verbose: Also show Prefect's log.
    """
    console = Console()
    run = run_shown(
        console,
        lambda progress: generation_flow(progress)(
            spec, batch, new=new, retry_failed=retry_failed, dry_run=dry_run
        ),
        verbose=verbose,
    )
    shown = planned(run.manifest) if dry_run else outcome(run.manifest, run.progress, run.seconds)
    console.print(shown)
    if run.failed:
        console.print(
            "Run the same command again to go on: stored videos aren't bought again.",
            highlight=False,
        )
        raise SystemExit(1)
