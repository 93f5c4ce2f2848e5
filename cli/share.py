"""`prefect-toapis share`: a page of a batch with links that work for whoever has them."""

import asyncio
from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter

from prefect_toapis.cli.command_output import CommandOutput, command_output
from prefect_toapis.cli.gallery import link_facts
from prefect_toapis.flows.default_blocks import bucket_or_default, origin
from prefect_toapis.flows.picks import stored_manifest, videos_of
from prefect_toapis.flows.publish import write_shared_page
from prefect_toapis.reports.gallery import shown_time
from prefect_toapis.reports.manifest import Manifest

_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(days=7)  # S3 signs nothing for longer


def share(
    batch: str,
    *,
    hours: float = 24,
    picked: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Print a link to a page of a batch that plays its videos for whoever has the link.

    The page is a new object in the batch's folder, with its own links; nothing else is changed. The
    bucket comes from the Prefect block named "default", or else from TOAPIS_BUCKET=s3://name/prefix.

    Args:
        batch: Name of the batch.
        hours: How long the links work: from 0.0167 (a minute) to 168 (a week). Links that temporary
            credentials signed end with those.
        picked: Share only the picked videos.
        json: Print a JSON object.
    """
    with command_output(json=json) as output:
        asyncio.run(_share(output, batch.strip("/"), _lifetime(hours), picked=picked))


def _lifetime(hours: float) -> timedelta:
    if not _SHORTEST.total_seconds() <= hours * 3600 + 1 <= _LONGEST.total_seconds() + 1:
        raise ValueError(f"--hours {hours:g}: links work from 1 minute (0.0167) to a week (168)")
    return max(_SHORTEST, timedelta(hours=hours))


async def _share(output: CommandOutput, batch: str, lifetime: timedelta, *, picked: bool) -> None:
    bucket = await bucket_or_default(None)
    output.using(bucket=origin(bucket))
    manifest = await stored_manifest(batch, bucket)
    rows = videos_of(manifest, picked=picked)
    shared = Manifest(batch=batch, uri=manifest.uri, rows=rows)
    page, links = await write_shared_page(bucket, shared, lifetime)
    output.facts(
        batch=batch,
        videos=len(rows),
        page=bucket.uri(page),
        **link_facts(links, page),
    )
    count = "1 video" if len(rows) == 1 else f"{len(rows)} videos"
    early = (
        "\nTemporary credentials signed it: if they expire earlier, so does the link."
        if links.at_most
        else ""
    )
    output.show(
        links.urls[page],
        f"\nWhoever has this link can watch and download {count} until "
        f"{shown_time(links.until)}.{early}",
    )
