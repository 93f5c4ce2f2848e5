"""Presigned links to objects (S3 signature version 4)."""

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MOST_HOURS = 168
"""S3's limit for links with signature version 4."""


def get_link(client: "S3Client", bucket: str, key: str, seconds: float) -> str:
    """Create a presigned link to an object.

    Args:
        client: With the credentials to sign with.
        bucket: Name of the bucket.
        key: The full key.
        seconds: Lifetime of the link.

    Raises:
        ValueError: The lifetime is out of range.
        botocore.exceptions.BotoCoreError: There are no credentials.
    """
    if not 1 <= seconds <= MOST_HOURS * 3600:
        limit = MOST_HOURS * 3600
        raise ValueError(f"{seconds:g} s: the lifetime of a link must be 1 to {limit} seconds")
    return client.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=int(seconds)
    )


def ends_with_credentials(link: str) -> bool:
    """Return whether temporary credentials signed a link, which then expires with them.

    Example:
        >>> ends_with_credentials("https://s3.example/a.mp4?X-Amz-Security-Token=t")
        True
    """
    return "X-Amz-Security-Token" in parse_qs(urlsplit(link).query)
