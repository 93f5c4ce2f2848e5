"""The manifest: the table of a batch, one row per output, built from the `shot.json` files."""

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from prefect_toapis.batches import manifest_tables, reading
from prefect_toapis.batches.documents import Moment, is_below, leads_to
from prefect_toapis.batches.inventory import SHOT_FILE
from prefect_toapis.batches.naming import is_batch_name, shot_label
from prefect_toapis.batches.plan import Shot
from prefect_toapis.client.errors import Money
from prefect_toapis.client.sendable import too_deep

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Raised when a column goes, or changes its type or meaning. A new column is no reason: readers
# leave out what they don't know.
MANIFEST_VERSION = 1
MANIFEST_FILE = "manifest.jsonl"
MANIFEST_PARQUET = "manifest.parquet"

# What any reader of the table can reckon with: a row may come from anywhere.
Count = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Bytes = Annotated[int, Field(ge=0, lt=2**63)]


def _in_utc(value: datetime) -> datetime:
    """A time without a zone is one in UTC."""
    aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    try:
        aware.astimezone(timezone.utc)
    except OverflowError:
        raise ValueError("it is beyond what a date can be") from None
    return aware


def _not_too_deep(value: dict[str, Any]) -> dict[str, Any]:
    if too_deep(value):
        raise ValueError("it is nested too deep")
    return value


Time = Annotated[datetime, AfterValidator(_in_utc)]
Fields = Annotated[dict[str, Any], AfterValidator(_not_too_deep)]

RowStatus = Literal["stored", "failed", "open", "planned"]


class StoredVideo(BaseModel):
    """One output, in the bucket.

    Args:
        output: 1 to `n`.
        key: Below the bucket's prefix.
        uri: `s3://...`, the whole of it.
        size: In bytes.
        sha256: Of the content, in hex.
        thumbnail_key: Of its poster: the provider's thumbnail or, where there is none and PyAV is
            installed (the extra `posters`), the video's first frame.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    output: Count
    key: str
    uri: str
    size: Bytes
    sha256: str
    content_type: str
    thumbnail_key: str | None = None


class StoredShot(BaseModel):
    """What `shot.json` holds; it is written last, so where it is, the shot is done.

    Args:
        characters: The usernames of those that came with it (`character_create`).
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    version: Count = MANIFEST_VERSION
    shot: Shot
    task_id: str
    business_id: str
    attempt: Count
    run: str | None = None
    submitted_at: Moment | None = None
    stored_at: Moment
    videos: list[StoredVideo]
    characters: list[str] = []

    def to_json(self) -> bytes:
        """What `shot.json` holds."""
        return self.model_dump_json(indent=1, exclude_none=True).encode()

    @property
    def note(self) -> str | None:
        """What isn't as ordered."""
        missing = self.shot.request.n - len(self.videos)
        if missing <= 0:
            return None
        return (
            f"{len(self.videos)} of {self.shot.request.n} ordered videos came back, {missing} "
            f"missing; `prefect-toapis reconcile {self.shot.batch}` asks for the rest"
        )


class Unstored(BaseModel):
    """Why a shot of this run is not stored.

    Args:
        status: `failed`: surely without a video; `open`: it may still become one.
        reason: What happened and what can be done.
        reply: The first characters of a reply that could not be understood.
        money: Whether it was spent; None where the status says it, see `spent_on`.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    status: Literal["failed", "open", "planned"]
    reason: str | None = None
    task_id: str | None = None
    business_id: str | None = None
    reply: str | None = None
    money: Money | None = None


class ManifestRow(BaseModel):
    """One output, or one shot that has none (yet). docs/reference/manifest.md has every column.

    Args:
        version: Of the table's schema.
        status: `stored`; `failed`, surely without a video; `open`, it may still become one;
            `planned`, not submitted (a dry run, or a batch that stopped before).
        in_plan: False: stored by an earlier plan of this batch, and not part of the latest.
        request: The request's fields as they were sent, the model and prompt apart.
        characters: The usernames of those that came with it (`character_create`).
        note: What isn't as ordered.
        error: Why it isn't stored.
        reply: The first characters of a reply of the provider that could not be understood.
        money: Whether this shot was paid; None in manifests of earlier releases.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    version: Count = MANIFEST_VERSION
    batch: str
    shot_id: str
    scene: str
    variant: str
    cast: str = ""
    take: Count = 1
    status: RowStatus
    output: Count | None = None
    uri: str | None = None
    key: str | None = None
    size: Bytes | None = None
    sha256: str | None = None
    content_type: str | None = None
    thumbnail_key: str | None = None
    model: str
    prompt: str
    request: Fields = {}
    characters: list[str] = []
    task_id: str | None = None
    business_id: str | None = None
    attempt: Count | None = None
    submitted_at: Time | None = None
    stored_at: Time | None = None
    in_plan: bool = True
    note: str | None = None
    error: str | None = None
    reply: str | None = None
    money: Money | None = None

    @property
    def label(self) -> str:
        """The shot as people see it."""
        return shot_label(self.scene, self.variant, self.cast, self.take)

    @property
    def seconds(self) -> float | None:
        """From its submission until it was stored; None where it isn't."""
        if self.submitted_at is None or self.stored_at is None:
            return None
        return (self.stored_at - self.submitted_at).total_seconds()


