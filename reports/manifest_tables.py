"""The manifest as an Arrow table: the types of its columns, Parquet, pandas and polars.

pyarrow, pandas and polars are optional and imported on first use.
"""

import io
import json
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from prefect_toapis.planning.parquet_files import ParquetBounds, parquet_rows

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa


# Fixed for all batches, so that a column without values keeps its type.
COLUMNS = {
    "version": "int32",
    "batch": "string",
    "shot_id": "string",
    "scene": "string",
    "variant": "string",
    "cast": "string",
    "take": "int32",
    "retake_of": "string",
    "status": "string",
    "output": "int32",
    "uri": "string",
    "key": "string",
    "size": "int64",
    "sha256": "string",
    "content_type": "string",
    "thumbnail_key": "string",
    "seconds": "double",
    "width": "int32",
    "height": "int32",
    "fps": "double",
    "codec": "string",
    "has_audio": "bool",
    "remarks": "list<item: string>",
    "model": "string",
    "prompt": "string",
    "request": "string",
    "characters": "list<item: string>",
    "task_id": "string",
    "business_id": "string",
    "attempt": "int32",
    "submitted_at": "timestamp[us, tz=UTC]",
    "stored_at": "timestamp[us, tz=UTC]",
    "in_plan": "bool",
    "note": "string",
    "error": "string",
    "reply": "string",
    "money": "string",
    "credits": "double",
    "picked": "bool",
    "pick_note": "string",
}
_BOUNDS = ParquetBounds(
    rows=1_000_000,
    columns=1_000,
    values=50_000_000,
    unpacked=1_000_000_000,
    characters=1_000_000_000,
)
_AS_JSON = "request"  # its fields depend on the model


def has_pyarrow() -> bool:
    """Return whether Parquet is supported: the extra `tables` is installed."""
    return find_spec("pyarrow") is not None


def to_arrow(rows: Iterable[Mapping[str, Any]]) -> "pa.Table":
    """Convert rows to an Arrow table with `COLUMNS`.

    Args:
        rows: With Python types.

    Raises:
        ImportError: pyarrow isn't installed.
    """
    pa = _pyarrow()
    types = {
        "int32": pa.int32(),
        "int64": pa.int64(),
        "double": pa.float64(),
        "string": pa.string(),
        "bool": pa.bool_(),
        "list<item: string>": pa.list_(pa.string()),
        "timestamp[us, tz=UTC]": pa.timestamp("us", tz="UTC"),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
    return pa.Table.from_pylist([_flat(row) for row in rows], schema=schema)


def to_parquet(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Convert rows to a Parquet file with `COLUMNS`.

    Raises:
        ImportError: pyarrow isn't installed.
    """
    table = to_arrow(rows)
    import pyarrow.parquet as pq  # noqa: PLC0415 - optional

    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def to_pandas(rows: Iterable[Mapping[str, Any]]) -> "pd.DataFrame":
    """Convert rows to a DataFrame with `COLUMNS`; integer columns stay integer with nulls.

    Raises:
        ImportError: pyarrow or pandas isn't installed.
    """
    pa = _pyarrow()
    try:
        import pandas as pd  # noqa: PLC0415 - optional
    except ImportError as error:
        what = 'DataFrames need pandas: pip install "prefect-toapis[tables]"'
        raise ImportError(what) from error
    whole = {pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype()}
    frame: pd.DataFrame = to_arrow(rows).to_pandas(types_mapper=whole.get)
    return frame


def to_polars(rows: Iterable[Mapping[str, Any]]) -> "pl.DataFrame":
    """Convert rows to a polars DataFrame with `COLUMNS`.

    Raises:
        ImportError: pyarrow or polars isn't installed.
    """
    table = to_arrow(rows)
    try:
        import polars as pl  # noqa: PLC0415 - optional
    except ImportError as error:
        what = 'polars\' DataFrames need polars: pip install "prefect-toapis[polars]"'
        raise ImportError(what) from error
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a Series only of an array
    return frame


def rows_of_parquet(content: bytes) -> list[dict[str, Any]]:
    """Read the rows of a manifest in Parquet format.

    Raises:
        ImportError: pyarrow isn't installed.
        ValueError: It isn't a Parquet file, is damaged, or is far larger than a manifest.
    """
    return parquet_rows(content, set(COLUMNS), _BOUNDS).rows


def unflattened(row: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a row of a manifest in Parquet format back to its original form.

    Raises:
        ValueError: Its request isn't JSON.
    """
    given = {name: value for name, value in row.items() if value is not None}
    try:
        return {**given, _AS_JSON: json.loads(given.get(_AS_JSON, "{}"))}
    except (TypeError, RecursionError):
        raise ValueError(f"the {_AS_JSON} of a row is not valid JSON") from None


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, _AS_JSON: json.dumps(row[_AS_JSON], ensure_ascii=False)}


def _pyarrow() -> Any:
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional
    except ImportError as error:
        what = 'Arrow and Parquet need pyarrow: pip install "prefect-toapis[tables]"'
        raise ImportError(what) from error
    return pa
