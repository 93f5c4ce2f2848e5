"""Reads Parquet files that may be damaged or hostile, in a separate process with limits."""

import os
import pickle
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from prefect_toapis.planning.table_cells import column_key

_MAGIC = b"PAR1"
_DAMAGED = "not a Parquet file, or damaged"
_SECONDS = 120  # for reading a file
_MEMORY = 1_000_000_000  # bytes, for pyarrow itself
_ROWS_AT_ONCE = 1000
_LONGEST_FIXED = 1000  # bytes of a value in a column of fixed length


@dataclass(frozen=True)
class ParquetBounds:
    """Limits for a Parquet file.

    Args:
        rows: Number of rows, according to its metadata.
        columns: Number of columns, including unwanted columns.
        values: Number of values in wanted columns, including nulls and list items.
        unpacked: Bytes in wanted columns, after decompression and before expanding dictionaries.
        characters: Bytes of UTF-8 in all texts, including repetitions.
    """

    rows: int
    columns: int
    values: int
    unpacked: int
    characters: int


@dataclass(frozen=True)
class ParquetTable:
    """The content of a Parquet file.

    Args:
        columns: The names of all its columns, in order.
        rows: The wanted columns of each row.
    """

    columns: list[str]
    rows: list[dict[str, Any]]


def parquet_rows(
    content: bytes, wanted: Collection[str] | None, bounds: ParquetBounds
) -> ParquetTable:
    """Read a Parquet file.

    Args:
        content: Of the file.
        wanted: The fields whose columns are read, however they are written; None for all.
        bounds: Limits, checked before values are created. The size of texts, which dictionaries
            may repeat indefinitely, is checked while reading.

    Raises:
        ImportError: pyarrow isn't installed.
        ValueError: It isn't a Parquet file, is damaged, or exceeds the bounds.
    """
    if find_spec("pyarrow") is None:
        raise ImportError('Arrow and Parquet need pyarrow: pip install "prefect-toapis[tables]"')
    if len(content) < 12 or {content[:4], content[-4:]} != {_MAGIC}:
        raise ValueError(f"{_DAMAGED}: it lacks the Parquet magic bytes")
    keys = None if wanted is None else set(map(column_key, wanted))
    asked = pickle.dumps((content, keys, bounds))
    path = os.pathsep.join(filter(None, sys.path))
    try:
        ran = subprocess.run(  # noqa: S603 - this module itself
            [sys.executable, "-c", f"from {__name__} import answer; answer()"],
            input=asked,
            capture_output=True,
            check=True,
            timeout=_SECONDS,
            env={**_without_secrets(), "PYTHONPATH": path},
        )
    except subprocess.SubprocessError:  # its text contains the whole file
        raise ValueError(f"{_DAMAGED}: the process that reads it crashed or timed out") from None
    found: ParquetTable | str = pickle.loads(ran.stdout)  # noqa: S301 - from our own process
    if isinstance(found, str):
        raise ValueError(found)  # noqa: TRY004 - the text of an error
    return found


def answer() -> None:
    """Run in the separate process: read a request from stdin, write the answer to stdout."""
    content, wanted, bounds = pickle.load(sys.stdin.buffer)  # noqa: S301 - as above
    _bound_memory(bounds)
    try:
        found: ParquetTable | str = _read(content, wanted, bounds)
    except (ValueError, MemoryError) as error:
        found = str(error) or f"{_DAMAGED}: reading it takes too much memory"
    pickle.dump(found, sys.stdout.buffer)


