"""What `download_video` stores of a generation without a shot, and where."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from tests.boxes import mp4
from tests.hostile import Peer, in_another_thread

from prefect_toapis import (
    Generation,
    RetrySettings,
    RunSettings,
    ToAPIsCredentials,
    VideoBucket,
    adownload_video,
)
from prefect_toapis.client.errors import NotAVideo, ToAPIsError, Unavailable
from prefect_toapis.client.replies import Output, Reply

KEY = "sk-s3cr3t"
VIDEO = mp4(6_000_000)  # more than a part of an upload


@pytest.fixture
def api() -> Iterator[Peer]:
    """An API that has results itself: behind the key, cut, or damaged."""

    async def answer(head: str, writer: asyncio.StreamWriter) -> None:
        path = head.split(" ", 2)[1]
        if path == "/private" and f"Bearer {KEY}" not in head:
            writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        elif path == "/cut":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + VIDEO[:-100])
        elif path == "/damaged":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5999900\r\n\r\n" + VIDEO[:-100])
        elif path in {"/private", "/open"}:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6000000\r\n\r\n" + VIDEO)
        else:  # its status: the result has the same URL as before
            body = json.dumps(
                {
                    "id": "task-1",
                    "status": "completed",
                    "result": {"type": "video", "data": [{"url": f"{peer.url}/damaged"}]},
                }
            ).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with in_another_thread(answer) as peer:
        yield peer


async def stored(
    api: Peer, bucket: VideoBucket, settings: RunSettings, path: str, task_id: str = "task-1"
) -> Any:
    reply = Reply(task_id, "completed", outputs=(Output(f"{api.url}{path}"),))
    return await adownload_video(
        Generation(task_id=task_id, business_id="pt-1").after(reply),
        credentials=ToAPIsCredentials(api_key=SecretStr(KEY), base_url=api.url),
        bucket=bucket,
        settings=settings.with_overrides(
            RunSettings(retries=RetrySettings(task_delays_seconds=[]))
        ),
    )


@pytest.fixture(autouse=True)
def without_retries_of_prefect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adownload_video, "retries", 0)


@pytest.mark.parametrize(
    ("task_id", "folder", "metadata"),
    [
        ("task-1", "task-1", "task-1"),
        ("A/../B?c=%2F", "a-b-c-2f-", "A/../B?c=%252F"),
        ("дom\r\nx: 1", "om-x-1-", "%D0%B4om%0D%0Ax:%201"),
        ("..", "", ".."),
        ("x" * 5_000, "x" * 40, "x" * 1_000),
    ],
)
async def test_a_generation_of_any_id_is_stored(
    api: Peer,
    aws_bucket: VideoBucket,
    quick: RunSettings,
    task_id: str,
    folder: str,
    metadata: str,
) -> None:
    [video] = await stored(api, aws_bucket, quick, "/open", task_id)
    assert video.key.startswith(f"generations/{folder}")
    assert video.key.count("/") == 2
    assert aws_bucket.read(video.key) == VIDEO
    client: Any = aws_bucket._s3
    found = client.head_object(Bucket=aws_bucket.bucket_name, Key=f"team/film/{video.key}")
    assert found["Metadata"] == {"task-id": metadata}


async def test_ids_that_look_alike_have_objects_of_their_own(
    api: Peer, bucket: VideoBucket, quick: RunSettings
) -> None:
    keys = set()
    for task_id in ("a-b", "A/B", "a_b"):
        [video] = await stored(api, bucket, quick, "/open", task_id)
        keys.add(video.key)
    assert len(keys) == 3


async def test_a_result_behind_the_key_is_stored(
    api: Peer, bucket: VideoBucket, quick: RunSettings
) -> None:
    [video] = await stored(api, bucket, quick, "/private")
    assert bucket.read(video.key) == VIDEO
    assert api.keys == [False, True]


@pytest.mark.parametrize(("path", "kind"), [("/cut", Unavailable), ("/damaged", NotAVideo)])
async def test_nothing_is_stored_of_a_video_that_is_not_whole(
    api: Peer, aws_bucket: VideoBucket, quick: RunSettings, path: str, kind: type[ToAPIsError]
) -> None:
    with pytest.raises(kind) as raised:
        await stored(api, aws_bucket, quick, path)
    assert raised.value.money == "spent"
    assert aws_bucket.list_keys() == []
    client: Any = aws_bucket._s3
    assert "Uploads" not in client.list_multipart_uploads(Bucket=aws_bucket.bucket_name)
