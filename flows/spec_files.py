"""Reading a spec file, and the table that it names, from a disk or from S3."""

import asyncio

from prefect_toapis.batches.errors import StoreError
from prefect_toapis.batches.spec import BatchSpec
from prefect_toapis.batches.spec_file import open_spec
from prefect_toapis.batches.spec_tables import TABLE_BYTES, Table, read_table
from prefect_toapis.blocks import BucketStore, VideoBucket
from prefect_toapis.client.local_files import length_fault, read_file
from prefect_toapis.flows.defaults import bucket_or_default

_UNREADABLE = (OSError, ValueError, StoreError, ImportError)


async def read_spec_file(path: str, bucket: VideoBucket | None) -> tuple[BatchSpec, list[str]]:
    """The batch of a spec file, and everything that is wrong with it.

    Args:
        path: Of the file, or `s3://bucket/key`.
        bucket: Its credentials read from S3. None: those of the default bucket.
    """
    try:
        spec = open_spec(await _read(path, bucket), path)
    except _UNREADABLE as error:
        return BatchSpec(), [f"spec {path}: {error}"]
    if spec.table_path:
        spec = spec.with_scenes(await _read_table(spec.table_path, bucket))
    return spec.batch()


async def _read_table(path: str, bucket: VideoBucket | None) -> Table:
    name = path.rpartition("/")[2]
    try:
        return read_table(await _read(path, bucket), name)
    except _UNREADABLE as error:
        return Table(name, faults=[f"scenes {path}: {error}"])


async def _read(path: str, bucket: VideoBucket | None) -> bytes:
    if not path.startswith("s3://"):
        return await asyncio.to_thread(read_file, path, TABLE_BYTES)
    store, key = BucketStore.for_uri(path, (await bucket_or_default(bucket)).credentials)
    found = await store.head(key)
    if found and (fault := length_fault(found.size, TABLE_BYTES)):
        raise ValueError(fault)
    content = await store.read(key) if found else None
    if content is None:
        raise ValueError("there is no such object")
    return content
