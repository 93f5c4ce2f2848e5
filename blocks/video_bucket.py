"""The block that says where videos are kept, and the few operations on it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar
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
    StorageClass,
    bucket_and_prefix,
    checked_name,
    checked_tags,
    none_if_blank,
    normalised_prefix,
    put_settings,
)
from prefect_toapis.blocks.s3_client import (
    MOST_HOURS,
    RETRY_SECONDS,
    ClientOnce,
    StoreCapabilities,
    StoredObject,
    abort_unfinished,
    as_object,
    boto_errors,
    get_link,
    has_mark,
    list_objects,
    put_if_absent,
)
from prefect_toapis.blocks.s3_credentials import S3Credentials
from prefect_toapis.blocks.s3_errors import (
    GONE,
    READ,
    NotS3,
    error_code,
    translate,
)
from prefect_toapis.blocks.streaming import (
    Reader,
    WholeReads,
    async_twin,
    upload_in_thread,
)
from prefect_toapis.client.key import without_frames
from prefect_toapis.client.local_files import length_fault
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
    async twin: `aread` is `read`, in a thread.

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
        """A bucket by its URI.

        Args:
            uri: `s3://name/prefix`.
            credentials: None: boto3's own chain.

        Raises:
            ValueError: It isn't one.

        Example:
            >>> VideoBucket.from_uri("s3://studio/videos/").prefix
            'videos'
        """
        name, prefix = bucket_and_prefix(uri)
        return cls(bucket_name=name, prefix=prefix, credentials=credentials)

    @classmethod
    def from_environment(cls) -> Self | None:
        """The bucket in `TOAPIS_BUCKET=s3://name/prefix`, with boto3's own credentials.

        Returns:
            None if it is not set or empty.

        Raises:
            ValueError: It is no such URI.
        """
        uri = os.environ.get("TOAPIS_BUCKET", "").strip()
        try:
            return cls.from_uri(uri) if uri else None
        except ValueError as error:
            raise ValueError(f"TOAPIS_BUCKET: {error}") from error

    def uri(self, key: str = "") -> str:
        """Where a key is, as `s3://name/prefix/key`.

        Example:
            >>> VideoBucket(bucket_name="studio", prefix="spring").uri("a.mp4")
            's3://studio/spring/a.mp4'
        """
        return f"s3://{self.bucket_name}/{self._full(key)}".rstrip("/")

    def describe_credentials(self) -> str:
        """Which credentials are in use, without secrets."""
        return (self.credentials or S3Credentials()).describe()

    def read(self, key: str, most: int | None = None) -> bytes | None:
        """The content under a key; None if there is none.

        Args:
            key: Of the object.
            most: How long it may be, in bytes; None for any length.

        Raises:
            StoreError: Or one of its kinds, as for all operations.
            ValueError: It is longer; nothing of it was read.
        """
        with self._translated(READ, key):
            try:
                answer = self._s3.get_object(Bucket=self.bucket_name, Key=self._full(key))
                if most is not None and (fault := length_fault(answer["ContentLength"], most)):
                    answer["Body"].close()
                    raise ValueError(f"{self.uri(key)}: {fault}")
                return answer["Body"].read()
            except boto_errors() as error:
                if error_code(error) in GONE:
                    return None
                raise

    def read_part(self, key: str, start: int, stop: int) -> bytes:
        """The bytes from `start` up to, not including, `stop` of what is under a key."""
        part, whole = f"bytes={start}-{stop - 1}", self._full(key)
        with self._translated(READ, key):
            answer = self._s3.get_object(Bucket=self.bucket_name, Key=whole, Range=part)
            return answer["Body"].read()

    def signed_url(self, key: str, seconds: float) -> str:
        """A link to fetch what is under a key with, for so many seconds: 604,800 (a week) at most.

        It is signed here, without asking the store, and ends earlier where its credentials do.

        Raises:
            ValueError: S3 signs nothing for so long.
        """
        with self._translated("sign a link to", key):
            return get_link(self._s3, self.bucket_name, self._full(key), seconds)

    def load_manifest(self, batch: str) -> Manifest:
        """The manifest of a batch in the bucket. Raises as `Manifest.load`."""
        key = f"{batch}/{MANIFEST_FILE}"
        return Manifest.from_file(self.read(key), self.uri(key))

    def write(self, key: str, content: bytes, content_type: str) -> None:
        """Put content under a key, over whatever is there."""
        with self._translated("write", key):
            self._put(key, content, content_type)

    def create(
        self,
        key: str,
        content: bytes,
        content_type: str,
        retry_seconds: float = RETRY_SECONDS,
    ) -> bool:
        """Put content under a key unless there is some; False if there was.

        Safe between several writers where the store heeds `If-None-Match` (see `probe`). False
        means that something was seen under the key.

        Args:
            key: Where to.
            content: What to put there.
            content_type: Such as `application/json`.
            retry_seconds: How long to try again while the store answers that it can't say yet.

        Raises:
            StoreUnavailable: It still can't.
        """
        made = self._put_if_absent(key, content, content_type, retry_seconds)
        if made is not None:
            return made
        # The best that can be done at a store that refuses the condition: look first.
        if self.head(key):
            return False
        self.write(key, content, content_type)
        return True

    # Not `keys`: Prefect would take a model with that method for a mapping.
    def list_keys(self, prefix: str = "") -> list[str]:
        """Every key that starts with a prefix; both are relative to the block's own prefix."""
        return list(self.list_entries(prefix))

    def list_entries(self, prefix: str = "") -> dict[str, Entry]:
        """What is under every key that starts with a prefix; see `list_keys`."""
        with self._translated("list", prefix):
            found = list_objects(self._s3, self.bucket_name, self._full(prefix))
        own = len(self._full(""))
        return {key[own:]: entry for key, entry in found.items()}

    def head(self, key: str) -> StoredObject | None:
        """Size, ETag and content type of what is under a key; None if there is nothing."""
        with self._translated("look at", key):
            try:
                answer = self._s3.head_object(Bucket=self.bucket_name, Key=self._full(key))
            except boto_errors() as error:
                if error_code(error) in GONE:
                    return None
                raise
            if "ContentLength" not in answer:
                raise NotS3(self._s3.meta.endpoint_url, "an object without a length")
        return as_object(answer)

    def upload(
        self, key: str, reader: Reader, content_type: str, metadata: dict[str, str] | None = None
    ) -> None:
        """Stream a reader to a key, in parts of 5 MiB of which a few at most are in memory.

        All uploads of a bucket share the threads that send parts; less than a part needs none.

        The key shows the whole object or nothing of it.

        Args:
            key: Where to.
            reader: It need not be able to seek.
            content_type: Such as `video/mp4`.
            metadata: Kept with the object: ASCII only, 2 KB at most.

        Raises:
            StoreError: Or one of its kinds; what was uploaded so far is removed.
            BaseException: What the reader raises comes out unchanged, likewise.

        Example:
            ```python
            with open("clip.mp4", "rb") as file:
                bucket.upload("clips/clip.mp4", file, "video/mp4")
            ```
        """
        source, about = WholeReads(reader), {"Metadata": metadata or {}}
        try:
            content = source.single_part()
            if content is None:
                extra = {**self._put_settings(), "ContentType": content_type, **about}
                transfers = self._client.transfers(self.credentials)
                transfers.upload(source.as_file, self.bucket_name, self._full(key), extra).result()
            else:
                self._put(key, content, content_type, **about)
        except boto_errors() as error:
            if error is source.error:
                raise
            raise self._translate(error, "upload", key) from without_frames(error)
        except KeyError as error:
            if error is source.error:
                raise
            # boto3 misses what each of S3's answers has.
            other = NotS3(self._s3.meta.endpoint_url, f"an answer without {error}")
            raise self._translate(other, "upload", key) from error

    async def aupload(
        self, key: str, reader: Reader, content_type: str, metadata: dict[str, str] | None = None
    ) -> None:
        """As `upload`; when it is cancelled, the reader's next read fails, and nothing is left."""
        await upload_in_thread(partial(self.upload, key), reader, content_type, metadata)

    def abort_unfinished(self, prefix: str, before: datetime) -> list[str]:
        """Remove what dead processes left of uploads: the keys, with the bucket's own prefix."""
        with self._translated("abort uploads to", prefix):
            return abort_unfinished(self._s3, self.bucket_name, self._full(prefix), before)

    def probe(self) -> StoreCapabilities:
        """Prove that the bucket can be written and read, and find out what the store can do.

        Leaves a small object under the key `.prefect-toapis-probe`, and needs no right to delete.

        Raises:
            StoreMissing: There is no such bucket.
            StoreAccessRefused: The credentials are wrong or may not do this.
            StoreUnavailable: The store does not answer.
            StoreError: The configuration is no good, or what was written can't be found.
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
    ahead: ClassVar = async_twin(head)
    aabort_unfinished: ClassVar = async_twin(abort_unfinished)
    aprobe: ClassVar = async_twin(probe)

    @property
    def _s3(self) -> "S3Client":
        return self._client.get(self.credentials)

    def _full(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def _put(self, key: str, content: bytes, content_type: str, **condition: Any) -> None:
        self._s3.put_object(
            Bucket=self.bucket_name,
            Key=self._full(key),
            Body=content,
            ContentType=content_type,
            **self._put_settings(),
            **condition,
        )

    def _put_if_absent(
        self, key: str, content: bytes, content_type: str, retry_seconds: float = RETRY_SECONDS
    ) -> bool | None:
        """Whether it was put; None if the store refuses the condition."""
        call = uuid4().hex  # so that a repeated request can tell its own first one
        mark = {"call": call}
        put = partial(self._put, key, content, content_type, IfNoneMatch="*", Metadata=mark)
        with self._translated("create", key):
            is_ours = partial(has_mark, self._s3, self.bucket_name, self._full(key), call)
            return put_if_absent(put, is_ours, retry_seconds)

    def _put_settings(self) -> dict[str, Any]:
        sse = None if self.sse == "none" else self.sse
        return put_settings(sse, self.kms_key_id, self.storage_class, self.tags, self.canned_acl)

    @contextmanager
    def _translated(self, operation: str, key: str) -> Iterator[None]:
        try:
            yield
        except boto_errors() as error:  # whose frames hold signatures, and tokens
            raise self._translate(error, operation, key) from without_frames(error)

    def _translate(self, error: Exception, operation: str, key: str) -> StoreError:
        owner = self.describe_credentials()
        return translate(error, operation=operation, uri=self.uri(key), credentials=owner)
