"""The page of a batch, in the bucket: written after a run, and anew when its links have ended."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

from prefect_toapis.batches.gallery import GALLERY_FILE, GALLERY_TYPE, Links, gallery_html
from prefect_toapis.batches.manifest import Manifest
from prefect_toapis.blocks import BucketStore, VideoBucket
from prefect_toapis.blocks.signed_links import ends_with_credentials


async def write_gallery(bucket: VideoBucket, manifest: Manifest) -> str:
    """Write a batch's `index.html`, with signed links where the bucket gives them a lifetime.

    Args:
        bucket: Where the batch is.
        manifest: Of the batch.

    Returns:
        Where the page is: `s3://...`.

    Raises:
        StoreError: The bucket refuses.
    """
    keys = [key for row in manifest.stored for key in (row.key, row.thumbnail_key) if key]
    links = await sign_links(bucket, keys)
    page = gallery_html(manifest, links).encode()
    key = page_key(manifest.batch)
    await BucketStore(bucket).write(key, page, GALLERY_TYPE)
    return bucket.uri(key)


async def sign_links(bucket: VideoBucket, keys: Iterable[str]) -> Links | None:
    """Links to what is under some keys; None where the bucket gives links no lifetime.

    Args:
        bucket: Its `link_hours` say for how long.
        keys: Below its prefix.

    Raises:
        StoreError: There are no credentials to sign with.
    """
    if bucket.link_hours is None:
        return None
    lifetime = timedelta(hours=bucket.link_hours)
    until = datetime.now(timezone.utc) + lifetime

    def sign() -> dict[str, str]:
        return {key: bucket.signed_url(key, lifetime.total_seconds()) for key in keys}

    urls = await asyncio.to_thread(sign)  # it may have to ask the host for credentials
    return Links(urls, until, at_most=any(map(ends_with_credentials, urls.values())))


def page_key(batch: str) -> str:
    """Where a batch's page is kept.

    Example:
        >>> page_key("spring")
        'spring/index.html'
    """
    return f"{batch}/{GALLERY_FILE}"
