"""A stored object as a file that can seek."""

import io
import random
from typing import Any

import pytest

from prefect_toapis.blocks import VideoBucket
from prefect_toapis.blocks.bucket_store import open_stored
from prefect_toapis.errors import StoreError

CONTENT = random.Random(1).randbytes(1_000_000)


@pytest.fixture
def asked(bucket: VideoBucket, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The ranges that are asked for of the object `clip`."""
    ranges: list[tuple[int, int]] = []
    read_part = VideoBucket.read_part

    def noted(self: VideoBucket, key: str, start: int, stop: int) -> bytes:
        ranges.append((start, stop))
        return read_part(self, key, start, stop)

    monkeypatch.setattr(VideoBucket, "read_part", noted)
    bucket.write("clip", CONTENT, "video/mp4")
    return ranges


def test_a_part_is_read_as_it_is(bucket: VideoBucket, aws_bucket: VideoBucket) -> None:
    for one in (bucket, aws_bucket):
        one.write("clip", b"0123456789", "video/mp4")
        assert one.read_part("clip", 2, 5) == b"234"
        with pytest.raises(StoreError, match=r"Can't read s3://.*/no"):
            one.read_part("no", 0, 1)


def test_it_reads_and_seeks_as_a_file_does(bucket: VideoBucket, asked: list[Any]) -> None:
    file = io.BytesIO(CONTENT)
    draw = random.Random(2)
    with open_stored(bucket, "clip", len(CONTENT)) as stored:
        assert stored.seekable()
        for _ in range(60):
            whence = draw.choice([io.SEEK_SET, io.SEEK_END])
            offset = draw.randrange(len(CONTENT)) * (1 if whence == io.SEEK_SET else -1)
            assert stored.seek(offset, whence) == file.seek(offset, whence)
            size = draw.choice([0, 1, 1000, 400_000])
            assert stored.read(size) == file.read(size)
            assert stored.tell() == file.tell()
        stored.seek(10, io.SEEK_END)
        assert stored.read(5) == b""
        with pytest.raises(ValueError, match="before the beginning"):
            stored.seek(-1)


def test_a_request_brings_a_quarter_of_a_megabyte_and_serves_the_reads_in_it(
    bucket: VideoBucket, asked: list[Any]
) -> None:
    with open_stored(bucket, "clip", len(CONTENT)) as stored:
        for _ in range(50):
            stored.read(1000)
        stored.seek(0)
        stored.read(1000)
        assert asked == [(0, 262_144)]
        stored.seek(-100, io.SEEK_END)
        assert stored.read(200) == CONTENT[-100:]
    assert asked[1:] == [(999_900, 1_000_000)]


def test_the_error_of_the_store_comes_out(bucket: VideoBucket) -> None:
    with open_stored(bucket, "gone", 10) as stored, pytest.raises(StoreError, match="gone"):
        stored.read(5)
