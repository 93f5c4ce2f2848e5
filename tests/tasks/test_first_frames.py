"""The first frame as poster, where the provider gives no thumbnail."""

import io
import json
import sys

import pytest
from PIL import Image

import prefect_toapis.simulator.encoding  # noqa: F401 - so that the simulator has PyAV in any case
from prefect_toapis import (
    RunSettings,
    StoredVideo,
    ToAPIsCredentials,
    VideoBucket,
    VideoRequest,
    adownload_video,
    apoll_video,
    asubmit_video,
)
from prefect_toapis.errors import StoreUnavailable
from prefect_toapis.simulator import Replace, Simulator

DOG = VideoRequest(prompt="A dog", model="sora-2-vip", duration=1)


async def made(
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    settings: RunSettings,
    request: VideoRequest = DOG,
) -> list[StoredVideo]:
    generation = await asubmit_video(
        request, credentials=credentials, bucket=bucket, settings=settings
    )
    generation = await apoll_video(generation, credentials=credentials, settings=settings)
    videos: list[StoredVideo] = await adownload_video(
        generation, credentials=credentials, bucket=bucket, settings=settings
    )
    return videos


async def test_each_video_without_a_thumbnail_gets_its_first_frame(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    two = DOG.model_copy(update={"n": 2})
    videos = await made(credentials, bucket, quick, two)
    folder = videos[0].key.rpartition("/")[0]
    keys = [f"{folder}/thumbnail-1.jpg", f"{folder}/thumbnail-2.jpg"]
    assert [video.thumbnail_key for video in videos] == keys
    for key in keys:
        with Image.open(io.BytesIO(bucket.read(key) or b"")) as picture:
            assert (picture.format, picture.size) == ("JPEG", (320, 180))
    found = bucket.head(keys[0])
    assert found
    assert found.content_type == "image/jpeg"
    told = json.loads(bucket.read(f"{folder}/shot.json") or b"")
    assert [video["thumbnail_key"] for video in told["videos"]] == keys


async def test_the_providers_thumbnail_comes_first(
    simulator: Simulator, credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> None:
    [video] = await made(credentials, bucket, quick, DOG.model_copy(update={"thumbnail": True}))
    assert video.thumbnail_key
    assert any("thumbnail" in path for path in simulator.ledger.downloads)


async def test_a_video_without_a_frame_is_stored_all_the_same(
    simulator: Simulator,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
    log: pytest.LogCaptureFixture,
) -> None:
    broken = "\0\0\0\x10ftypisom....\0\0\0\x0cmdatxxxx\0\0\0\x08moov"
    simulator.faults.add(Replace(operation="media", status=200, body=broken))
    [video] = await made(credentials, bucket, quick)
    assert (bucket.read(video.key), video.thumbnail_key) == (broken.encode(), None)
    assert "a-dog / sora-2-vip: no first frame: it has no picture" in log.text
    assert bucket.head(f"{video.key.rpartition('/')[0]}/shot.json")


async def test_a_store_that_does_not_let_it_be_read_costs_the_poster_alone(
    simulator: Simulator,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
    log: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> bytes:
        raise StoreUnavailable("the store is out of order")

    monkeypatch.setattr(VideoBucket, "read_part", refuse)
    [video] = await made(credentials, bucket, quick)
    assert video.thumbnail_key is None
    assert "no thumbnail: the store is out of order" in log.text


async def test_without_pyav_there_is_no_poster_and_no_word_of_it(
    simulator: Simulator,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
    log: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    [video] = await made(credentials, bucket, quick)
    assert video.thumbnail_key is None
    assert "WARNING" not in {record.levelname for record in log.records}
