"""A video bucket for async code."""

import asyncio
import threading

import pytest

from prefect_toapis.blocks import BucketStore, S3Credentials, VideoBucket
from prefect_toapis.blocks.bucket_store import LONGEST_DOCUMENT
from prefect_toapis.blocks.streaming import PART, UPLOADS_AT_ONCE
from prefect_toapis.errors import DocumentDamaged, StoreMissing
from prefect_toapis.records.store import Store


async def test_it_does_what_a_store_must(aws_bucket: VideoBucket) -> None:
    store: Store = BucketStore(aws_bucket)
    assert await store.read("a") is None
    assert await store.create("a", b"1", "text/plain") is True
    assert await store.create("a", b"2", "text/plain") is False
    await store.write("b", b"3", "text/plain")
    assert await store.read("a") == b"1"
    assert await store.list_keys("") == ["a", "b"]


async def test_it_uploads_looks_and_probes(bucket: VideoBucket) -> None:
    store = BucketStore(bucket)
    assert not (await store.probe()).conditional_create
    await store.upload("clip.mp4", Chunks(3), "video/mp4", {"task-id": "t"})
    found = await store.head("clip.mp4")
    assert found is not None
    assert found.size == 3 * PART


async def test_errors_come_through(s3_server: S3Credentials) -> None:
    store = BucketStore(VideoBucket(bucket_name="not-there", credentials=s3_server))
    with pytest.raises(StoreMissing):
        await store.read("a")


async def test_the_reader_is_read_in_threads_of_our_own(bucket: VideoBucket) -> None:
    names: set[str] = set()

    class Noting:
        def read(self, _size: int, /) -> bytes:
            names.add(threading.current_thread().name)
            return b""

    await BucketStore(bucket).upload("a", Noting(), "text/plain")
    assert names
    assert "MainThread" not in names
    assert not any(name.startswith("asyncio") for name in names)


async def test_slow_uploads_do_not_hold_up_the_rest_and_are_bounded(bucket: VideoBucket) -> None:
    started, go_on, store = threading.Semaphore(0), threading.Event(), BucketStore(bucket)
    reading = 0

    class Slow:
        def read(self, _size: int, /) -> bytes:
            nonlocal reading
            reading += 1
            started.release()
            go_on.wait(30)
            return b""

    uploads = [
        asyncio.create_task(store.upload(f"slow-{number}", Slow(), "text/plain"))
        for number in range(UPLOADS_AT_ONCE + 3)
    ]
    for _ in range(UPLOADS_AT_ONCE):
        assert await asyncio.to_thread(started.acquire, timeout=30)
    await store.write("record", b"1", "text/plain")
    assert await store.read("record") == b"1"
    assert reading == UPLOADS_AT_ONCE
    go_on.set()
    await asyncio.gather(*uploads)


async def test_a_cancelled_upload_ends_and_leaves_nothing(aws_bucket: VideoBucket) -> None:
    first_read, go_on, store = threading.Event(), threading.Event(), BucketStore(aws_bucket)

    class Endless:
        def __init__(self) -> None:
            self.reads = 0

        def read(self, size: int, /) -> bytes:
            self.reads += 1
            if self.reads == 3:
                first_read.set()
                go_on.wait(30)
            return bytes(size)

    reader = Endless()
    upload = asyncio.create_task(store.upload("a", reader, "text/plain"))
    assert await asyncio.to_thread(first_read.wait, 30)
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    go_on.set()
    await asyncio.gather(*(store.upload(f"b{n}", Chunks(0), "x/y") for n in range(UPLOADS_AT_ONCE)))
    assert reader.reads == 3
    assert await store.head("a") is None


class Chunks:
    """So many parts of zeros."""

    def __init__(self, parts: int) -> None:
        self.left = parts * PART

    def read(self, size: int, /) -> bytes:
        count = min(size, self.left)
        self.left -= count
        return bytes(count)


async def test_a_document_that_is_too_long_is_not_read(bucket: VideoBucket) -> None:
    bucket.write("b/shot.json", b" " * (LONGEST_DOCUMENT + 1), "application/json")
    with pytest.raises(DocumentDamaged, match="it is longer than 16,777,216 bytes") as raised:
        await BucketStore(bucket).read("b/shot.json")
    assert raised.value.uri == bucket.uri("b/shot.json")
    bucket.write("b/plan.json", b" " * (LONGEST_DOCUMENT + 1), "application/json")
    assert await BucketStore(bucket).read("b/plan.json")
