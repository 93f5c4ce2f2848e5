"""The manifest: the table of a batch with a row per output, and its construction."""

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from prefect_toapis.client.errors import Money
from prefect_toapis.client.sendable_values import too_deep
from prefect_toapis.planning.labels import is_batch_name, shot_label
from prefect_toapis.records import store
from prefect_toapis.records.documents import leads_to
from prefect_toapis.records.layout import MANIFEST_FILE, is_below
from prefect_toapis.records.stored_shots import (
    MANIFEST_VERSION,
    Bytes,
    Count,
    Measure,
)
from prefect_toapis.reports import manifest_tables

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

RowStatus = Literal["stored", "failed", "open", "planned"]


def _in_utc(value: datetime) -> datetime:
    """Interpret a time without time zone as UTC."""
    aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    try:
        aware.astimezone(timezone.utc)
    except OverflowError:
        raise ValueError("it is outside the range of dates") from None
    return aware


def _not_too_deep(value: dict[str, Any]) -> dict[str, Any]:
    if too_deep(value):
        raise ValueError("it is nested too deeply")
    return value


Credits = Annotated[float, Field(ge=0, allow_inf_nan=False)]

Time = Annotated[datetime, AfterValidator(_in_utc)]

Fields = Annotated[dict[str, Any], AfterValidator(_not_too_deep)]


class ManifestRow(BaseModel):
    """A video, or a shot without videos (yet). docs/reference/manifest.md has every column.

    Args:
        version: Of the table's schema.
        status: `stored`; `failed`: there won't be a video; `open`: there may still be a video;
            `planned`: not submitted (a dry run, or a batch that stopped before).
        in_plan: False if it belongs to an earlier plan of this batch only.
        request: The fields that were sent, except model and prompt.
        characters: Usernames of the characters that came with it (`character_create`).
        seconds: Length of the video; like `width` to `has_audio`, None if it isn't known.
        retake_of: The `shot_id` of the shot that it replaces, whose video has remarks.
        remarks: What isn't as ordered in the video, or looks defective, each with a figure.
        note: How the number of videos differs from the order.
        error: Why it isn't stored.
        reply: The first characters of a reply that could not be parsed.
        money: Whether this shot was paid; None in manifests of earlier releases.
        credits: What it cost by the user's prices; the outputs of a generation share its price.
        picked: Whether somebody picked the video.
        pick_note: What they wrote about it.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    version: Count = MANIFEST_VERSION
    batch: str
    shot_id: str
    scene: str
    variant: str
    cast: str = ""
    take: Count = 1
    retake_of: str | None = None
    status: RowStatus
    output: Count | None = None
    uri: str | None = None
    key: str | None = None
    size: Bytes | None = None
    sha256: str | None = None
    content_type: str | None = None
    thumbnail_key: str | None = None
    seconds: Measure | None = None
    width: Count | None = None
    height: Count | None = None
    fps: Measure | None = None
    codec: str | None = None
    has_audio: bool | None = None
    remarks: list[str] = []
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
    credits: Credits | None = None
    picked: bool = False
    pick_note: str | None = None

    @property
    def label(self) -> str:
        """The display label of the shot."""
        return shot_label(self.scene, self.variant, self.cast, self.take)

    @property
    def elapsed_seconds(self) -> float | None:
        """Seconds from its submission until it was stored; None if it isn't stored."""
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
    uri: str = Field(description="Of the batch: s3://bucket/prefix/batch.")
    rows: list[ManifestRow] = []
    plan: str = Field(
        default="", description="Summary of its run's plan: stored, to buy, and the cost."
    )
    spent: str = Field(
        default="",
        description="What its run spent; empty if it bought nothing, or no prices are given.",
    )

    @property
    def stored(self) -> list[ManifestRow]:
        """The videos in the bucket."""
        return self._having("stored")

    @property
    def failed(self) -> list[ManifestRow]:
        """The shots that won't have a video."""
        return self._having("failed")

    @property
    def open(self) -> list[ManifestRow]:
        """The shots that may still have a video: running the batch again resumes them."""
        return self._having("open")

    @property
    def planned(self) -> list[ManifestRow]:
        """The shots that were not submitted."""
        return self._having("planned")

    @property
    def picked(self) -> list[ManifestRow]:
        """The stored videos that somebody picked, also of earlier plans."""
        return [row for row in self.stored if row.picked]

    @property
    def remarked(self) -> list[ManifestRow]:
        """The stored videos of the plan that aren't as ordered, or look defective."""
        return [row for row in self.stored if row.in_plan and row.remarks]

    def shots(self, *statuses: RowStatus) -> int:
        """Count the shots of the plan with one of these statuses; without statuses, all shots."""
        return len(
            {
                row.shot_id
                for row in self.rows
                if row.in_plan and (not statuses or row.status in statuses)
            }
        )

    @classmethod
    def load(cls, location: str) -> "Manifest":
        """Load the manifest of a batch.

        Args:
            location: `s3://bucket/prefix/batch` (read with boto3's default credentials;
                `VideoBucket.load_manifest` uses those of a block), or a local folder, or the
                `.jsonl` or `.parquet` file itself.

        Raises:
            FileNotFoundError: It doesn't exist; a batch writes it at the end of a run.
            ValueError: It is damaged, names objects outside its batch, or was written by a later
                version of this package.
            StoreError: The store refuses the request, or is unavailable.
            ImportError: It is a Parquet file, and pyarrow isn't installed.

        Example:
            ```python
            Manifest.load("s3://studio/videos/lisbon").to_pandas()
            ```
        """
        file = location if location.endswith("://") else location.rstrip("/")
        if not file.endswith((".jsonl", ".parquet")):
            file = f"{file}/{MANIFEST_FILE}"
        return cls.from_file(store.read(file), file)

    @classmethod
    def from_file(cls, content: bytes | None, location: str) -> "Manifest":
        """Parse the manifest from the content of a file.

        Args:
            content: Of the file; None if it doesn't exist.
            location: Of the file: `s3://bucket/prefix/batch/manifest.jsonl`, or `.parquet`.

        Raises:
            FileNotFoundError: It doesn't exist.
            ValueError: As for `load`.
        """
        if content is None:
            what = f"{location} doesn't exist. A batch writes it at the end of a run."
            raise FileNotFoundError(what)
        uri = location.rpartition("/")[0]
        try:
            if location.endswith(".parquet"):
                return cls.from_parquet(content, uri=uri)
            return cls.from_jsonl(content.decode(), uri=uri)
        except ValueError as error:
            raise ValueError(f"{location}: {error}") from error

    def to_arrow(self) -> "pa.Table":
        """Convert to an Arrow table: the columns of `ManifestRow`, the request as JSON.

        Raises:
            ImportError: pyarrow isn't installed.
        """
        return manifest_tables.to_arrow(row.model_dump() for row in self.rows)

    def to_pandas(self) -> "pd.DataFrame":
        """Convert to a DataFrame with the columns of `to_arrow`.

        Raises:
            ImportError: pyarrow or pandas isn't installed.
        """
        return manifest_tables.to_pandas(row.model_dump() for row in self.rows)

    def to_polars(self) -> "pl.DataFrame":
        """Convert to a polars DataFrame with the columns of `to_arrow`.

        Raises:
            ImportError: pyarrow or polars isn't installed.

        Example:
            ```python
            manifest.to_polars().group_by("variant").agg(pl.col("size").sum())
            ```
        """
        return manifest_tables.to_polars(row.model_dump() for row in self.rows)

    def to_parquet(self) -> bytes:
        """Convert to a Parquet file with the columns of `to_arrow`.

        Raises:
            ImportError: pyarrow isn't installed.
        """
        return manifest_tables.to_parquet(row.model_dump() for row in self.rows)

    @classmethod
    def from_parquet(cls, content: bytes, *, uri: str) -> "Manifest":
        """Parse a manifest written by `to_parquet`.

        Args:
            content: Of the file.
            uri: Of the batch.

        Raises:
            ValueError: As for `load`.
            ImportError: pyarrow isn't installed.
        """
        rows = manifest_tables.rows_of_parquet(content)
        return cls._of_rows([manifest_tables.unflattened(row) for row in rows], uri)

    def to_jsonl(self) -> str:
        """Convert to JSON lines, an object per row, without nulls."""
        return "".join(f"{row.model_dump_json(exclude_none=True)}\n" for row in self.rows)

    @classmethod
    def from_jsonl(cls, text: str, *, uri: str) -> "Manifest":
        """Parse a manifest written by `to_jsonl`.

        Args:
            text: A JSON object per line.
            uri: Of the batch.

        Raises:
            ValueError: As for `load`.
        """
        try:
            # Not splitlines: JSON strings may contain other line separators, such as U+2028.
            rows = [_row(line) for line in text.split("\n") if line.strip()]
        except RecursionError:
            raise ValueError("a row is nested too deeply") from None
        return cls._of_rows(rows, uri)

    @classmethod
    def _of_rows(cls, rows: Sequence[Any], uri: str) -> "Manifest":
        found = [_known(row) for row in rows]
        manifest = cls(batch=uri.rstrip("/").rpartition("/")[2], uri=uri, rows=found)
        # A local copy may be in a folder of any name, so the rows determine the batch.
        batch = manifest.batch if "://" in uri or not found else found[0].batch
        if why := outside_of(batch, manifest):
            raise ValueError(f"{why}; run the batch again to rewrite it")
        return manifest

    def _having(self, status: RowStatus) -> list[ManifestRow]:
        return [row for row in self.rows if row.status == status]


