"""What a bucket does with uploads that nobody finished: they cost money and can't be seen.

An upload in parts that ends with its process leaves its parts behind, until a lifecycle rule of
the bucket removes them.
"""

from typing import TYPE_CHECKING, Any

from prefect_toapis.batches.errors import StoreError
from prefect_toapis.blocks.s3_client import boto_errors
from prefect_toapis.blocks.s3_credentials import S3Credentials
from prefect_toapis.blocks.s3_errors import error_code, translate
from prefect_toapis.blocks.video_bucket import VideoBucket

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DAYS = 7  # no upload of ours takes so long

Rule = dict[str, Any]


def aborts_uploads(rule: Rule, prefix: str) -> bool:
    """Whether a rule removes the unfinished uploads of everything under a prefix.

    Example:
        >>> aborts_uploads(abort_rule("videos"), "videos/spring")
        True
        >>> aborts_uploads(abort_rule("videos"), "")
        False
    """
    where: Rule = rule.get("Filter") or {"Prefix": rule.get("Prefix", "")}
    narrower = set(where) - {"Prefix"}  # by tag or size, which no upload in parts has
    covered = _folder(prefix).startswith(where.get("Prefix", ""))
    switched_on = rule.get("Status") == "Enabled" and "AbortIncompleteMultipartUpload" in rule
    return switched_on and covered and not narrower


def abort_rule(prefix: str) -> Rule:
    """A lifecycle rule that removes unfinished uploads under a prefix after a week."""
    return {
        "ID": f"prefect-toapis: abort unfinished uploads to {_folder(prefix) or 'the bucket'}",
        "Status": "Enabled",
        "Filter": {"Prefix": _folder(prefix)},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": DAYS},
    }


def has_abort_rule(bucket: VideoBucket) -> bool:
    """Whether the bucket removes unfinished uploads under the block's prefix.

    Raises:
        StoreError: The bucket refuses or does not answer, or its store has no such rules.
    """
    return any(aborts_uploads(rule, bucket.prefix) for rule in _read(bucket))


def add_abort_rule(bucket: VideoBucket) -> None:
    """Have the bucket remove unfinished uploads under the block's prefix; other rules stay.

    Raises:
        StoreError: As `has_abort_rule`.
    """
    rules = [*_read(bucket), abort_rule(bucket.prefix)]
    try:
        _client(bucket).put_bucket_lifecycle_configuration(
            Bucket=bucket.bucket_name,
            LifecycleConfiguration={"Rules": rules},  # type: ignore[typeddict-item]
        )
    except boto_errors() as error:
        raise _translated(error, "set lifecycle rules of", bucket) from error
    if not has_abort_rule(bucket):  # some stores take the request for another
        raise StoreError(f"The store behind {bucket.uri()} keeps no lifecycle rules")


def _read(bucket: VideoBucket) -> list[Rule]:
    try:
        answer = _client(bucket).get_bucket_lifecycle_configuration(Bucket=bucket.bucket_name)
    except boto_errors() as error:
        if error_code(error) == "NoSuchLifecycleConfiguration":
            return []
        raise _translated(error, "read lifecycle rules of", bucket) from error
    return [dict(rule) for rule in answer.get("Rules", [])]


def _client(bucket: VideoBucket) -> "S3Client":
    return (bucket.credentials or S3Credentials()).get_client()


def _folder(prefix: str) -> str:
    return f"{prefix}/" if prefix else ""


def _translated(error: Exception, operation: str, bucket: VideoBucket) -> StoreError:
    return translate(
        error,
        operation=operation,
        uri=bucket.uri(),
        credentials=bucket.describe_credentials(),
    )
