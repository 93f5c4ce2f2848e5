"""The rows of a Parquet file, within bounds: a few KB of it may stand for terabytes.

They are read in a process of their own: some damaged files end the process that reads them, from
within pyarrow, and the memory of such a process can be bounded. pyarrow is optional.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

_MAGIC = b"PAR1"
_DAMAGED = "it is no Parquet file, or a damaged one"
_SECONDS = 120  # for reading a file
_MEMORY = 1_000_000_000  # bytes, for pyarrow itself
_ROWS_AT_ONCE = 1000
_LONGEST_FIXED = 1000  # bytes of a value in a column of fixed length


@dataclass(frozen=True)
class ParquetBounds:
    """What a Parquet file may hold.

    Args:
        rows: How many, by its own metadata.
        columns: How many, wanted or not.
        values: Of the wanted columns, nulls and items of lists included.
        unpacked: Of the wanted columns, in bytes, after decompression and before the texts that
            repeat are written out.
        characters: Of all their texts, in bytes of UTF-8, each as often as it stands there.
    """

    rows: int
    columns: int
    values: int
    unpacked: int
    characters: int


@dataclass(frozen=True)
class ParquetTable:
    """A Parquet file's content.

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
        wanted: The names of the columns to read, in any case; None for all.
        bounds: What it may hold. They are checked before a value is made; texts, which a
            dictionary in the file may repeat without end, as they are read.

    Raises:
        ImportError: pyarrow isn't installed.
        ValueError: It is no Parquet file, a damaged one, or beyond the bounds.
    """
    if find_spec("pyarrow") is None:
        raise ImportError('Arrow and Parquet need pyarrow: pip install "prefect-toapis[tables]"')
    if len(content) < 12 or {content[:4], content[-4:]} != {_MAGIC}:
        raise ValueError(f"{_DAMAGED}: it does not begin and end as one")
    asked = pickle.dumps((content, wanted, bounds))
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
    except subprocess.SubprocessError:  # it would show the whole file
        raise ValueError(f"{_DAMAGED}: its reader ended without an answer") from None
    found: ParquetTable | str = pickle.loads(ran.stdout)  # noqa: S301 - of our own process
    if isinstance(found, str):
        raise ValueError(found)  # noqa: TRY004 - the text of an error
    return found


def _without_secrets() -> dict[str, str]:
    """The environment of a process that reads what comes from elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TOAPIS", "AWS", "PREFECT"))}
    return {**kept, "ARROW_DEFAULT_MEMORY_POOL": "system"}  # whose memory can be bounded


def answer() -> None:
    """What the process that reads a file does: it is asked and answers by its standard streams."""
    content, wanted, bounds = pickle.load(sys.stdin.buffer)  # noqa: S301 - as above
    _bound_memory(bounds)
    try:
        found: ParquetTable | str = _read(content, wanted, bounds)
    except (ValueError, MemoryError) as error:
        found = str(error) or f"{_DAMAGED}: it takes too much memory"
    pickle.dump(found, sys.stdout.buffer)


def _bound_memory(bounds: ParquetBounds) -> None:
    if sys.platform == "linux":  # elsewhere, the bounds of the file alone hold
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
        columns = [name for name in names if wanted is None or name.strip().lower() in wanted]
        texts = list(_check(file.metadata, columns, bounds))
        # Texts stay in their dictionaries until their lengths are known.
        file = pq.ParquetFile(pa.BufferReader(content), read_dictionary=texts)
        batches = file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns)
        return ParquetTable(names, list(_rows(batches, bounds)))
    except (pa.ArrowException, OSError, OverflowError) as error:
        raise ValueError(f"{_DAMAGED}: {error}") from error


def _check(metadata: Any, columns: Sequence[str], bounds: ParquetBounds) -> Iterator[str]:
    """Raise where a file is beyond the bounds, by its metadata; the paths of its texts."""
    if metadata.num_rows > bounds.rows:
        raise ValueError(f"it has {metadata.num_rows:,} rows, and may have {bounds.rows:,}")
    if metadata.num_columns > bounds.columns:
        raise ValueError(f"it has {metadata.num_columns:,} columns, and may have {bounds.columns}")
    chunks = list(_chunks(metadata, columns))
    if (values := sum(chunk.num_values for chunk in chunks)) > bounds.values:
        raise ValueError(f"it has {values:,} values, and may have {bounds.values:,}")
    if (unpacked := sum(chunk.total_uncompressed_size for chunk in chunks)) > bounds.unpacked:
        size = f"{unpacked / 1e6:.1f} MB unpacked, and may have {bounds.unpacked / 1e6:g} MB"
        raise ValueError(f"it has {size}")
    for column in map(metadata.schema.column, range(metadata.num_columns)):
        if column.path.partition(".")[0] not in columns:
            continue
        if column.physical_type == "BYTE_ARRAY":
            yield column.path
        elif column.length > _LONGEST_FIXED:
            raise ValueError(f"a value of its has {column.length:,} bytes")


def _chunks(metadata: Any, columns: Sequence[str]) -> Iterator[Any]:
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for chunk in map(group.column, range(metadata.num_columns)):
            if chunk.path_in_schema.partition(".")[0] in columns:
                yield chunk


def _rows(batches: Any, bounds: ParquetBounds) -> Iterator[dict[str, Any]]:
    values = characters = 0
    for batch in batches:
        for column in batch.columns:
            count, length = _extent(column)
            values, characters = values + count, characters + length
        if values > 2 * bounds.values or characters > bounds.characters:
            raise ValueError(f"it holds more than {bounds.characters / 1e6:g} MB of text")
        yield from batch.to_pylist()


def _extent(column: Any) -> tuple[int, int]:
    """How many values a column has, lists opened, and how long its texts are, written out."""
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
