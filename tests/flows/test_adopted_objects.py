"""Videos that lie in the bucket already: a run died before it wrote `shot.json`."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from prefect_toapis import RunSettings, Variant, VideoBucket
from prefect_toapis.simulator import Simulator

Make = Callable[..., Awaitable[Any]]


async def video_of(make: Make, bucket: VideoBucket) -> tuple[str, bytes]:
    """The key of a stored video, whose shot.json is gone, and its content."""
    manifest = await make(["a dog"])
    [row] = manifest.stored
    forget(bucket, row.key)
    return row.key, bucket.read(row.key) or b""


def forget(bucket: VideoBucket, key: str) -> None:
    assert bucket.credentials
    whole = f"{bucket.prefix}/{key.rpartition('/')[0]}/shot.json"
    bucket.credentials.get_client().delete_object(Bucket=bucket.bucket_name, Key=whole)


def written(bucket: VideoBucket, key: str) -> str:
    """When it was written last."""
    assert bucket.credentials
    whole = f"{bucket.prefix}/{key}"
    found = bucket.credentials.get_client().head_object(Bucket=bucket.bucket_name, Key=whole)
    return found["LastModified"].isoformat()


async def test_the_same_bytes_are_adopted_and_not_written_again(
    make: Make, aws_bucket: VideoBucket, simulator: Simulator
) -> None:
    async def make_there(scenes: list[Any]) -> Any:
        return await make(scenes, bucket=aws_bucket)

    key, content = await video_of(make_there, aws_bucket)
    before = written(aws_bucket, key)
    await asyncio.sleep(1)  # times of objects are whole seconds
    manifest = await make_there(["a dog"])
    [row] = manifest.stored
    assert (row.key, row.sha256) == (key, hashlib.sha256(content).hexdigest())
    assert written(aws_bucket, key) == before
    assert len(simulator.ledger.paid) == 1


async def test_other_bytes_are_kept_and_the_video_gets_another_name(
    make: Make, bucket: VideoBucket, simulator: Simulator
) -> None:
    key, content = await video_of(make, bucket)
    bucket.write(key, b"something else", "video/mp4")
    manifest = await make(["a dog"])
    [row] = manifest.stored
    assert row.key == key.replace("video-1.mp4", "video-1-attempt-1.mp4")
    assert bucket.read(key) == b"something else"
    assert bucket.read(row.key) == content
    assert len(simulator.ledger.paid) == 1


async def test_where_both_names_are_taken_nothing_is_overwritten(
    make: Make, bucket: VideoBucket, quick: RunSettings
) -> None:
    key, content = await video_of(make, bucket)
    other = key.replace("video-1.mp4", "video-1-attempt-1.mp4")
    same_size = bytes(len(content))
    bucket.write(key, same_size, "video/mp4")
    bucket.write(other, same_size, "video/mp4")
    manifest = await make(["a dog"], on_failure="tolerate", settings=quick)
    assert "has other content: move it away" in manifest.open[0].error
    assert bucket.read(key) == bucket.read(other) == same_size


async def test_a_poster_of_another_content_is_kept_as_well(make: Make, bucket: VideoBucket) -> None:
    key, _ = await video_of(make, bucket)
    poster = key.replace("video-1.mp4", "thumbnail-1.jpg")
    first_frame = bucket.read(poster)
    bucket.write(poster, b"something else", "image/jpeg")
    [row] = (await make(["a dog"])).stored
    assert row.thumbnail_key == key.replace("video-1.mp4", "thumbnail-1-attempt-1.jpg")
    assert bucket.read(poster) == b"something else"
    assert bucket.read(row.thumbnail_key) == first_frame
    forget(bucket, key)
    bucket.write(row.thumbnail_key, b"taken, too", "image/jpeg")
    [row] = (await make(["a dog"])).stored
    assert row.thumbnail_key is None


async def test_a_thumbnail_of_another_content_is_kept_as_well(
    make: Make, bucket: VideoBucket
) -> None:
    variants = [Variant(name="short", model="sora-2-vip", duration=1, thumbnail=True)]
    [row] = (await make(["a dog"], variants=variants)).stored
    forget(bucket, row.key)
    bucket.write(row.thumbnail_key, b"something else", "image/jpeg")
    [again] = (await make(["a dog"], variants=variants)).stored
    assert again.thumbnail_key == row.thumbnail_key.replace(".jpg", "-attempt-1.jpg")
    assert bucket.read(row.thumbnail_key) == b"something else"
