"""`prefect-toapis gallery`: rewrites the page of a batch with new links."""

import asyncio

from rich.markup import escape

from prefect_toapis.blocks import BucketStore
from prefect_toapis.cli.console import Console
from prefect_toapis.client.errors import ToAPIsError
from prefect_toapis.flows.default_blocks import bucket_or_default
from prefect_toapis.flows.publish import page_key, sign_links, write_gallery
from prefect_toapis.planning.labels import is_batch_name
from prefect_toapis.records.layout import MANIFEST_FILE
from prefect_toapis.reports.gallery import shown_time
from prefect_toapis.reports.manifest import Manifest


def gallery(batch: str) -> None:
    """Rewrite a batch's index.html, and print a link to it if the bucket has a link lifetime.

    The bucket comes from the Prefect block named "default", or else from
    TOAPIS_BUCKET=s3://name/prefix. Only the page is changed.

    Args:
        batch: Name of the batch.
    """
    console = Console()
    try:
        lines = asyncio.run(_rewrite(batch.strip("/")))
    except (ToAPIsError, ValueError, FileNotFoundError) as error:
        console.print(f"[red]{escape(str(error))}[/red]", highlight=False)
        raise SystemExit(1) from None
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)  # keep links in one line


async def _rewrite(batch: str) -> list[str]:
    """Rewrite the page; return the lines to print: its URI and its link."""
    if not is_batch_name(batch):
        raise ValueError(f"{batch!r} is not a valid batch name")
    bucket = await bucket_or_default(None)
    file, page = f"{batch}/{MANIFEST_FILE}", page_key(batch)
    manifest = Manifest.from_file(await BucketStore(bucket).read(file), bucket.uri(file))
    uri = await write_gallery(bucket, manifest)
    links = await sign_links(bucket, [page])
    if links is None:
        return [uri]
    end = ", or until its temporary credentials expire" if links.at_most else ""
    return [uri, "", links.urls[page], f"Links are valid until {shown_time(links.until)}{end}."]
