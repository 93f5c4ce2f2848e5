"""Aborts incomplete multipart uploads of processes that died.

Their parts don't appear in listings of objects, but are charged for.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from prefect_toapis.blocks.s3_client import boto_errors
from prefect_toapis.blocks.s3_errors import error_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# From stores that don't support the calls; without a body, the code is the status.
_UNKNOWN = frozenset({"NotImplemented", "MethodNotAllowed", "501", "405", "404", "NoSuchUpload"})


def abort_unfinished(client: "S3Client", bucket: str, prefix: str, before: datetime) -> list[str]:
    """Abort the multipart uploads below a prefix that started before a time.

    Args:
        client: Of the store.
        bucket: Name of the bucket.
        prefix: The full prefix of the keys.
        before: Later uploads may be in progress in another process.

    Returns:
        The keys of the uploads; empty if the store doesn't list uploads.

    Raises:
        botocore.exceptions.ClientError: The store refuses.
    """
    try:
        pages = client.get_paginator("list_multipart_uploads").paginate(
            Bucket=bucket, Prefix=prefix
        )
        uploads: list[dict[str, Any]] = [
            dict(upload) for page in pages for upload in page.get("Uploads", [])
        ]
    except boto_errors() as error:
        if error_code(error) in _UNKNOWN:
            return []
        raise
    found = [
        (upload["Key"], upload["UploadId"]) for upload in uploads if upload["Initiated"] < before
    ]
    return [key for key, upload_id in found if _abort(client, bucket, key, upload_id)]


def _abort(client: "S3Client", bucket: str, key: str, upload_id: str) -> bool:
    """Abort an upload; return False if another process aborted it first."""
    try:
        client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
    except boto_errors() as error:
        if error_code(error) == "NoSuchUpload":
            return False
        raise
    return True
