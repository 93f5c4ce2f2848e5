"""Reads and writes of single objects, by obstore: the requests that a batch makes all the time.

The rest is boto3's (see `s3_client`): listings, because obstore takes any page for an empty one;
reading parts of an object, because obstore refuses what some stores answer (200 in place of 206);
links, lifecycle rules and unfinished uploads.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from prefect_toapis.blocks.bucket_rules import PutSettings, has_dot_parts
from prefect_toapis.blocks.object_store import (
    RETRIES,
    S3Connection,
    StoreOpener,
    check_not_forked,
)
from prefect_toapis.blocks.obstore_errors import as_boto_error, obstore_errors
from prefect_toapis.blocks.s3_errors import NotS3
from prefect_toapis.blocks.streaming import PART
from prefect_toapis.client.local_files import length_fault

if TYPE_CHECKING:
    from obstore import Attribute, GetResult

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
NO_METADATA: Mapping[str, str] = MappingProxyType({})


class StoredObject(NamedTuple):
    """The metadata of an object, from a HEAD request."""

    size: int
    """In bytes."""
    etag: str
    """Without quotes; its meaning depends on the store."""
    content_type: str
    metadata: Mapping[str, str] = NO_METADATA
    """By lower-case names."""


class ObjectRequests:
    """Reads and writes the objects of a bucket. Thread-safe; each method blocks its thread.

    Raises what boto3 would: `botocore.exceptions.ClientError` if the store refuses, and so on.

    Args:
        connection: boto3 decides about address, region, certificates and credentials.
        bucket: Its name.
        settings: Of each object that is written.

    Raises:
        botocore.exceptions.BotoCoreError: There are no credentials.
    """

    def __init__(self, connection: S3Connection, bucket: str, settings: PutSettings) -> None:
        self._client = connection.client
        self._bucket = bucket
        self._settings = settings
        opener = StoreOpener(connection, bucket, settings)
        self._provider = opener.provider
        acl = {"x-amz-acl": settings.acl} if settings.acl else {}
        self._reading = opener.open(RETRIES, {})
        self._writing = opener.open(RETRIES, acl) if acl else self._reading
        # After an unclear outcome, the caller looks for its object before it tries again.
        self._creating = opener.open(0, acl)

    def get(self, key: str, most: int | None = None) -> bytes:
        """Return the content of an object.

        Args:
            key: The whole of it.
            most: Maximum length in bytes; None: unlimited.

        Raises:
            ValueError: It is longer than `most`; it was not read.
        """
        if not _is_plain(key):
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            _check_length(answer["ContentLength"], most)
            return answer["Body"].read()
        with self._requesting("GetObject", key):
            found = self._checked(self._reading.get(key))
            _check_length(found.meta["size"], most)
            return bytes(found.bytes())

    def head(self, key: str) -> StoredObject:
        """Return the metadata of an object."""
        if not _is_plain(key):
            answer = self._client.head_object(Bucket=self._bucket, Key=key)
            etag, kind = answer.get("ETag", ""), answer.get("ContentType", "")
            return _described(answer["ContentLength"], etag, kind, answer.get("Metadata", {}))
        with self._requesting("HeadObject", key):
            found = self._checked(self._reading.get(key, options={"head": True}))
        metadata = {str(name): text for name, text in found.attributes.items()}
        kind = metadata.pop("Content-Type", "")
        return _described(found.meta["size"], found.meta["e_tag"] or "", kind, metadata)

    def put(
        self,
        key: str,
        content: bytes,
        content_type: str,
        metadata: Mapping[str, str] = NO_METADATA,
    ) -> None:
        """Write an object in a single request, replacing an existing one."""
        if not _is_plain(key):
            place: dict[str, Any] = {"Bucket": self._bucket, "Key": key}
            settings: dict[str, Any] = {**self._settings.for_boto3(), "Metadata": dict(metadata)}
            self._client.put_object(**place, Body=content, ContentType=content_type, **settings)
            return
        attributes = self._attributes(key, content_type, metadata)
        with self._requesting("PutObject", key):
            self._writing.put(
                key, content, attributes=attributes, tags=self._tags, use_multipart=False
            )

    def put_parts(
        self, key: str, pieces: Iterable[bytes], content_type: str, metadata: Mapping[str, str]
    ) -> None:
        """Write an object in parts: one is filled while another is sent.

        Args:
            key: The whole of it.
            pieces: Of any length. If they raise, the upload is aborted.
            content_type: Such as `video/mp4`.
            metadata: Of the object.
        """
        attributes = self._attributes(key, content_type, metadata)
        with self._requesting("UploadPart", key):
            self._writing.put(
                key,
                iter(pieces),
                attributes=attributes,
                tags=self._tags,
                use_multipart=True,
                chunk_size=PART,
                max_concurrency=1,
            )

    def create(
        self, key: str, content: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        """Write an object unless it exists (`If-None-Match`). The request is sent once."""
        attributes = self._attributes(key, content_type, metadata)
        with self._requesting("PutObject", key):
            self._creating.put(
                key,
                content,
                attributes=attributes,
                tags=self._tags,
                mode="create",
                use_multipart=False,
            )

    def _attributes(
        self, key: str, content_type: str, metadata: Mapping[str, str]
    ) -> "dict[Attribute, str]":
        _check_names(key, metadata)
        attributes: dict[Attribute, str] = {**metadata, "Content-Type": content_type}
        if self._settings.storage_class:
            attributes["Storage-Class"] = self._settings.storage_class
        return attributes

    @property
    def _tags(self) -> dict[str, str] | None:
        return dict(self._settings.tags) or None

    def _checked(self, found: "GetResult") -> "GetResult":
        """Return a result, unless it is a page: S3 gives each object an ETag."""
        if not found.meta["e_tag"]:
            raise NotS3(self._client.meta.endpoint_url, "a page or an object without an ETag")
        return found

    @contextmanager
    def _requesting(self, operation: str, key: str) -> Iterator[None]:
        """Raise boto3's errors in place of obstore's."""
        check_not_forked()
        try:
            yield
        except obstore_errors() as error:
            found = as_boto_error(error, operation, self._client.meta.endpoint_url)
            if isinstance(found, NotS3):
                found = self._named_page(key) or found
            raise self._provider.error or found from None  # obstore's text may have a traceback

    def _named_page(self, key: str) -> NotS3 | None:
        """Ask for an object by boto3, which knows where a redirect leads and the type of a page."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - 0.4 s, so only when needed

        try:
            self._client.get_object(Bucket=self._bucket, Key=key, Range="bytes=0-0")
        except NotS3 as error:
            return error
        except (BotoCoreError, ClientError):  # only the reply that was first matters
            return None
        return None


def _is_plain(key: str) -> bool:
    """Return whether obstore takes a key as it is; it has no name for others, such as `a//b`."""
    return not (_CONTROL.search(key) or "" in key.split("/") or has_dot_parts(key))


def _check_names(key: str, metadata: Mapping[str, str]) -> None:
    from botocore.exceptions import ParamValidationError  # noqa: PLC0415 - 0.4 s, so only when needed

    if not _is_plain(key):
        raise ParamValidationError(report="the key has empty parts or control characters")
    if not all((name + text).isascii() for name, text in metadata.items()):
        raise ParamValidationError(report="S3's metadata can only contain ASCII characters")


def _check_length(length: int, most: int | None) -> None:
    if most is not None and (fault := length_fault(length, most)):
        raise ValueError(fault)


def _described(size: int, etag: str, kind: str, metadata: Mapping[str, str]) -> StoredObject:
    # Some stores return the names in title case.
    named = {name.lower(): text for name, text in metadata.items()}
    return StoredObject(size, etag.strip('"'), kind, named)
