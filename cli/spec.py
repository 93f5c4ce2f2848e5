"""`prefect-toapis spec`: specs in the bucket, for deployments."""

import asyncio
from typing import Annotated

from cyclopts import App, Parameter

from prefect_toapis.cli.command_output import CommandOutput, command_output
from prefect_toapis.flows.default_blocks import bucket_or_default, origin
from prefect_toapis.flows.stored_specs import checked_spec, store_spec

spec = App(name="spec", help="Keep specs in the bucket, for deployments.")


@spec.command
def put(
    file: str,
    *,
    name: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Check a spec, and copy it into the bucket with its table, images and clips.

    It is kept under specs/ next to the batches, where a worker may read it; a spec of that name is
    replaced. Nothing is copied if it has faults. The bucket comes from the Prefect block named
    "default", or else from TOAPIS_BUCKET=s3://name/prefix.

    Args:
        file: Path of a spec in YAML or JSON, or of a table of scenes. The files that it names must
            be in its folder, or below.
        name: In the bucket; by default, the file's own name.
        json: Print a JSON object.
    """
    with command_output(json=json) as output:
        asyncio.run(_put(output, file, name))


async def _put(output: CommandOutput, file: str, name: str | None) -> None:
    bucket = await bucket_or_default(None)
    output.using(bucket=origin(bucket))
    found = await checked_spec(file, name, bucket)
    stored = await store_spec(found, bucket)
    name = f"bucket:{found.key}"
    output.facts(
        spec=name, uri=bucket.uri(found.key), batch=found.batch, shots=found.shots, files=stored
    )
    output.show(*stored)
    shots = "1 shot" if found.shots == 1 else f"{found.shots} shots"
    output.show(
        f"\nBatch {found.batch}, {shots}. A deployment, or `prefect-toapis generate`, reads it as\n"
        f"  {name}"
    )
