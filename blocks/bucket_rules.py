"""S3's rules for bucket names, prefixes, tags and object settings."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote, urlencode

from prefect_toapis.client.urls import without_query

Encryption = Literal["none", "AES256", "aws:kms"]
# Archive classes are excluded: a record in an archive could not be read again.
StorageClass = Literal["STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"]
CannedACL = Literal[
    "private",
    "public-read",
    "authenticated-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
]

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_TAG = re.compile(r"[\w +=.:/@-]*")


def checked_name(name: str) -> str:
    """Check the name of a bucket.

    Raises:
        ValueError: The name is invalid.

    Example:
        >>> checked_name("studio-videos")
        'studio-videos'
    """
    if "/" in name:
        raise ValueError(
            f"{_shown(name)}: give only the bucket's name, and the folder as prefix "
            "(VideoBucket.from_uri accepts s3://name/prefix)"
        )
    if not _NAME.fullmatch(name) or ".." in name or _ADDRESS.fullmatch(name):
        raise ValueError(
            f"{_shown(name)} is not a valid bucket name: 3 to 63 lower-case letters, digits, "
            "hyphens and single dots, with a letter or digit at both ends, and not an IP address"
        )
    return name


def bucket_and_prefix(uri: str) -> tuple[str, str]:
    """Split `s3://name/prefix` into the name of a bucket and a prefix.

    Raises:
        ValueError: The URI is invalid.

    Example:
        >>> bucket_and_prefix("s3://studio/videos")
        ('studio', 'videos')
    """
    scheme, _, path = uri.strip().partition("://")
    name, _, prefix = path.partition("/")
    if scheme.lower() != "s3" or not name:
        raise ValueError(f"{_shown(uri)}: give a bucket as s3://name/prefix")
    return name, prefix


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Split `s3://bucket/key` into the name of a bucket and a key, which is taken as it is.

    Raises:
        ValueError: The URI is invalid; the message omits it.

    Example:
        >>> bucket_and_key("s3://studio/stills//tram 1+2.png")
        ('studio', 'stills//tram 1+2.png')
    """
    name, _, key = uri.removeprefix("s3://").partition("/")
    if not name or not key or key.endswith("/"):
        what = "it names no bucket" if not name else "it is a folder" if key else "it is a bucket"
        raise ValueError(f"{what}; give an object as s3://bucket/key")
    if has_dot_parts(key):
        raise ValueError("it contains a . or .. part, which S3 takes literally")
    return checked_name(name), key


def has_dot_parts(key: str) -> bool:
    """Return whether a key has a `.` or `..` part, which HTTP clients would resolve."""
    return any(part in {".", ".."} for part in key.split("/"))


def normalised_prefix(prefix: str) -> str:
    """Remove leading, trailing and repeated slashes from a prefix.

    Raises:
        ValueError: It is a URL, or contains control characters or a `.` or `..` part.

    Example:
        >>> normalised_prefix("/videos//spring/")
        'videos/spring'
    """
    if "://" in prefix:  # it may hold a password
        raise ValueError("it is a URL; give a folder of the bucket, such as videos/spring")
    if not prefix.isprintable():
        raise ValueError(f"{prefix!r} contains control characters")
    parts = [part for part in prefix.strip().split("/") if part]
    if has_dot_parts(prefix.strip()):
        raise ValueError(f"{prefix!r} contains a . or .. part, which S3 takes literally")
    return "/".join(parts)


def checked_tags(tags: dict[str, str]) -> dict[str, str]:
    """Check tags against S3's rules.

    Raises:
        ValueError: A tag is invalid, or there are too many.
    """
    if len(tags) > 10:
        raise ValueError(f"{len(tags)} tags exceed S3's limit of 10")
    for name, text in tags.items():
        if not 1 <= len(name) <= 128 or len(text) > 256:
            raise ValueError(
                f"tag {name!r}: must have 1 to 128 characters, and its value up to 256"
            )
        if not _TAG.fullmatch(name + text):
            raise ValueError(f"tag {name!r}: only letters, digits, spaces and + - = . _ : / @")
    return tags


def none_if_blank(value: Any) -> Any:
    """Return None for blank text, which forms send for empty fields; otherwise the value."""
    return None if isinstance(value, str) and not value.strip() else value


class PutSettings(NamedTuple):
    """The settings of each object that is written; None and empty are the bucket's own.

    Args:
        sse: Kind of encryption.
        kms_key_id: With `aws:kms`.
        storage_class: S3's name for it.
        tags: By name.
        acl: S3's name of a canned ACL.
    """

    sse: str | None = None
    kms_key_id: str | None = None
    storage_class: str | None = None
    tags: Mapping[str, str] = MappingProxyType({})
    acl: str | None = None

    def for_boto3(self) -> dict[str, str]:
        """Return the arguments of `put_object`, without empty ones.

        Example:
            >>> PutSettings("AES256", tags={"team": "film"}).for_boto3()
            {'ServerSideEncryption': 'AES256', 'Tagging': 'team=film'}
        """
        settings = {
            "ServerSideEncryption": self.sse,
            "SSEKMSKeyId": self.kms_key_id,
            "StorageClass": self.storage_class,
            "Tagging": urlencode(self.tags),
            "ACL": self.acl,
        }
        return {name: value for name, value in settings.items() if value}


def _shown(text: str) -> str:
    """Return an invalid name or URI for a message, or a description if it may hold a password."""
    if "@" in unquote(text):
        return "a URL with a user name"
    is_other = "://" in text and not text.strip().lower().startswith("s3://")
    return "a URL of another kind" if is_other else repr(without_query(text))
