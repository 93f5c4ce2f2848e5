"""Metadata of stored objects, and capabilities of a store."""

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
    """The metadata of an object, from a HEAD request."""

    size: int
    """In bytes."""
    etag: str
    """Without quotes; its meaning depends on the store."""
    content_type: str
    metadata: Mapping[str, str] = MappingProxyType({})
    """By lower-case names."""


def as_object(answer: "HeadObjectOutputTypeDef") -> StoredObject:
    """Convert the response to a HEAD request."""
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
        raise NotS3(endpoint, "a body that is not a list of objects")
    return page.get("Contents", [])


def _as_entry(item: "ObjectTypeDef") -> tuple[str, Entry]:
    """The key of a listed object, and what the listing says of it; S3 leaves none of it out."""
    # boto3's types call all of it optional.
    fields = cast("Mapping[str, Any]", item)
    return fields["Key"], Entry(fields["Size"], fields["LastModified"])


@dataclass(frozen=True)
class StoreCapabilities:
    """The capabilities of a store, from a write probe.

    Attributes:
        conditional_create: Whether the store supports conditional writes (`If-None-Match`), so
            that `create` is safe with concurrent writers. If not, the user must run each batch
            from one process at a time.
    """

    conditional_create: bool
