"""Links that anybody can follow for a while, by S3's signature version 4."""

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MOST_HOURS = 168
"""S3's own limit for links signed by version 4."""


def get_link(client: "S3Client", bucket: str, key: str, seconds: float) -> str:
    """A link to an object.

    Args:
        client: Whose credentials sign.
        bucket: Its name.
        key: The whole of it.
        seconds: How long it works.

    Raises:
        ValueError: S3 signs nothing for so long.
        botocore.exceptions.BotoCoreError: There are no credentials.
    """
    if not 1 <= seconds <= MOST_HOURS * 3600:
        raise ValueError(f"{seconds:g} s: a link works for 1 to {MOST_HOURS * 3600} seconds")
    return client.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=int(seconds)
    )


def ends_with_credentials(link: str) -> bool:
    """Whether temporary credentials signed a link: it ends when they do, if that is earlier.

    Example:
        >>> ends_with_credentials("https://s3.example/a.mp4?X-Amz-Security-Token=t")
        True
    """
    return "X-Amz-Security-Token" in parse_qs(urlsplit(link).query)
