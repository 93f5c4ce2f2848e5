"""What botocore and urllib3 log of requests to the bucket, at DEBUG: no query, and no secret."""

import logging
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from prefect_toapis import VideoBucket
from prefect_toapis.client.request_logs import without_secrets
from prefect_toapis.errors import StoreUnavailable

TOKEN = "t0ken-4f1e9c"
LIBRARIES = ("boto3", "botocore", "s3transfer", "urllib3")


@pytest.fixture
def bucket(aws_bucket: VideoBucket) -> VideoBucket:
    """One with a session token."""
    assert aws_bucket.credentials
    change = {"aws_session_token": SecretStr(TOKEN)}
    credentials = aws_bucket.credentials.model_copy(update=change)
    return aws_bucket.model_copy(update={"credentials": credentials})


@pytest.fixture
def logged(log: pytest.LogCaptureFixture) -> Callable[[], str]:
    """What the libraries logged, as it is written, exceptions included."""
    for name in LIBRARIES:
        log.set_level(logging.DEBUG, logger=name)

    def logged() -> str:
        ours = [one for one in log.records if one.name.split(".")[0] in LIBRARIES]
        return "\n".join(map(logging.Formatter("%(name)s %(message)s").format, ours))

    return logged


def test_no_log_of_a_request_has_its_query_signature_or_token(
    bucket: VideoBucket, logged: Callable[[], str]
) -> None:
    bucket.write("b/a.txt", b"content of the object", "text/plain")
    bucket.read("b/a.txt")
    bucket.list_keys("b/")
    bucket.create("b/a.txt", b"", "text/plain")
    bucket.signed_url("b/a.txt", 60)
    text = logged()
    assert "botocore.endpoint Sending http request" in text
    assert f'"GET /{bucket.bucket_name} HTTP/1.1" 200' in text  # urllib3 did log the listing
    for secret in (TOKEN, "list-type", "Signature=", "AWS4-HMAC", "content of the object"):
        assert secret not in text
    assert "X-Amz-" not in text


def test_no_log_of_a_broken_request_has_its_query(
    bucket: VideoBucket, logged: Callable[[], str]
) -> None:
    assert bucket.credentials
    closed = bucket.credentials.model_copy(update={"endpoint_url": "http://127.0.0.1:9"})
    with pytest.raises(StoreUnavailable):
        bucket.model_copy(update={"credentials": closed}).list_keys("b/")
    text = logged()
    assert "Exception received when sending HTTP request" in text
    assert "list-type" not in text
    assert TOKEN not in text


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("headers: %s", ({"Authorization": f"Bearer {TOKEN}", "Host": "a"},)),
        ("headers: %s", ({"X-Amz-Security-Token": TOKEN.encode()},)),
        (f"x-amz-security-token:{TOKEN}\nhost:a", ()),
        (f"Authorization: AWS4-HMAC-SHA256 Credential=AKIA/x, Signature={TOKEN}", ()),
        ('%s "%s %s"', ("http://a:80", "GET", f"/b/c?it's={TOKEN}")),
        ("asked %(url)s", ({"url": f"https://a.example/b?x={TOKEN}"},)),
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(message: str, arguments: tuple[object, ...]) -> None:
    record = logging.LogRecord("urllib3.x", logging.DEBUG, "p", 1, message, arguments, None)
    assert without_secrets(record)
    assert TOKEN not in record.getMessage()
