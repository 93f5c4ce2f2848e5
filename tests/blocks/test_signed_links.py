"""Links that anybody can follow for a while."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from prefect_toapis.blocks import S3Credentials, VideoBucket
from prefect_toapis.blocks.s3_client import ends_with_credentials
from prefect_toapis.errors import StoreAccessRefused

KEYS = {"aws_access_key_id": "AKIAEXAMPLE0000TEST1", "aws_secret_access_key": SecretStr("s" * 40)}


def at_aws(**more: Any) -> VideoBucket:
    credentials = S3Credentials(**KEYS, region_name="us-east-1", **more)
    return VideoBucket(bucket_name="videos", prefix="film", credentials=credentials)


def test_a_link_brings_what_it_was_signed_for_and_nothing_else(bucket: VideoBucket) -> None:
    bucket.write("ü b#1.mp4", b"video", "video/mp4")
    bucket.write("other.mp4", b"other", "video/mp4")
    link = bucket.signed_url("ü b#1.mp4", 60)
    answer = httpx.get(link)
    assert (answer.content, answer.headers["content-type"]) == (b"video", "video/mp4")
    assert httpx.get(link, headers={"Range": "bytes=1-2"}).content == b"id"
    elsewhere = httpx.URL(link).copy_with(path=f"/{bucket.bucket_name}/team/film/other.mp4")
    for forged in (elsewhere, link.replace("X-Amz-Expires=60", "X-Amz-Expires=61")):
        assert httpx.get(forged).status_code in {400, 403}
    assert httpx.get(link.partition("?")[0]).status_code in {400, 403}


def test_signature_version_4_is_used_in_every_region() -> None:
    link = httpx.URL(at_aws().signed_url("a.mp4", 3600.7))
    assert link.params["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert link.params["X-Amz-Expires"] == "3600"
    assert link.path.endswith("/film/a.mp4")


@pytest.mark.parametrize("seconds", [0, -1, 168 * 3600 + 1])
def test_what_s3_does_not_sign_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="the lifetime of a link must be 1 to 604800 seconds"):
        at_aws().signed_url("a.mp4", seconds)
    assert at_aws().signed_url("a.mp4", 168 * 3600)


@pytest.mark.parametrize("hours", [0, -1, 168.1])
def test_a_lifetime_that_no_link_can_have_is_refused(hours: float) -> None:
    with pytest.raises(ValidationError, match="link_hours"):
        VideoBucket(bucket_name="videos", link_hours=hours)
    assert VideoBucket(bucket_name="videos", link_hours=168).link_hours == 168
    assert VideoBucket(bucket_name="videos").link_hours is None


def test_links_signed_by_temporary_credentials_are_known() -> None:
    temporary = at_aws(aws_session_token=SecretStr("token"))
    assert ends_with_credentials(temporary.signed_url("a.mp4", 60))
    assert not ends_with_credentials(at_aws().signed_url("X-Amz-Security-Token", 60))


def test_without_credentials_nothing_is_signed(no_aws_settings: None) -> None:
    with pytest.raises(StoreAccessRefused, match=r"sign a link to s3://videos/a\.mp4"):
        VideoBucket(bucket_name="videos").signed_url("a.mp4", 60)
