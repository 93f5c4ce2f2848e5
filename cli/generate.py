"""`prefect-toapis generate`: a spec file in, videos in the bucket."""

from collections.abc import Iterator
from typing import Annotated

from cyclopts import Parameter

from prefect_toapis.cli.batch_result import batch_facts, files_of, next_steps
from prefect_toapis.cli.command_output import command_output
from prefect_toapis.cli.progress_bars import outcome, planned
from prefect_toapis.cli.running import run_shown
from prefect_toapis.flows.from_spec import generation_flow
from prefect_toapis.reports.manifest import Manifest


def generate(  # noqa: PLR0913 - each is an option
    spec: str,
    *,
    batch: str | None = None,
    new: bool = False,
    retry_failed: bool = False,
    dry_run: bool = False,
    verbose: Annotated[bool, Parameter(alias="-v")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
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
        json: Print a JSON object; log and progress go to standard error.
    """
    with command_output(json=json) as output:
        run = run_shown(
            output,
            lambda progress: generation_flow(progress)(
                spec, batch, new=new, retry_failed=retry_failed, dry_run=dry_run
            ),
            verbose=verbose,
        )
        manifest = run.manifest
        output.facts(dry_run=dry_run, **batch_facts(manifest, run.progress, run.seconds))
        if dry_run:
            output.show(planned(manifest))
        else:
            output.show(outcome(manifest, run.progress, run.seconds), *_whereabouts(manifest, spec))
        if run.failure:
            output.end(run.failure)


def _whereabouts(manifest: Manifest, spec: str) -> Iterator[str]:
    """Yield where the results are, and how to go on."""
    yield ""
    for name, uri in files_of(manifest).items():
        yield f"{name.capitalize():9} {uri}"
    steps = list(next_steps(manifest, spec))
    yield from ["", *steps, "Stored videos are never bought again."] if steps else []
