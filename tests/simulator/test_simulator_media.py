"""The result files: who may fetch them, and how they are served."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_toapis.simulator import Simulator
from prefect_toapis.simulator.media import wanted_range

GENERATIONS = "/v1/videos/generations"


@pytest.fixture
def url(instant: Simulator) -> str:
    """Of a finished video."""
    headers = {"Authorization": f"Bearer {instant.api_key}"}
    with httpx.Client(base_url=instant.url, headers=headers) as api:
        task_id = api.post(GENERATIONS, json={"prompt": "A dog"}).json()["id"]
        shown = api.get(f"{GENERATIONS}/{task_id}").json()
    found: str = shown["result"]["data"][0]["url"]
    return found


def test_serves_a_video_without_a_key_from_another_origin(instant: Simulator, url: str) -> None:
    reply = httpx.get(url)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "video/mp4"
    assert int(reply.headers["Content-Length"]) == len(reply.content)
    assert url.startswith(instant.media_url)
    assert urlsplit(url).netloc != urlsplit(instant.url).netloc
    assert set(parse_qs(urlsplit(url).query)) == {"expires", "signature"}


def test_counts_what_was_fetched(instant: Simulator, url: str) -> None:
    httpx.get(url)
    httpx.head(url)
    assert instant.ledger.downloads[urlsplit(url).path] == 1


def test_notes_a_key_that_reaches_the_media_port(instant: Simulator, url: str) -> None:
    before = instant.ledger.leaked_keys
    httpx.get(url)
    assert instant.ledger.leaked_keys == before
    httpx.get(url, headers={"Authorization": f"Bearer {instant.api_key}"})
    assert instant.ledger.leaked_keys == before + 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("signature=", "signature=0"),
        ("signature=", "other="),
        ("expires=", "expires=9"),
        ("video-1", "video-2"),
        ("/video_", "/video_0"),
        ("?", "?nothing=1#"),
    ],
)
def test_refuses_a_url_that_was_not_given_out(url: str, old: str, new: str) -> None:
    assert httpx.get(url.replace(old, new, 1)).status_code == 403


def test_the_api_does_not_answer_at_the_media_port(instant: Simulator) -> None:
    reply = httpx.post(instant.media_url + GENERATIONS, json={"prompt": "A dog"})
    assert reply.status_code == 404


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-99", slice(0, 100)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-10", slice(-10, None)),
        ("bytes=5-999999999", slice(5, None)),
    ],
)
def test_serves_a_range(url: str, asked: str, part: slice) -> None:
    whole = httpx.get(url).content
    reply = httpx.get(url, headers={"Range": asked})
    assert reply.status_code == 206
    assert reply.content == whole[part]
    start, stop, _ = part.indices(len(whole))
    assert reply.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(whole)}"


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=-", "lines=1-2", "bytes=0-1,5-6"])
def test_serves_the_whole_file_for_a_range_that_it_does_not_understand(
    url: str, asked: str
) -> None:
    reply = httpx.get(url, headers={"Range": asked})
    assert reply.status_code == 200
    assert int(reply.headers["Content-Length"]) == len(reply.content)


def test_refuses_a_range_beyond_the_end(url: str) -> None:
    size = len(httpx.get(url).content)
    reply = httpx.get(url, headers={"Range": f"bytes={size}-"})
    assert reply.status_code == 416
    assert reply.headers["Content-Range"] == f"bytes */{size}"


def test_goes_on_with_a_download_only_if_the_file_is_the_same(url: str) -> None:
    whole = httpx.get(url)
    same = {"Range": "bytes=10-", "If-Range": whole.headers["ETag"]}
    other = {"Range": "bytes=10-", "If-Range": '"other"'}
    assert httpx.get(url, headers=same).content == whole.content[10:]
    assert httpx.get(url, headers=other).content == whole.content


def test_head_says_the_size_and_sends_nothing(url: str) -> None:
    whole, head = httpx.get(url), httpx.head(url)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("Content-Length", "ETag", "Content-Type", "Accept-Ranges"):
        assert head.headers[name] == whole.headers[name]


@given(st.integers(0, 12), st.integers(0, 12), st.integers(1, 10))
def test_a_range_is_what_slicing_says(first: int, last: int, size: int) -> None:
    content = bytes(range(size))
    found = wanted_range(f"bytes={first}-{last}", size)
    if last < first:
        assert found == (0, size)
    elif first >= size:
        assert found is None
    else:
        assert found is not None
        assert content[slice(*found)] == content[first : last + 1]