def outside_of(batch: str, manifest: Manifest) -> str | None:
    """Return what a manifest names outside its batch; None if there is nothing.

    It is checked whenever a manifest is read, so that code that signs links, downloads or buys
    based on a manifest can rely on it.

    Args:
        batch: The name of the batch.
        manifest: To check.
    """
    for row in manifest.rows:
        if row.batch != batch or not is_batch_name(batch):
            return f"a row belongs to batch {row.batch!r}"
        keys = [key for key in (row.key, row.thumbnail_key) if key is not None]
        if outside := next((key for key in keys if not is_below(key, batch)), None):
            return f"it names {outside!r}, outside the batch"
        if row.uri is not None and not (row.key and leads_to(row.uri, row.key)):
            return f"the URI of {row.key!r} doesn't match its key"
    return None


def _row(line: str) -> Any:
    row = json.loads(line)
    if "\\u" in line:  # an unpaired surrogate couldn't be written again
        json.dumps(row, ensure_ascii=False).encode()
    return row


def _known(row: Any) -> ManifestRow:
    """Parse a row; check its version first, because that explains other faults."""
    version = row.get("version", MANIFEST_VERSION) if isinstance(row, dict) else MANIFEST_VERSION
    if isinstance(version, int) and version > MANIFEST_VERSION:
        raise ValueError(
            f"it has schema version {version}, and this release of prefect-toapis supports up to "
            f"{MANIFEST_VERSION}: install a later release"
        )
    return ManifestRow.model_validate(row)
