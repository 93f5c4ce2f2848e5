"""The cached S3 clients, and compound operations: listings, conditional creates, links."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

from prefect_toapis.blocks.bucket_rules import PutSettings
from prefect_toapis.blocks.object_requests import ObjectRequests
from prefect_toapis.blocks.object_store import RETRIES, S3Connection, bucket_region
from prefect_toapis.blocks.s3_credentials import S3Credentials
from prefect_toapis.blocks.s3_errors import NotS3, error_code, is_temporary
from prefect_toapis.records.store import Entry

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        ListObjectsV2OutputTypeDef,
        ObjectTypeDef,
    )

MOST_HOURS = 168
"""S3's limit for links with signature version 4."""

RETRY_SECONDS = 20.0
"""How long `VideoBucket.create` retries by default."""

_TAKEN = frozenset({"412", "PreconditionFailed"})
# S3 requires a retry after a 409: a concurrent request for the key is still pending.
_UNDECIDED = frozenset({*_TAKEN, "409", "ConditionalRequestConflict", "OperationAborted"})
_FIRST_PAUSE, _MAX_PAUSE = 0.1, 5.0  # seconds
# From stores that don't support the calls; without a body, the code is the status.
_UNSUPPORTED = frozenset(
    {"NotImplemented", "MethodNotAllowed", "501", "405", "404", "NoSuchUpload"}
)