def _without_secrets() -> dict[str, str]:
    """Return an environment without secrets, for a process that reads untrusted files."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TOAPIS", "AWS", "PREFECT"))}
    return {**kept, "ARROW_DEFAULT_MEMORY_POOL": "system"}  # so that its memory can be limited


def _bound_memory(bounds: ParquetBounds) -> None:
    if sys.platform == "linux":  # elsewhere, only the bounds of the file apply
        import resource  # noqa: PLC0415 - not on every platform

        most = _MEMORY + 8 * (bounds.unpacked + bounds.characters)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read(content: bytes, wanted: Collection[str] | None, bounds: ParquetBounds) -> ParquetTable:
    import pyarrow as pa  # noqa: PLC0415 - optional
    import pyarrow.parquet as pq  # noqa: PLC0415 - optional

    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        names: list[str] = file.schema_arrow.names
        columns = [name for name in names if wanted is None or column_key(name) in wanted]
        texts = list(_check(file.metadata, columns, bounds))
        # Keep texts as dictionaries until their lengths are known.
        file = pq.ParquetFile(pa.BufferReader(content), read_dictionary=texts)
        batches = file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns)
        return ParquetTable(names, list(_cells(batches, bounds)))
    except (pa.ArrowException, OSError, OverflowError) as error:
        raise ValueError(f"{_DAMAGED}: {error}") from error


def _check(metadata: Any, columns: Sequence[str], bounds: ParquetBounds) -> Iterator[str]:
    """Check the bounds against the metadata, and yield the paths of text columns.

    Raises:
        ValueError: A bound is exceeded.
    """
    if metadata.num_rows > bounds.rows:
        raise ValueError(f"{metadata.num_rows:,} rows exceed the limit of {bounds.rows:,}")
    if metadata.num_columns > bounds.columns:
        count = f"{metadata.num_columns:,} columns"
        raise ValueError(f"{count} exceed the limit of {bounds.columns:,}")
    chunks = list(_chunks(metadata, columns))
    if (values := sum(chunk.num_values for chunk in chunks)) > bounds.values:
        raise ValueError(f"{values:,} values exceed the limit of {bounds.values:,}")
    if (unpacked := sum(chunk.total_uncompressed_size for chunk in chunks)) > bounds.unpacked:
        limit = f"{bounds.unpacked / 1e6:g} MB"
        raise ValueError(f"{unpacked / 1e6:.1f} MB unpacked exceed the limit of {limit}")
    for column in map(metadata.schema.column, range(metadata.num_columns)):
        if column.path.partition(".")[0] not in columns:
            continue
        if column.physical_type == "BYTE_ARRAY":
            yield column.path
        elif column.length > _LONGEST_FIXED:
            raise ValueError(
                f"values of {column.length:,} bytes exceed the limit of {_LONGEST_FIXED:,} for "
                "columns of fixed length"
            )


def _chunks(metadata: Any, columns: Sequence[str]) -> Iterator[Any]:
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for chunk in map(group.column, range(metadata.num_columns)):
            if chunk.path_in_schema.partition(".")[0] in columns:
                yield chunk


def _cells(batches: Any, bounds: ParquetBounds) -> Iterator[dict[str, Any]]:
    values = characters = 0
    for batch in batches:
        for column in batch.columns:
            count, length = _extent(column)
            values, characters = values + count, characters + length
        if values > 2 * bounds.values or characters > bounds.characters:
            raise ValueError(f"its texts exceed the limit of {bounds.characters / 1e6:g} MB")
        yield from batch.to_pylist()


def _extent(column: Any) -> tuple[int, int]:
    """Return the number of values, with lists flattened, and the bytes of texts, expanded."""
    import pyarrow as pa  # noqa: PLC0415 - optional
    import pyarrow.compute  # noqa: PLC0415 - optional

    pc: Any = pyarrow.compute
    if pa.types.is_dictionary(column.type):
        lengths = pc.take(pc.binary_length(column.dictionary), column.indices)
        return len(column), pc.sum(pc.cast(lengths, "int64")).as_py() or 0
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        count, length = _extent(column.flatten())
        return len(column) + count, length
    if pa.types.is_struct(column.type):
        inside = [_extent(field) for field in column.flatten()]
        return len(column) + sum(count for count, _ in inside), sum(length for _, length in inside)
    return len(column), column.nbytes