class Manifest(BaseModel):
    """A batch: everything needed to find, check and reproduce its videos.

    Example:
        ```python
        manifest = Manifest.load("s3://studio/videos/lisbon")
        for row in manifest.stored:
            print(row.scene, row.variant, row.uri)
        manifest.to_pandas().groupby("variant")["size"].sum()
        ```
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    version: int = MANIFEST_VERSION
    batch: str
    uri: str = Field(description="Where the batch is: s3://bucket/prefix/batch.")
    rows: list[ManifestRow] = []
    plan: str = Field(
        default="", description="Of the run that made it: what was stored, to buy, and its cost."
    )

    @property
    def stored(self) -> list[ManifestRow]:
        """The videos that are in the bucket."""
        return self._having("stored")

    @property
    def failed(self) -> list[ManifestRow]:
        """The shots that surely have no video."""
        return self._having("failed")

    @property
    def open(self) -> list[ManifestRow]:
        """The shots that may still become videos: running the batch again goes on with them."""
        return self._having("open")

    @property
    def planned(self) -> list[ManifestRow]:
        """The shots that were not submitted."""
        return self._having("planned")

    def shots(self, *statuses: RowStatus) -> int:
        """How many shots of the plan have one of these statuses; all of them for none."""
        return len(
            {
                row.shot_id
                for row in self.rows
                if row.in_plan and (not statuses or row.status in statuses)
            }
        )

    @classmethod
    def load(cls, location: str) -> "Manifest":
        """The manifest of a batch, from where the batch is.

        Args:
            location: `s3://bucket/prefix/batch` (read with what boto3 finds by itself;
                `VideoBucket.load_manifest` uses a block's credentials), or a local folder, or
                the `.jsonl` or `.parquet` file itself.

        Raises:
            FileNotFoundError: There is none; a batch writes it when a run of it ends.
            ValueError: It is damaged, names what isn't below its batch, or is of a later version
                than this package knows.
            StoreError: The store refuses, or does not answer.
            ImportError: A Parquet file, and pyarrow isn't installed.

        Example:
            ```python
            Manifest.load("s3://studio/videos/lisbon").to_pandas()
            ```
        """
        file = location.rstrip("/")
        if not file.endswith((".jsonl", ".parquet")):
            file = f"{file}/{MANIFEST_FILE}"
        return cls.from_file(reading.read(file), file)

    @classmethod
    def from_file(cls, content: bytes | None, location: str) -> "Manifest":
        """The manifest in a file that was read already.

        Args:
            content: Of the file; None if there is none.
            location: Of the file: `s3://bucket/prefix/batch/manifest.jsonl`, or `.parquet`.

        Raises:
            FileNotFoundError: There is none.
            ValueError: As for `load`.
        """
        if content is None:
            what = f"There is no {location}. A batch writes it when a run of it ends."
            raise FileNotFoundError(what)
        uri = location.rpartition("/")[0]
        try:
            if location.endswith(".parquet"):
                return cls.from_parquet(content, uri=uri)
            return cls.from_jsonl(content.decode(), uri=uri)
        except ValueError as error:
            raise ValueError(f"{location}: {error}") from error

    def to_arrow(self) -> "pa.Table":
        """An Arrow table: the columns of `ManifestRow`, the request as JSON.

        Raises:
            ImportError: pyarrow isn't installed; this holds for pandas and Parquet, too.
        """
        return manifest_tables.to_arrow(row.model_dump() for row in self.rows)

    def to_pandas(self) -> "pd.DataFrame":
        """A DataFrame with the columns of `to_arrow`."""
        return manifest_tables.to_pandas(row.model_dump() for row in self.rows)

    def to_parquet(self) -> bytes:
        """A Parquet file with the columns of `to_arrow`."""
        return manifest_tables.to_parquet(row.model_dump() for row in self.rows)

    @classmethod
    def from_parquet(cls, content: bytes, *, uri: str) -> "Manifest":
        """The manifest that `to_parquet` wrote. Raises as `from_jsonl`.

        Args:
            content: Of the file.
            uri: Where the batch is.
        """
        rows = manifest_tables.rows_of_parquet(content)
        return cls._of_rows([manifest_tables.unflattened(row) for row in rows], uri)

    def to_jsonl(self) -> str:
        """One JSON object per row and line; what is null is left out."""
        return "".join(f"{row.model_dump_json(exclude_none=True)}\n" for row in self.rows)

    @classmethod
    def from_jsonl(cls, text: str, *, uri: str) -> "Manifest":
        """The manifest that `to_jsonl` wrote.

        Args:
            text: One JSON object per line.
            uri: Where the batch is.

        Raises:
            ValueError: As for `load`.
        """
        try:
            # Not splitlines: JSON leaves other kinds of line ends, such as U+2028, in its strings.
            rows = [_row(line) for line in text.split("\n") if line.strip()]
        except RecursionError:
            raise ValueError("a row is nested too deep") from None
        return cls._of_rows(rows, uri)

    @classmethod
    def _of_rows(cls, rows: Sequence[Any], uri: str) -> "Manifest":
        found = [_known(row) for row in rows]
        manifest = cls(batch=uri.rstrip("/").rpartition("/")[2], uri=uri, rows=found)
        # A local copy may be in a folder of any name: there the rows say which batch it is.
        batch = manifest.batch if "://" in uri or not found else found[0].batch
        if why := outside_of(batch, manifest):
            raise ValueError(f"{why}; a run of the batch writes it anew")
        return manifest

    def _having(self, status: RowStatus) -> list[ManifestRow]:
        return [row for row in self.rows if row.status == status]


def outside_of(batch: str, manifest: Manifest) -> str | None:
    """What a manifest names that isn't of its batch, in words; None if it is all its own.

    Whoever signs links, fetches or buys by a manifest may rely on it: none is read that does.

    Args:
        batch: The name of the batch.
        manifest: As it was read.
    """
    for row in manifest.rows:
        if row.batch != batch or not is_batch_name(batch):
            return f"a row of it is of the batch {row.batch!r}"
        keys = [key for key in (row.key, row.thumbnail_key) if key is not None]
        if outside := next((key for key in keys if not is_below(key, batch)), None):
            return f"it names {outside!r}, outside of the batch"
        if row.uri is not None and not (row.key and leads_to(row.uri, row.key)):
            return f"the URI of {row.key!r} is not that of its key"
    return None


def _row(line: str) -> Any:
    row = json.loads(line)
    if "\\u" in line:  # half a character, which nothing can write again
        json.dumps(row, ensure_ascii=False).encode()
    return row


def _known(row: Any) -> ManifestRow:
    """A row; that its version is too new explains more than what else may be wrong with it."""
    version = row.get("version", MANIFEST_VERSION) if isinstance(row, dict) else MANIFEST_VERSION
    if isinstance(version, int) and version > MANIFEST_VERSION:
        raise ValueError(
            f"its schema is of version {version}, and this prefect-toapis knows up to "
            f"{MANIFEST_VERSION}: install a later release"
        )
    return ManifestRow.model_validate(row)


def shot_key(shot: Shot) -> str:
    """Where a shot's `shot.json` is."""
    return f"{shot.folder}/{SHOT_FILE}"
