"""`prefect-toapis characters`: lists the created characters."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from prefect_toapis.blocks import BucketStore
from prefect_toapis.cli.command_output import CommandOutput, command_output
from prefect_toapis.flows.default_blocks import bucket_or_default, origin
from prefect_toapis.records.characters import MadeCharacter, read_all


def characters(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show the created characters in the bucket's registry.

    The bucket comes from the Prefect block named "default", or else from
    TOAPIS_BUCKET=s3://name/prefix.

    Args:
        json: Print a JSON object.
    """
    with command_output(json=json) as output:
        made = asyncio.run(_made(output))
        output.facts(characters=[_as_json(character) for character in made])
        output.show(_table(made) if made else "No characters yet.")


async def _made(output: CommandOutput) -> list[MadeCharacter]:
    bucket = await bucket_or_default(None)
    output.using(bucket=origin(bucket))
    return await read_all(BucketStore(bucket))


def _as_json(character: MadeCharacter) -> dict[str, object]:
    return {
        "name": character.name,
        "username": character.username,
        "source": character.source,
        "timestamps": character.timestamps,
        "made_at": character.made_at.isoformat(timespec="seconds"),
    }


def _table(made: Sequence[MadeCharacter]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("name")
    table.add_column("username", overflow="fold")
    table.add_column("source", overflow="fold")
    table.add_column("made (UTC)")
    for character in made:
        source = (
            f"{character.source} at {character.timestamps}"
            if character.timestamps
            else character.source
        )
        when = f"{character.made_at:%Y-%m-%d %H:%M}"
        table.add_row(Text(character.name), Text(f"@{character.username}"), Text(source), when)
    return table
