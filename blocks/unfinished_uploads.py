"""Multipart uploads that nobody will finish: a process died in the middle of them.

Their parts are in no listing of objects, and are paid for.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from prefect_toapis.blocks.s3_client import boto_errors
from prefect_toapis.blocks.s3_errors import error_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Of stores that don't know the calls; a HEAD-like answer has its status for a code.
_UNKNOWN = frozenset({"NotImplemented", "MethodNotAllowed", "501", "405", "404", "NoSuchUpload"})


def abort_unfinished(client: "S3Client", bucket: str, prefix: str, before: datetime) -> list[str]:
    """Abort the multipart uploads below a prefix that began before a moment.

    Args:
        client: Of the store.
        bucket: Its name.
        prefix: Of the keys, the whole of it.
        before: A younger one may be under way in another process.

    Returns:
        The keys they were for; none where the store doesn't list uploads.

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
    """Whether it was there to be aborted: another process may have been quicker."""
    try:
        client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
    except boto_errors() as error:
        if error_code(error) == "NoSuchUpload":
            return False
        raise
    return True
