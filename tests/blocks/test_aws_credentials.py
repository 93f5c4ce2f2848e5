"""prefect-aws's credentials where ours are accepted."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prefect import get_client
from prefect_aws import AwsCredentials  # type: ignore[import-untyped]
from prefect_aws.client_parameters import AwsClientParameters  # type: ignore[import-untyped]
from pydantic import SecretStr, ValidationError

from prefect_toapis.blocks import S3Credentials, VideoBucket


def theirs(ours: S3Credentials, **changes: Any) -> AwsCredentials:
    """The same access in prefect-aws's words."""
    told: dict[str, Any] = {
        "aws_access_key_id": ours.aws_access_key_id,
        "aws_secret_access_key": ours.aws_secret_access_key,
        "region_name": ours.region_name,
        "aws_client_parameters": AwsClientParameters(
            endpoint_url=ours.endpoint_url, config={"s3": {"addressing_style": "path"}}
        ),
    }
    return AwsCredentials(**told | changes)


def taken(given: Any) -> S3Credentials:
    credentials = VideoBucket(bucket_name="studio", credentials=given).credentials
    assert credentials is not None
    return credentials


def test_a_bucket_works_with_them(aws_bucket: VideoBucket) -> None:
    assert aws_bucket.credentials
    bucket = VideoBucket(
        bucket_name=aws_bucket.bucket_name, credentials=theirs(aws_bucket.credentials)
    )
    bucket.write("a", b"1", "text/plain")
    assert bucket.read("a") == b"1"


def test_everything_they_hold_is_taken_over(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    parameters = AwsClientParameters(endpoint_url="https://s.example", verify_cert_path=bundle)
    assert taken(
        AwsCredentials(
            aws_access_key_id="AKIA1",
            aws_secret_access_key=SecretStr("secret"),
            aws_session_token="token",
            profile_name="film",
            region_name="eu-central-1",
            aws_client_parameters=parameters,
        )
    ) == S3Credentials(
        aws_access_key_id="AKIA1",
        aws_secret_access_key=SecretStr("secret"),
        aws_session_token=SecretStr("token"),
        profile_name="film",
        region_name="eu-central-1",
        endpoint_url="https://s.example",
        ca_bundle=str(bundle),
    )
    assert taken(AwsCredentials()) == S3Credentials()
    assert taken(S3Credentials(profile_name="film")) == S3Credentials(profile_name="film")


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"verify": False}, "switch TLS or its checks off"),
        ({"use_ssl": False}, "switch TLS or its checks off"),
        ({"config": {"proxies": {}}}, "only the addressing style can be taken over"),
        ({"config": {"s3": {"use_accelerate_endpoint": True}}}, "only the addressing style"),
        ({"config": {"s3": {"addressing_style": "path"}, "retries": {}}}, "only the addressing"),
    ],
)
def test_what_cannot_be_taken_over_is_refused_rather_than_left_out(
    parameters: dict[str, Any], why: str
) -> None:
    given = AwsCredentials(aws_client_parameters=AwsClientParameters(**parameters))
    with pytest.raises(ValidationError, match=why):
        taken(given)


def test_a_saved_block_of_theirs_stays_a_reference(
    prefect_server: None, aws_bucket: VideoBucket
) -> None:
    assert aws_bucket.credentials
    theirs(aws_bucket.credentials).save("film", overwrite=True)
    saved = AwsCredentials.load("film")
    VideoBucket(bucket_name=aws_bucket.bucket_name, credentials=saved).save("with-aws")

    loaded = VideoBucket.load("with-aws")
    assert isinstance(loaded, VideoBucket)
    loaded.write("a", b"1", "text/plain")
    assert loaded.read("a") == b"1"

    loaded.save("saved-again")
    with get_client(sync_client=True) as client:
        for name in ("with-aws", "saved-again"):
            kept = client.read_block_document_by_name(name, "toapis-video-bucket")
            (reference,) = kept.block_document_references.values()
            assert reference["block_document"]["name"] == "film"

    theirs(aws_bucket.credentials, region_name="eu-west-1").save("film", overwrite=True)
    renewed = VideoBucket.load("saved-again")
    assert isinstance(renewed, VideoBucket)
    assert renewed.credentials
    assert renewed.credentials.region_name == "eu-west-1"


WITHOUT = """
import sys
sys.modules["prefect_aws"] = None
from prefect_toapis import VideoBucket
kept = {"block_type_slug": "aws-credentials", "profile_name": "film", "aws_client_parameters": {}}
print(VideoBucket(bucket_name="studio", credentials=kept).credentials.profile_name)
"""


def test_a_worker_without_prefect_aws_can_use_what_was_saved_with_it() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout.strip() == "film"


def test_prefect_aws_and_boto3_are_not_imported_before_they_are_used() -> None:
    code = (
        "import prefect_toapis, sys; print({'prefect_aws', 'boto3', 'pyarrow'} & set(sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout.strip() == "set()"
