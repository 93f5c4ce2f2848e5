"""The block for the bucket that contains the videos, with its operations."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar
from uuid import uuid4

from prefect.blocks.core import Block
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    model_validator,
)
from typing_extensions import Self

from prefect_toapis.blocks import block_fields
from prefect_toapis.blocks.aws_credentials import as_s3_credentials
from prefect_toapis.blocks.bucket_rules import (
    CannedACL,
    Encryption,
    PutSettings,
    StorageClass,
    bucket_and_prefix,
    checked_name,
    checked_tags,
    none_if_blank,
    normalised_prefix,
)
from prefect_toapis.blocks.object_requests import ObjectRequests, StoredObject
from prefect_toapis.blocks.s3_client import (
    MOST_HOURS,
    RETRY_SECONDS,
    ClientOnce,
    StoreCapabilities,
    abort_unfinished,
    boto_errors,
    get_link,
    list_folders,
    list_objects,
    put_if_absent,
)
from prefect_toapis.blocks.s3_credentials import S3Credentials
from prefect_toapis.blocks.s3_errors import GONE, READ, NotS3, error_code, translate
from prefect_toapis.blocks.streaming import Pieces, Reader, async_twin, upload_in_thread
from prefect_toapis.client.key import without_frames
from prefect_toapis.errors import StoreError
from prefect_toapis.records.layout import MANIFEST_FILE
from prefect_toapis.records.store import Entry
from prefect_toapis.reports.manifest import Manifest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PROBE_KEY = ".prefect-toapis-probe"


class VideoBucket(Block):
    """The S3 bucket (or a folder of one) in which videos and the records of batches are kept.

    Works with AWS and S3-compatible stores. It needs permission to read, write and list under its
    prefix; nothing is ever deleted. Each operation raises `StoreError` or a subclass, and has an
    async twin: `aread` runs `read` in a thread.

    Args:
        bucket_name: The bucket's name alone.
        prefix: A folder in it; empty for the whole bucket.
        credentials: None: what boto3 finds, such as an IAM role. Or prefect-aws's AwsCredentials.
        sse: Server-side encryption; `none` leaves it to the bucket's own setting.
        kms_key_id: With `aws:kms`; empty: the account's own key for S3.
        storage_class: Empty: the store's default.
        tags: Put on each object, ten at most.
        canned_acl: Empty: none is sent, as buckets without ACLs need it.
        link_hours: How long signed links in a batch's page work; empty: none are signed.

    Example:
        ```python
        from prefect_toapis import S3Credentials, VideoBucket

        VideoBucket(
            bucket_name="studio",
            prefix="videos/spring",
            credentials=S3Credentials.load("default"),
        ).save("default")
        ```
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "Video Bucket"
    _block_type_slug = "toapis-video-bucket"
    _logo_url = block_fields.FOLDER

    bucket_name: Annotated[str, AfterValidator(checked_name)] = Field(
        title="Bucket", description="The bucket's name alone."
    )
    prefix: Annotated[str, AfterValidator(normalised_prefix)] = Field(
        default="",
        title="Folder",
        description="Everything is kept under it, such as videos/spring. Empty: the whole bucket.",
    )
    credentials: Annotated[S3Credentials | None, BeforeValidator(as_s3_credentials)] = Field(
        default=None,
        title="S3 credentials",
        description="Empty: what boto3 finds on the worker, such as its IAM role.",
    )
    sse: Encryption = Field(
        default="none",
        title="Encryption",
        description="By the store. none: as the bucket is set up; "
        "AES256: with S3's keys; aws:kms: with a KMS key.",
    )
    kms_key_id: Annotated[str | None, BeforeValidator(none_if_blank)] = Field(
        default=None,
        title="KMS key",
        description="ID or ARN, with aws:kms. Empty: the account's own key for S3.",
    )
    storage_class: Annotated[StorageClass | None, BeforeValidator(none_if_blank)] = Field(
        default=None, title="Storage class", description="Empty: the store's default."
    )
    tags: Annotated[dict[str, str], AfterValidator(checked_tags)] = Field(
        default={}, title="Tags", description='On each object, ten at most: {"team": "film"}.'
    )
    canned_acl: Annotated[CannedACL | None, BeforeValidator(none_if_blank)] = Field(
        default=None,
        title="ACL",
        description="Only for buckets that use ACLs (new ones don't). Empty: none.",
    )
    link_hours: float | None = Field(
        default=None,
        title="Hours of signed links",
        gt=0,
        le=MOST_HOURS,
        description="How long whoever has a batch's page can watch its videos, in hours: 168 at "
        "most, and less with temporary credentials. Empty: nothing is signed.",
    )

    _client: ClientOnce = PrivateAttr(default_factory=ClientOnce)

    @model_validator(mode="after")
    def _key_has_use(self) -> Self:
        if self.kms_key_id and self.sse != "aws:kms":
            raise ValueError('a KMS key is only used with sse="aws:kms"')
        return self

    @classmethod
    def from_uri(cls, uri: str, credentials: S3Credentials | None = None) -> Self:
        """Return the bucket of a URI.

        Args:
            uri: `s3://name/prefix`.
            credentials: None: boto3's default chain.

        Raises:
            ValueError: The URI is invalid.

        Example:
            >>> VideoBucket.from_uri("s3://studio/videos/").prefix
            'videos'
        """
        name, prefix = bucket_and_prefix(uri)
        checked = checked_name(name), normalised_prefix(prefix)  # pydantic's message has a header
        return cls(bucket_name=checked[0], prefix=checked[1], credentials=credentials)

    @classmethod
    def from_environment(cls) -> Self | None:
        """Return the bucket in `TOAPIS_BUCKET=s3://name/prefix`, with boto3's default chain.

        Returns:
            None if it is not set or empty.

        Raises:
            ValueError: The URI is invalid.
        """
        uri = os.environ.get("TOAPIS_BUCKET", "").strip()
        try:
            return cls.from_uri(uri) if uri else None
        except ValueError as error:
            raise ValueError(f"TOAPIS_BUCKET: {error}") from error

    def uri(self, key: str = "") -> str:
        """Return the URI of a key, as `s3://name/prefix/key`.

        Example:
            >>> VideoBucket(bucket_name="studio", prefix="spring").uri("a.mp4")
            's3://studio/spring/a.mp4'
        """
        return f"s3://{self.bucket_name}/{self._full(key)}".rstrip("/")

    def describe_credentials(self) -> str:
        """Describe the credentials in use, without secrets."""
        return (self.credentials or S3Credentials()).describe()

    def read(self, key: str, most: int | None = None) -> bytes | None:
        """Return the content of an object; None if it doesn't exist.

        Args:
            key: Of the object.
            most: Maximum length in bytes; None: unlimited.

        Raises:
            StoreError: Or a subclass, as for all operations.
            ValueError: It is longer than `most`; it was not read.
        """
        with self._translated(READ, key):
            try:
                return self._objects.get(self._full(key), most)
            except boto_errors() as error:
                if error_code(error) in GONE:
                    return None
                raise
            except ValueError as error:
                raise ValueError(f"{self.uri(key)}: {error}") from None

    def read_part(self, key: str, start: int, stop: int) -> bytes:
        """Return the bytes of an object from `start` up to, but not including, `stop`."""
        part, whole = f"bytes={start}-{stop - 1}", self._full(key)
        with self._translated(READ, key):
            answer = self._s3.get_object(Bucket=self.bucket_name, Key=whole, Range=part)
            return answer["Body"].read()

    def signed_url(self, key: str, seconds: float) -> str:
        """Return a presigned link to an object, valid for up to 604,800 seconds (a week).

        It is signed without a request to the store, and expires with temporary credentials.

        Raises:
            ValueError: The lifetime is out of range.
        """
        with self._translated("sign a link to", key):
            return get_link(self._s3, self.bucket_name, self._full(key), seconds)

    def load_manifest(self, batch: str) -> Manifest:
        """Return the manifest of a batch in the bucket. Raises like `Manifest.load`."""
        key = f"{batch}/{MANIFEST_FILE}"
        return Manifest.from_file(self.read(key), self.uri(key))

    def write(self, key: str, content: bytes, content_type: str) -> None:
        """Write an object, replacing an existing one."""
        with self._translated("write", key):
            self._objects.put(self._full(key), content, content_type)

    def create(
        self,
        key: str,
        content: bytes,
        content_type: str,
        retry_seconds: float = RETRY_SECONDS,
    ) -> bool:
        """Create an object; return False if it already exists.

        Safe with concurrent writers if the store supports conditional writes (`If-None-Match`, see
        `probe`).

        Args:
            key: Of the object.
            content: Of the object.
            content_type: Such as `application/json`.
            retry_seconds: How long to retry while the store can't decide if the key is taken.

        Raises:
            StoreUnavailable: It is still undecided.
        """
        made = self._put_if_absent(key, content, content_type, retry_seconds)
        if made is not None:
            return made
        # The store rejects the condition: check for the object first, which is not atomic.
        if self.head(key):
            return False
        self.write(key, content, content_type)
        return True

    # Not named `keys`: Prefect would treat a model with that method as a mapping.
    def list_keys(self, prefix: str = "") -> list[str]:
        """List the keys that start with a prefix; both are relative to the block's prefix."""
        return list(self.list_entries(prefix))

    def list_entries(self, prefix: str = "") -> dict[str, Entry]:
        """List size and time of the objects under a prefix, by key; see `list_keys`."""
        with self._translated("list", prefix):
            found = list_objects(self._s3, self.bucket_name, self._full(prefix))
        own = len(self._full(""))
        return {key[own:]: entry for key, entry in found.items()}

    def list_folders(self, prefix: str = "") -> list[str]:
        """List the names of the folders directly below a prefix; see `list_keys`.

        Args:
            prefix: Empty, or with a slash at the end.
        """
        with self._translated("list", prefix):
            return list_folders(self._s3, self.bucket_name, self._full(prefix))

    def head(self, key: str) -> StoredObject | None:
        """Return the metadata of an object; None if it doesn't exist."""
        with self._translated("look at", key):
            return self._found(key)

    def upload(
        self, key: str, reader: Reader, content_type: str, metadata: dict[str, str] | None = None
    ) -> None:
        """Stream a reader to a key in parts of 5 MiB, of which two are in memory.

        Data smaller than a part is sent in a single request. Partial objects are never visible.

        Args:
            key: Of the object.
            reader: Needs no support for seeking.
            content_type: Such as `video/mp4`.
            metadata: Of the object: ASCII, up to 2 KB.

        Raises:
            StoreError: Or a subclass; the incomplete upload is aborted.
            BaseException: Raised by the reader, unchanged; the incomplete upload is aborted.

        Example:
            ```python
            with open("clip.mp4", "rb") as file:
                bucket.upload("clips/clip.mp4", file, "video/mp4")
            ```
        """
        pieces, whole = Pieces(reader), self._full(key)
        try:
            with self._translated("upload", key):
                content = pieces.single_part()
                if content is None:
                    self._objects.put_parts(whole, pieces, content_type, metadata or {})
                else:
                    self._objects.put(whole, content, content_type, metadata or {})
        except BaseException as error:
            if pieces.error is None or error is pieces.error:
                raise
            raise pieces.error from None

    async def aupload(
        self, key: str, reader: Reader, content_type: str, metadata: dict[str, str] | None = None
    ) -> None:
        """Run `upload` in a thread; when cancelled, the next read fails, aborting the upload."""
        await upload_in_thread(partial(self.upload, key), reader, content_type, metadata)

    def abort_unfinished(self, prefix: str, before: datetime) -> list[str]:
        """Abort incomplete uploads that started before a time; return their full keys."""
        with self._translated("abort uploads to", prefix):
            return abort_unfinished(self._s3, self.bucket_name, self._full(prefix), before)

    def probe(self) -> StoreCapabilities:
        """Check that the bucket is writable and readable, and detect the store's capabilities.

        Leaves a small object under the key `.prefect-toapis-probe`; it needs no delete permission.

        Raises:
            StoreMissing: There is no such bucket.
            StoreAccessRefused: The credentials are invalid or lack permissions.
            StoreUnavailable: The store is unavailable.
            StoreError: The configuration is invalid, or the written object can't be found.
        """
        content = b"prefect-toapis writes this to see that it can. It may be deleted.\n"
        self.write(PROBE_KEY, content, "text/plain")
        if (found := self.read(PROBE_KEY)) is None:
            raise StoreError(f"{self.uri(PROBE_KEY)} was written, but can't be found")
        if found != content:
            with self._translated("find what was written at", PROBE_KEY):
                raise NotS3(self._s3.meta.endpoint_url, "something else than was written")
        again = self._put_if_absent(PROBE_KEY, content, "text/plain")
        return StoreCapabilities(conditional_create=again is False)

    adescribe_credentials: ClassVar = async_twin(describe_credentials)
    aread: ClassVar = async_twin(read)
    aread_part: ClassVar = async_twin(read_part)
    asigned_url: ClassVar = async_twin(signed_url)
    aload_manifest: ClassVar = async_twin(load_manifest)
    awrite: ClassVar = async_twin(write)
    acreate: ClassVar = async_twin(create)
    alist_keys: ClassVar = async_twin(list_keys)
    alist_entries: ClassVar = async_twin(list_entries)
    alist_folders: ClassVar = async_twin(list_folders)
    ahead: ClassVar = async_twin(head)
    aabort_unfinished: ClassVar = async_twin(abort_unfinished)
    aprobe: ClassVar = async_twin(probe)

    @property
    def _s3(self) -> "S3Client":
        return self._client.get(self.credentials)

    def _full(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def _found(self, key: str) -> StoredObject | None:
        try:
            return self._objects.head(self._full(key))
        except boto_errors() as error:
            if error_code(error) in GONE:
                return None
            raise

    def _put_if_absent(
        self, key: str, content: bytes, content_type: str, retry_seconds: float = RETRY_SECONDS
    ) -> bool | None:
        """Return whether the object was created; None if conditions aren't supported."""
        call = uuid4().hex  # the mark by which an object of an unclear outcome is known again

        def put() -> None:
            self._objects.create(self._full(key), content, content_type, {"call": call})

        def is_ours() -> bool | None:
            found = self._found(key)
            return None if found is None else call in found.metadata.values()

        with self._translated("create", key):
            return put_if_absent(put, is_ours, retry_seconds)

    @property
    def _objects(self) -> ObjectRequests:
        return self._client.requests(self.credentials, self.bucket_name, self._put_settings)

    @property
    def _put_settings(self) -> PutSettings:
        sse = None if self.sse == "none" else self.sse
        return PutSettings(sse, self.kms_key_id, self.storage_class, self.tags, self.canned_acl)

    @contextmanager
    def _translated(self, operation: str, key: str) -> Iterator[None]:
        try:
            yield
        except boto_errors() as error:  # its frames contain signatures and tokens
            raise self._translate(error, operation, key) from without_frames(error)

    def _translate(self, error: Exception, operation: str, key: str) -> StoreError:
        credentials = self.describe_credentials()
        return translate(error, operation=operation, uri=self.uri(key), credentials=credentials)
