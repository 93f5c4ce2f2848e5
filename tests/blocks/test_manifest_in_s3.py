"""The manifest of a batch, read from the bucket."""

import pytest

from prefect_toapis import Manifest, VideoBucket
from prefect_toapis.errors import StoreMissing
from prefect_toapis.reports.manifest import ManifestRow

ROWS = [
    ManifestRow(
        batch="b", shot_id="s", scene="a", variant="v", status="open", model="m", prompt="p"
    )
]


@pytest.fixture
def written(aws_bucket: VideoBucket, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """A manifest in the bucket, and boto3's own credentials in the environment."""
    manifest = Manifest(batch="b", uri=aws_bucket.uri("b"), rows=ROWS)
    aws_bucket.write("b/manifest.jsonl", manifest.to_jsonl().encode(), "application/x-ndjson")
    aws_bucket.write("b/manifest.parquet", manifest.to_parquet(), "application/octet-stream")
    given = aws_bucket.credentials
    assert given
    assert given.aws_secret_access_key
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", given.aws_access_key_id or "")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", given.aws_secret_access_key.get_secret_value())
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", given.endpoint_url or "")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return manifest


@pytest.mark.parametrize("file", ["", "/manifest.jsonl", "/manifest.parquet"])
def test_it_is_loaded_by_its_uri_with_what_boto3_finds(written: Manifest, file: str) -> None:
    assert Manifest.load(f"{written.uri}{file}") == written


def test_a_bucket_loads_it_with_its_own_credentials(
    written: Manifest, aws_bucket: VideoBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert aws_bucket.load_manifest("b") == written


def test_where_there_is_none_the_error_says_which(
    written: Manifest, aws_bucket: VideoBucket
) -> None:
    missing = f"{aws_bucket.uri('x')}/manifest.jsonl doesn't exist"
    with pytest.raises(FileNotFoundError, match=missing):
        aws_bucket.load_manifest("x")
    with pytest.raises(FileNotFoundError, match=missing):
        Manifest.load(aws_bucket.uri("x"))
    with pytest.raises(StoreMissing):
        Manifest.load("s3://no-such-bucket-here/b")
