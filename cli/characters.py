"""`prefect-toapis characters`: lists the created characters."""

import asyncio

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from prefect_toapis.blocks import BucketStore
from prefect_toapis.cli.console import Console
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.flows.default_blocks import bucket_or_default
from prefect_toapis.records.characters import MadeCharacter, read_all


def characters() -> None:
    """Show the created characters in the bucket's registry.

    The bucket comes from the Prefect block named "default", or else from
    TOAPIS_BUCKET=s3://name/prefix.
    """
    console = Console()
    try:
        made = asyncio.run(_made())
    except (ToAPIsError, ValueError) as error:
        console.print(f"[red]{escape(str(error))}[/red]", highlight=False)
        raise SystemExit(1) from None
    if not made:
        console.print("No characters yet.")
        return
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
    console.print(table)


async def _made() -> list[MadeCharacter]:
    return await read_all(BucketStore(await bucket_or_default(None)))
