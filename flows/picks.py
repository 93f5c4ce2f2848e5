"""The picks of a batch in the bucket, and the manifest and page that show them."""

import asyncio
from collections.abc import Callable

from prefect_toapis.blocks import BucketStore, VideoBucket
from prefect_toapis.blocks.bucket_store import LONGEST_DOCUMENT
from prefect_toapis.client.local_files import length_fault
from prefect_toapis.errors import StoreError
from prefect_toapis.flows.publish import write_gallery, write_tables
from prefect_toapis.planning.labels import is_batch_name
from prefect_toapis.records.layout import MANIFEST_FILE, picks_key
from prefect_toapis.records.picks import Picks, read_picks
from prefect_toapis.records.store import JSON, Store
from prefect_toapis.reports.manifest import Manifest, ManifestRow
from prefect_toapis.reports.manifest_rows import with_picks

_TRIES = 3
_ADVICE = "Restore an earlier version of the object, or delete it: it holds nothing but picks."


async def stored_manifest(batch: str, bucket: VideoBucket) -> Manifest:
    """Return the manifest of a batch, as its latest run left it.

    Raises:
        ValueError: The name isn't that of a batch, or the manifest is damaged.
        FileNotFoundError: There is no manifest.
        StoreError: The bucket refuses, or is unavailable.
    """
    if not is_batch_name(batch):
        raise ValueError(f"{batch!r} is not a valid batch name")
    key = f"{batch}/{MANIFEST_FILE}"
    content = await BucketStore(bucket).read(key)
    return await asyncio.to_thread(Manifest.from_file, content, bucket.uri(key))


def videos_of(manifest: Manifest, *, picked: bool) -> list[ManifestRow]:
    """Return the videos of a batch's latest plan, or only those that are picked.

    Raises:
        ValueError: There are none.
    """
    rows = manifest.picked if picked else [row for row in manifest.stored if row.in_plan]
    if not rows:
        what = "picked: pick some in its page or with `prefect-toapis pick`" if picked else "stored"
        raise ValueError(f"no video of batch {manifest.batch} is {what}")
    return rows


async def stored_picks(batch: str, store: Store) -> Picks:
    """Return the picks of a batch; those of a batch without picks are empty.

    Raises:
        StoreError: They are damaged or can't be read.
    """
    key = picks_key(batch)
    content = await store.read(key)
    if content is None:
        return Picks(batch=batch)
    try:
        return read_picks(content, batch, store.uri(key))
    except StoreError as error:
        raise error.add_context(money="not spent", advice=_ADVICE) from None


async def change_picks(batch: str, store: Store, change: Callable[[Picks], Picks]) -> Picks:
    """Change the picks of a batch.

    Stores have no lock: they are read again after writing, and what another writer has overwritten
    meanwhile is changed again.

    Args:
        batch: Name of the batch.
        store: Contains the batch.
        change: Returns the new picks; applied to its own result, it changes nothing.

    Raises:
        ValueError: They are too long.
        StoreError: They are damaged, can't be read, or other writers overwrite them all the time.
    """
    key = picks_key(batch)
    found = await stored_picks(batch, store)
    for _ in range(_TRIES):
        wanted = change(found)
        if wanted == found:
            return found
        content = wanted.to_json()
        if fault := length_fault(len(content), LONGEST_DOCUMENT):
            raise ValueError(f"the picks of batch {batch}: {fault}")
        await store.write(key, content, JSON)
        found = await stored_picks(batch, store)
    if change(found) == found:
        return found
    raise StoreError(
        f"{store.uri(key)} is overwritten by others all the time",
        advice="Let only one person or program pick at a time.",
    )


async def show_picks(batch: str, bucket: VideoBucket) -> Manifest:
    """Rewrite manifest and page of a batch with its picks; return the manifest.

    Raises:
        FileNotFoundError: There is no manifest.
        StoreError: The bucket refuses, or is unavailable.
    """
    picks = await stored_picks(batch, BucketStore(bucket))
    manifest = with_picks(await stored_manifest(batch, bucket), picks)
    await write_tables(BucketStore(bucket), manifest)
    await write_gallery(bucket, manifest)
    return manifest