class ClientOnce:
    """Creates the clients of a bucket on first use and caches them; thread-safe.

    Prefect copies, compares and pickles blocks, which clients don't support. So copies start
    without clients, and all instances are equal.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._made_with: S3Credentials | None = None
        self._connection: S3Connection | None = None
        self._requests: tuple[str, PutSettings, ObjectRequests] | None = None

    def get(self, credentials: S3Credentials | None) -> "S3Client":
        """Return boto3's client for these credentials (None: boto3's default chain).

        Raises:
            StoreAccessRefused: The secret is masked.
            botocore.exceptions.BotoCoreError: The configuration is invalid.
        """
        with self._lock:  # creating clients is not thread-safe, using them is
            return self._connected(credentials).client

    def requests(
        self, credentials: S3Credentials | None, bucket: str, settings: PutSettings
    ) -> ObjectRequests:
        """Return what reads and writes the objects of a bucket. Raises like `get`."""
        with self._lock:
            connection = self._connected(credentials)
            if self._requests is None or self._requests[:2] != (bucket, settings):
                there = _in_region_of(bucket, connection, credentials)
                self._requests = bucket, settings, ObjectRequests(there, bucket, settings)
            return self._requests[2]

    def _connected(self, credentials: S3Credentials | None) -> S3Connection:
        if self._connection is None or self._made_with is not credentials:
            self._connection = (credentials or S3Credentials()).connect()
            self._made_with = credentials
            self._requests = None
        return self._connection

    def __eq__(self, other: object) -> bool:
        """Return True for all instances: blocks are equal whether or not they were used."""
        return isinstance(other, ClientOnce)

    def __hash__(self) -> int:
        """Return the same hash for all instances."""
        return hash(ClientOnce)

    def __reduce__(self) -> tuple[type["ClientOnce"], tuple[()]]:
        """Copies and pickles start without clients."""
        return ClientOnce, ()


def boto_errors() -> tuple[type[Exception], ...]:
    """Return the errors raised by boto3 and our hook, for `except` clauses; imported lazily."""
    from boto3.exceptions import Boto3Error  # noqa: PLC0415 - 0.4 s, so only when needed
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above
    from botocore.parsers import ResponseParserError  # noqa: PLC0415 - as above

    return BotoCoreError, ClientError, Boto3Error, ResponseParserError, NotS3


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


def list_folders(client: "S3Client", bucket: str, prefix: str) -> list[str]:
    """List what keys have between a prefix and the next slash; raises like `list_objects`.

    Args:
        client: Of the store.
        bucket: Its name.
        prefix: Of the whole keys; empty, or with a slash at the end.
    """
    paginator = client.get_paginator("list_objects_v2")
    found: list[str] = []
    for page in paginator.paginate(Bucket=bucket, Prefix=prefix, Delimiter="/"):
        _contents(page, client.meta.endpoint_url)  # it is a list
        found += [
            folder["Prefix"][len(prefix) :].rstrip("/")
            for folder in page.get("CommonPrefixes", [])
            if "Prefix" in folder
        ]
    return found


@dataclass(frozen=True)
class StoreCapabilities:
    """The capabilities of a store, from a write probe.

    Attributes:
        conditional_create: Whether the store supports conditional writes (`If-None-Match`), so
            that `create` is safe with concurrent writers. If not, the user must run each batch
            from one process at a time.
    """

    conditional_create: bool


def put_if_absent(
    put: Callable[[], None], is_ours: Callable[[], bool | None], retry_seconds: float
) -> bool | None:
    """Create an object; return whether it was created, or None if conditions aren't supported.

    Args:
        put: Sends a conditional request once, with a unique mark in the object.
        is_ours: Returns whether the existing object has this mark; None if there is no object.
        retry_seconds: How long to retry while the store can't decide whether the key is taken, or
            reports it as taken although there is no object.

    Raises:
        botocore.exceptions.ClientError: It is still undecided, or was refused for another reason.
        botocore.exceptions.BotoCoreError: There was no answer, and there is no object.
    """
    pauses, failures = _pauses(retry_seconds), count(1)
    while True:
        try:
            put()
        except boto_errors() as error:  # noqa: PERF203 - a request per iteration
            code = error_code(error)
            if code == "NotImplemented":
                return None
            conflict = code in _UNDECIDED
            unclear = not conflict and is_temporary(error)  # perhaps it was carried out
            ours = is_ours() if unclear or code in _TAKEN else None
            if ours is not None:
                return ours
            again = conflict or (unclear and next(failures) <= RETRIES)
            pause = next(pauses, None) if again else None
            if pause is None:
                raise
            time.sleep(pause)
        else:
            return True


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
        if error_code(error) in _UNSUPPORTED:
            return []
        raise
    found = [
        (upload["Key"], upload["UploadId"]) for upload in uploads if upload["Initiated"] < before
    ]
    return [key for key, upload_id in found if _abort(client, bucket, key, upload_id)]


def _in_region_of(
    bucket: str, connection: S3Connection, credentials: S3Credentials | None
) -> S3Connection:
    """Return a connection to the region of a bucket; boto3's requests follow S3 there."""
    if connection.own_endpoint:
        return connection
    region = bucket_region(connection.client, bucket)
    if region in {None, connection.client.meta.region_name}:
        return connection
    return (credentials or S3Credentials()).connect(region)


def _contents(page: "ListObjectsV2OutputTypeDef", endpoint: str) -> "list[ObjectTypeDef]":
    """Return the objects of a page; a response that is not a list must not look empty."""
    if not page.keys() & {"Name", "IsTruncated", "KeyCount"}:
        raise NotS3(endpoint, "a body that is not a list of objects")
    return page.get("Contents", [])


def _as_entry(item: "ObjectTypeDef") -> tuple[str, Entry]:
    """Convert a listed object to its key and entry."""
    # S3 sends all of these fields, although boto3's types declare them as optional.
    fields = cast("Mapping[str, Any]", item)
    return fields["Key"], Entry(fields["Size"], fields["LastModified"])


def _pauses(budget: float) -> Iterator[float]:
    """Yield the seconds to wait after each try, with jitter, until the budget is spent."""
    spent, pause = 0.0, _FIRST_PAUSE
    while spent + pause <= budget:
        yield random.uniform(0.5, 1) * pause  # noqa: S311 - no secret
        spent += pause
        pause = min(2 * pause, _MAX_PAUSE)


def _abort(client: "S3Client", bucket: str, key: str, upload_id: str) -> bool:
    """Abort an upload; return False if another process aborted it first."""
    try:
        client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
    except boto_errors() as error:
        if error_code(error) == "NoSuchUpload":
            return False
        raise
    return True
