"""Setup of the bucket: a lifecycle rule, and the IAM policy of workers."""

import asyncio
from typing import Any

from prefect.client.orchestration import PrefectClient

from prefect_toapis.blocks import VideoBucket
from prefect_toapis.blocks.bucket_lifecycle import DAYS, add_abort_rule, has_abort_rule
from prefect_toapis.deployments.resources import Resource


class AbortRule(Resource[bool]):
    """The lifecycle rule that removes incomplete multipart uploads."""

    def __init__(self, bucket: VideoBucket) -> None:
        what = f"Incomplete multipart uploads are removed after {DAYS} days."
        super().__init__(f"lifecycle rule for {bucket.uri()}", True, {"created": what})
        self.bucket = bucket

    async def find(self, client: PrefectClient) -> bool | None:
        """Return True if the bucket has such a rule, or else None."""
        del client
        return await asyncio.to_thread(has_abort_rule, self.bucket) or None

    async def put(self, client: PrefectClient, wanted: bool) -> None:
        """Add it to the bucket's rules."""
        del client, wanted
        await asyncio.to_thread(add_abort_rule, self.bucket)


def worker_policy(bucket: VideoBucket) -> dict[str, Any]:
    """Return the minimal IAM policy of a worker for a bucket.

    It doesn't allow deletion. Tags, ACLs and a KMS key are included if the block uses them.

    Args:
        bucket: The bucket for the videos.

    Example:
        >>> worker_policy(VideoBucket(bucket_name="studio"))["Statement"][0]["Resource"]
        'arn:aws:s3:::studio/*'
    """
    arn = f"arn:aws:s3:::{bucket.bucket_name}"
    under = f"{bucket.prefix}/*" if bucket.prefix else "*"
    objects = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
    if bucket.tags:
        objects.append("s3:PutObjectTagging")
    if bucket.canned_acl:
        objects.append("s3:PutObjectAcl")
    listing: dict[str, Any] = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn}
    if bucket.prefix:
        # IfExists: a GET has no prefix, and without permission to list, S3 answers 403 instead of
        # 404 if the key doesn't exist.
        listing["Condition"] = {"StringLikeIfExists": {"s3:prefix": under}}
    statements = [
        {"Effect": "Allow", "Action": objects, "Resource": f"{arn}/{under}"},
        listing,
        *_key_rights(bucket.kms_key_id),
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _key_rights(key: str | None) -> list[dict[str, Any]]:
    """Return the statement for a KMS key; the AWS-managed key (None) needs none."""
    if key is None:
        return []
    rights = {"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"]}
    _, is_alias, alias = key.partition("alias/")
    if is_alias:
        condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{alias}"}}
        return [{**rights, "Resource": "*", "Condition": condition}]
    return [{**rights, "Resource": key if key.startswith("arn:") else f"arn:aws:kms:*:*:key/{key}"}]
