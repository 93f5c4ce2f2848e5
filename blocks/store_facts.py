"""What is known of a stored object, and of the store itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from prefect_toapis.batches.store import Entry
from prefect_toapis.blocks.s3_errors import NotS3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        HeadObjectOutputTypeDef,
        ListObjectsV2OutputTypeDef,
        ObjectTypeDef,
    )


class StoredObject(NamedTuple):
    """What a HEAD tells of an object."""

    size: int
    """In bytes."""
    etag: str
    """As the store gives it, without quotes; stores differ in how they make it."""
    content_type: str
    metadata: Mapping[str, str] = MappingProxyType({})
    """By lower-case names."""


def as_object(answer: "HeadObjectOutputTypeDef") -> StoredObject:
    """What a HEAD tells, as far as it is used here."""
    return StoredObject(
        size=answer["ContentLength"],
        etag=answer.get("ETag", "").strip('"'),
        content_type=answer.get("ContentType", ""),
        # Some stores return the names in title case.
        metadata={name.lower(): text for name, text in answer.get("Metadata", {}).items()},
    )


def list_objects(client: "S3Client", bucket: str, prefix: str) -> dict[str, Entry]:
    """List every object whose key starts with a prefix.

    Args:
        client: Of the store.
        bucket: Its name.
        prefix: Of the whole keys.

    Raises:
        NotS3: The answer is not a list of objects.
        botocore.exceptions.ClientError: The store refuses.
    """
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    items = [item for page in pages for item in _contents(page, client.meta.endpoint_url)]
    return dict(map(_as_entry, items))


def _contents(page: "ListObjectsV2OutputTypeDef", endpoint: str) -> "list[ObjectTypeDef]":
    """The objects of a page; an answer that is not a list must not count as an empty bucket."""
    if not page.keys() & {"Name", "IsTruncated", "KeyCount"}:
        raise NotS3(endpoint, "what is no list of objects")
    return page.get("Contents", [])


def _as_entry(item: "ObjectTypeDef") -> tuple[str, Entry]:
    """The key of a listed object, and what the listing says of it; S3 leaves none of it out."""
    # boto3's types call all of it optional.
    fields = cast("Mapping[str, Any]", item)
    return fields["Key"], Entry(fields["Size"], fields["LastModified"])


@dataclass(frozen=True)
class StoreCapabilities:
    """What a write probe found out about a store.

    Attributes:
        conditional_create: `create` is safe between several writers. False: the store ignores
            `If-None-Match` (or refuses it), and one run per batch at a time is the user's part.
    """

    conditional_create: bool
