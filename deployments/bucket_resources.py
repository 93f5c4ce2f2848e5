"""What the bucket needs: a lifecycle rule, and a policy for those who write to it."""

import asyncio
from typing import Any

from prefect.client.orchestration import PrefectClient

from prefect_toapis.blocks import VideoBucket
from prefect_toapis.blocks.bucket_lifecycle import DAYS, add_abort_rule, has_abort_rule
from prefect_toapis.deployments.resources import Resource


class AbortRule(Resource[bool]):
    """The bucket removes uploads that nobody finished."""

    def __init__(self, bucket: VideoBucket) -> None:
        what = f"Uploads that nobody finished are removed after {DAYS} days."
        super().__init__(f"lifecycle rule for {bucket.uri()}", True, {"made": what})
        self.bucket = bucket

    async def find(self, client: PrefectClient) -> bool | None:
        """Whether there is one."""
        del client
        return await asyncio.to_thread(has_abort_rule, self.bucket) or None

    async def put(self, client: PrefectClient, wanted: bool) -> None:
        """Add it to the bucket's rules."""
        del client, wanted
        await asyncio.to_thread(add_abort_rule, self.bucket)


def worker_policy(bucket: VideoBucket) -> dict[str, Any]:
    """The IAM policy of a worker: what the code does with the bucket, and nothing else.

    Nothing is ever deleted. Tags, ACLs and a KMS key are there only where the block sets them.

    Args:
        bucket: Where the videos go.

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
        # IfExists: a GET of a key that isn't there names no prefix, and without the right to
        # list it would be answered by 403 in place of 404.
        listing["Condition"] = {"StringLikeIfExists": {"s3:prefix": under}}
    statements = [
        {"Effect": "Allow", "Action": objects, "Resource": f"{arn}/{under}"},
        listing,
        *_key_rights(bucket.kms_key_id),
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _key_rights(key: str | None) -> list[dict[str, Any]]:
    """The account's own key for S3 (None) asks for none."""
    if key is None:
        return []
    rights = {"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"]}
    _, is_alias, alias = key.partition("alias/")
    if is_alias:
        condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{alias}"}}
        return [{**rights, "Resource": "*", "Condition": condition}]
    return [{**rights, "Resource": key if key.startswith("arn:") else f"arn:aws:kms:*:*:key/{key}"}]
