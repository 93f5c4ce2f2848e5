"""`prefect-toapis gallery`: rewrites the page of a batch with new links."""

import asyncio
from typing import Annotated

from cyclopts import Parameter

from prefect_toapis.cli.command_output import CommandOutput, command_output
from prefect_toapis.flows.default_blocks import bucket_or_default, origin
from prefect_toapis.flows.picks import stored_manifest
from prefect_toapis.flows.publish import page_key, sign_links, write_gallery
from prefect_toapis.reports.gallery import Links, shown_time


def gallery(batch: str, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Rewrite a batch's index.html, and print a link to it if the bucket has a link lifetime.

    The bucket comes from the Prefect block named "default", or else from
    TOAPIS_BUCKET=s3://name/prefix. Only the page is changed. `share` links to a page of its own.

    Args:
        batch: Name of the batch.
        json: Print a JSON object.
    """
    with command_output(json=json) as output:
        asyncio.run(_rewrite(output, batch.strip("/")))


async def _rewrite(output: CommandOutput, batch: str) -> None:
    bucket = await bucket_or_default(None)
    output.using(bucket=origin(bucket))
    manifest = await stored_manifest(batch, bucket)
    uri, page = await write_gallery(bucket, manifest), page_key(batch)
    links = await sign_links(bucket, [page])
    output.facts(batch=batch, page=uri, **link_facts(links, page))
    output.show(uri)
    if links:
        end = ", or until its temporary credentials expire" if links.at_most else ""
        output.show("", links.urls[page], f"Links are valid until {shown_time(links.until)}{end}.")


def link_facts(links: Links | None, page: str) -> dict[str, object]:
    """Return the link to a page, and when it ends, for JSON; null if nothing is signed."""
    return {
        "link": links.urls[page] if links else None,
        "until": links.until.isoformat(timespec="seconds") if links else None,
        "ends_with_credentials": links.at_most if links else None,
    }
