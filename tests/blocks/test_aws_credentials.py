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
        ({"verify": False}, "disable TLS or its checks"),
        ({"use_ssl": False}, "disable TLS or its checks"),
        ({"config": {"proxies": {}}}, "only the addressing style is supported"),
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


ROLE = "arn:aws:iam::123456789012:role/videos"
EMPTY: dict[str, Any] = {"aws_client_parameters": {}}


def newer(**fields: Any) -> list[Any]:
    """Fields of a newer prefect-aws: as its server sends them, and as an older one loads them."""
    return [EMPTY | fields, AwsCredentials(**fields)]


@pytest.mark.parametrize("number", [0, 1], ids=["data", "block"])
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (None, {}),
        ({}, {}),
        ({"RoleSessionName": None, "Tags": None, "PolicyArns": []}, {}),
        (
            {"RoleSessionName": "nightly", "ExternalId": "studio-7", "DurationSeconds": 7200},
            {
                "role_session_name": "nightly",
                "role_external_id": "studio-7",
                "role_duration_seconds": 7200,
            },
        ),
    ],
)
def test_their_role_is_assumed(
    parameters: dict[str, Any] | None, expected: dict[str, Any], number: int
) -> None:
    given = newer(assume_role_arn=ROLE, assume_role_kwargs=parameters)[number]
    assert taken(given) == S3Credentials(role_arn=ROLE, **expected)


@pytest.mark.parametrize("number", [0, 1], ids=["data", "block"])
@pytest.mark.parametrize(
    ("fields", "name"),
    [
        *(
            ({"assume_role_arn": ROLE, "assume_role_kwargs": {name: value}}, name)
            for name, value in {
                "Policy": "{}",
                "PolicyArns": [{"arn": "a"}],
                "Tags": [{"Key": "a", "Value": "b"}],
                "TransitiveTagKeys": ["a"],
                "SerialNumber": "mfa",
                "TokenCode": "123456",
                "SourceIdentity": "me",
                "ProvidedContexts": [{"ProviderArn": "a"}],
                "OfTheFuture": 1,
            }.items()
        ),
        ({"sso_account": "1"}, "sso_account"),
    ],
)
def test_what_we_do_not_know_of_theirs_is_refused_by_name(
    fields: dict[str, Any], name: str, number: int
) -> None:
    with pytest.raises(ValidationError, match=f"{name}: not supported"):
        taken(newer(**fields)[number])


@pytest.mark.parametrize("empty", [None, "", {}, []])
def test_what_is_empty_is_left_out(empty: Any) -> None:
    given = EMPTY | {"of_the_future": empty, "assume_role_arn": "", "assume_role_kwargs": empty}
    assert taken(given) == S3Credentials()


def test_a_role_alone_shows_whose_data_it_is() -> None:
    assert taken({"assume_role_arn": ROLE}).role_arn == ROLE


@pytest.mark.parametrize(
    "parameters",
    [
        {"api_version": "2005-01-01"},
        {"of_the_future": True},
        {"config": {"s3": None}},
        {"config": ["a"]},
        "text",
    ],
)
def test_parameters_in_another_form_are_refused(parameters: Any) -> None:
    with pytest.raises(ValidationError):
        taken({"aws_client_parameters": parameters})


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
