"""The lifecycle rule that removes incomplete multipart uploads, which are invisible but charged.

If a process dies during a multipart upload, its parts stay until a lifecycle rule of the bucket
removes them.
"""

from typing import TYPE_CHECKING, Any

from prefect_toapis.blocks.s3_client import boto_errors
from prefect_toapis.blocks.s3_credentials import S3Credentials
from prefect_toapis.blocks.s3_errors import error_code, translate
from prefect_toapis.blocks.video_bucket import VideoBucket
from prefect_toapis.errors import StoreError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DAYS = 7  # longer than any upload takes

Rule = dict[str, Any]


def aborts_uploads(rule: Rule, prefix: str) -> bool:
    """Return whether a rule removes all incomplete uploads under a prefix.

    Example:
        >>> aborts_uploads(abort_rule("videos"), "videos/spring")
        True
        >>> aborts_uploads(abort_rule("videos"), "")
        False
    """
    where: Rule = rule.get("Filter") or {"Prefix": rule.get("Prefix", "")}
    narrower = set(where) - {"Prefix"}  # tag or size filters, which don't match incomplete uploads
    covered = _folder(prefix).startswith(where.get("Prefix", ""))
    switched_on = rule.get("Status") == "Enabled" and "AbortIncompleteMultipartUpload" in rule
    return switched_on and covered and not narrower


def abort_rule(prefix: str) -> Rule:
    """Return a lifecycle rule that removes incomplete uploads under a prefix after a week."""
    return {
        "ID": f"prefect-toapis: abort unfinished uploads to {_folder(prefix) or 'the bucket'}",
        "Status": "Enabled",
        "Filter": {"Prefix": _folder(prefix)},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": DAYS},
    }


def has_abort_rule(bucket: VideoBucket) -> bool:
    """Return whether the bucket removes incomplete uploads under the block's prefix.

    Raises:
        StoreError: The bucket refuses, is unavailable, or doesn't support lifecycle rules.
    """
    return any(aborts_uploads(rule, bucket.prefix) for rule in _read(bucket))


def add_abort_rule(bucket: VideoBucket) -> None:
    """Add a rule that removes incomplete uploads under the block's prefix; other rules stay.

    Raises:
        StoreError: As for `has_abort_rule`.
    """
    rules = [*_read(bucket), abort_rule(bucket.prefix)]
    try:
        _client(bucket).put_bucket_lifecycle_configuration(
            Bucket=bucket.bucket_name,
            LifecycleConfiguration={"Rules": rules},  # type: ignore[typeddict-item]
        )
    except boto_errors() as error:
        raise _translated(error, "set lifecycle rules of", bucket) from error
    if not has_abort_rule(bucket):  # some stores misinterpret the request
        raise StoreError(f"The store of {bucket.uri()} does not support lifecycle rules")


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
