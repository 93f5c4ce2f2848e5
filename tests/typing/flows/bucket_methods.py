"""Methods of the blocks, in sync and in async code, and mistakes in calls of them."""

from io import BytesIO

from typing_extensions import assert_type

from prefect_toapis import Manifest, S3Credentials, VideoBucket


def in_sync_code(bucket: VideoBucket, credentials: S3Credentials) -> bytes:
    assert_type(bucket.read("a.mp4"), bytes | None)
    assert_type(bucket.list_keys(), list[str])
    assert_type(bucket.load_manifest("lisbon"), Manifest)
    assert_type(credentials.describe(), str)
    bucket.read(1)  # error
    bucket.write("a.txt", "text", "text/plain")  # error
    return bucket.read("a.mp4")  # error


async def in_async_code(bucket: VideoBucket, credentials: S3Credentials) -> bytes:
    assert_type(await bucket.aread("a.mp4", most=10), bytes | None)
    assert_type(await bucket.alist_keys(), list[str])
    assert_type(await bucket.aload_manifest("lisbon"), Manifest)
    assert_type(await bucket.acreate("a.txt", b"text", "text/plain"), bool)
    assert_type(await credentials.adescribe(), str)
    await bucket.aupload("a.mp4", BytesIO(), "video/mp4")
    await bucket.aread(1)  # error
    await bucket.awrite("a.txt", b"text", content_typ="text/plain")  # error
    print((await bucket.ahead("a.mp4")).size)  # error
    return await bucket.aread("a.mp4")  # error
