"""The IAM policy of a worker."""

from typing import Any

import pytest

from prefect_toapis import VideoBucket
from prefect_toapis.deployments.bucket_resources import worker_policy

ALWAYS = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
KEY = "0f6b2d8e-0000-4000-8000-000000000000"


def statements(**fields: Any) -> list[dict[str, Any]]:
    policy = worker_policy(VideoBucket(bucket_name="studio", **fields))
    assert policy["Version"] == "2012-10-17"
    found: list[dict[str, Any]] = policy["Statement"]
    assert all(one["Effect"] == "Allow" for one in found)
    return found


def test_a_whole_bucket_is_read_written_and_listed_and_nothing_is_deleted() -> None:
    objects, listing = statements()
    assert (objects["Action"], objects["Resource"]) == (ALWAYS, "arn:aws:s3:::studio/*")
    assert (listing["Action"], listing["Resource"]) == ("s3:ListBucket", "arn:aws:s3:::studio")
    assert "Condition" not in listing


def test_a_folder_is_all_that_can_be_touched() -> None:
    objects, listing = statements(prefix="videos/spring")
    assert objects["Resource"] == "arn:aws:s3:::studio/videos/spring/*"
    assert listing["Condition"] == {"StringLikeIfExists": {"s3:prefix": "videos/spring/*"}}


@pytest.mark.parametrize(
    ("fields", "more"),
    [
        ({"tags": {"team": "film"}}, "s3:PutObjectTagging"),
        ({"canned_acl": "bucket-owner-full-control"}, "s3:PutObjectAcl"),
    ],
)
def test_tags_and_acls_need_rights_of_their_own(fields: dict[str, Any], more: str) -> None:
    assert statements(**fields)[0]["Action"] == [*ALWAYS, more]


@pytest.mark.parametrize(
    ("key", "resource"),
    [
        (f"arn:aws:kms:eu-central-1:1:key/{KEY}", f"arn:aws:kms:eu-central-1:1:key/{KEY}"),
        (KEY, f"arn:aws:kms:*:*:key/{KEY}"),
        ("alias/videos", "*"),
    ],
)
def test_a_kms_key_needs_rights_of_its_own(key: str, resource: str) -> None:
    *_, rights = statements(sse="aws:kms", kms_key_id=key)
    assert rights["Action"] == ["kms:GenerateDataKey", "kms:Decrypt"]
    assert rights["Resource"] == resource
    aliases = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/videos"}}
    assert rights.get("Condition") == (aliases if "alias" in key else None)


def test_the_account_s_own_key_needs_no_rights() -> None:
    assert len(statements(sse="aws:kms")) == 2
