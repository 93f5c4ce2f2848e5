"""The bucket's rule for uploads that nobody finished."""

from typing import Any

import pytest
from pydantic import SecretStr

from prefect_toapis.blocks import S3Credentials, VideoBucket
from prefect_toapis.blocks.bucket_lifecycle import (
    abort_rule,
    aborts_uploads,
    add_abort_rule,
    has_abort_rule,
)
from prefect_toapis.errors import StoreAccessRefused, StoreError, StoreMissing

ABORT = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3}}


def rule(**fields: Any) -> dict[str, Any]:
    return {"ID": "theirs", "Status": "Enabled", **fields}


@pytest.mark.parametrize(
    ("found", "prefix", "aborts"),
    [
        (abort_rule("team"), "team", True),
        (abort_rule("team"), "team/film", True),
        (abort_rule("team"), "teams", False),
        (abort_rule("team"), "", False),
        (abort_rule(""), "team", True),
        (rule(Filter={}, **ABORT), "team", True),
        (rule(Prefix="", **ABORT), "team", True),  # as rules were written before 2016
        (rule(Prefix="other/", **ABORT), "team", False),
        (rule(Filter={"Tag": {"Key": "a", "Value": "b"}}, **ABORT), "team", False),
        (rule(Filter={"Prefix": ""}, Status="Disabled", **ABORT), "team", False),
        (rule(Filter={"Prefix": ""}, Expiration={"Days": 1}), "team", False),
    ],
)
def test_a_rule_aborts_uploads_where_it_covers_the_whole_prefix(
    found: dict[str, Any], prefix: str, aborts: bool
) -> None:
    assert aborts_uploads({**rule(), **found}, prefix) is aborts


def test_the_rule_is_added_to_those_of_the_bucket(aws_bucket: VideoBucket) -> None:
    assert aws_bucket.credentials
    client = aws_bucket.credentials.get_client()
    theirs: Any = rule(Filter={"Prefix": "logs/"}, Expiration={"Days": 30})
    client.put_bucket_lifecycle_configuration(
        Bucket=aws_bucket.bucket_name, LifecycleConfiguration={"Rules": [theirs]}
    )
    assert not has_abort_rule(aws_bucket)
    add_abort_rule(aws_bucket)
    assert has_abort_rule(aws_bucket)
    kept = client.get_bucket_lifecycle_configuration(Bucket=aws_bucket.bucket_name)["Rules"]
    assert [one["ID"] for one in kept] == [
        "theirs",
        "prefect-toapis: abort unfinished uploads to team/film/",
    ]
    assert kept[0]["Expiration"] == {"Days": 30}
    assert kept[1]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


def test_a_bucket_without_rules_has_none(aws_bucket: VideoBucket) -> None:
    assert not has_abort_rule(aws_bucket)
    add_abort_rule(aws_bucket)
    assert has_abort_rule(aws_bucket)


def test_a_store_without_lifecycle_rules_says_so(bucket: VideoBucket) -> None:
    with pytest.raises(StoreError, match="lifecycle rules"):
        add_abort_rule(bucket)
    bucket.write("a", b"still there", "text/plain")
    assert bucket.read("a") == b"still there"


def test_a_missing_bucket_and_refused_keys_are_told_apart(aws_bucket: VideoBucket) -> None:
    missing = aws_bucket.model_copy(update={"bucket_name": "no-such-bucket-anywhere"})
    with pytest.raises(StoreMissing):
        has_abort_rule(missing)
    masked = S3Credentials(aws_access_key_id="a", aws_secret_access_key=SecretStr("**********"))
    with pytest.raises(StoreAccessRefused, match="masked"):
        has_abort_rule(aws_bucket.model_copy(update={"credentials": masked}))
