"""`prefect-toapis gallery`."""

import re
import subprocess
from collections.abc import Callable

import httpx
import pytest

from prefect_toapis import Manifest, S3Credentials, VideoBucket
from prefect_toapis.reports.manifest import ManifestRow

Run = Callable[..., "subprocess.CompletedProcess[str]"]

ROW = ManifestRow(
    batch="spring",
    shot_id="shot-1",
    scene="tram",
    variant="wide",
    status="stored",
    key="spring/tram/video-1.mp4",
    uri="s3://videos/spring/tram/video-1.mp4",
    model="sora-2",
    prompt="A tram",
)
PAGE = "spring/index.html"


@pytest.fixture
def stored(bucket: VideoBucket) -> VideoBucket:
    """A bucket with a batch, as a run leaves it."""
    manifest = Manifest(batch="spring", uri=bucket.uri("spring"), rows=[ROW])
    bucket.write("spring/manifest.jsonl", manifest.to_jsonl().encode(), "application/x-ndjson")
    bucket.write(ROW.key or "", b"video", "video/mp4")
    return bucket


def test_writes_the_page_and_says_where(call: Run, stored: VideoBucket) -> None:
    ended = call("gallery", "spring")
    assert (ended.returncode, ended.stdout) == (0, f"{stored.uri(PAGE)}\n"), ended.stderr
    page = (stored.read(PAGE) or b"").decode()
    assert "./tram/video-1.mp4" in page
    assert "X-Amz-Signature" not in page
    found = stored.head(PAGE)
    assert found
    assert found.content_type == "text/html; charset=utf-8"


def test_a_batch_that_is_not_there_is_told_in_one_sentence(call: Run, bucket: VideoBucket) -> None:
    ended = call("gallery", "winter")
    assert ended.returncode == 1
    said = " ".join(ended.stdout.split())
    assert f"{bucket.uri('winter/manifest.jsonl')} doesn't exist" in said
    assert "Traceback" not in ended.stdout + ended.stderr
    assert bucket.list_keys("winter") == []


def test_signs_links_where_the_bucket_gives_them_a_lifetime(
    call: Run, stored: VideoBucket, s3_server: S3Credentials
) -> None:
    VideoBucket(
        bucket_name=stored.bucket_name,
        prefix=stored.prefix,
        credentials=s3_server,
        link_hours=2,
    ).save("default", overwrite=True)
    try:
        ended = call("gallery", "spring")
    finally:
        VideoBucket.delete("default")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    uri, _, link, until = ended.stdout.splitlines()
    assert uri == stored.uri(PAGE)
    assert re.fullmatch(r"Links are valid until \d{4}-\d\d-\d\d \d\d:\d\d UTC\.", until)
    page = httpx.get(link).text
    (video,) = re.findall(r'"video":"(http[^"]*)"', page)
    assert httpx.get(video.replace("\\u0026", "&")).content == b"video"


def test_no_link_is_signed_to_what_a_manifest_names_outside_of_its_batch(
    call: Run, stored: VideoBucket
) -> None:
    evil = ROW.model_copy(update={"key": "winter/secret.mp4"})
    manifest = Manifest(batch="spring", uri=stored.uri("spring"), rows=[evil])
    stored.write("spring/manifest.jsonl", manifest.to_jsonl().encode(), "application/x-ndjson")
    for batch in ("spring", "winter/../spring", "../spring"):
        ended = call("gallery", batch)
        assert ended.returncode == 1
        assert "Traceback" not in ended.stdout + ended.stderr
    assert stored.read(PAGE) is None
