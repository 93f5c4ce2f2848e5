"""Reads tables of scenes (CSV, JSONL, Parquet): a row per scene, a column per field of `Scene`."""

import csv
import io
import os
import pickle
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.local_files import length_fault
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.urls import without_queries
from prefect_toapis.client.yaml_json import Bounds, read_json
from prefect_toapis.planning.spec import MOST_SCENES, Scene
from prefect_toapis.planning.table_cells import cell_value, field_of, is_field

_MAGIC = b"PAR1"
_DAMAGED = "not a Parquet file, or damaged"
_SECONDS = 120  # for reading a file
_MEMORY = 1_000_000_000  # bytes, for pyarrow itself
_ROWS_AT_ONCE = 1000
_LONGEST_FIXED = 1000  # bytes of a value in a column of fixed length

SUFFIXES = (".csv", ".jsonl", ".parquet")
TABLE_BYTES = 64_000_000  # at most, of a file
_COLUMNS = 1_000  # at most
_CELLS = 10_000_000  # at most, of a CSV file
_FAULTS_SHOWN = 200
_SHOWN = 60  # characters of a column's name in a message
_ROW = Bounds(length=1_000_000, values=10_000, characters=1_000_000)  # of JSONL

# The optional first line of a CSV file that declares its separator; not counted as a row.
_SEPARATOR = re.compile(r'"?sep=([^\w\s"]|\t)"?[ \t,;]*(?:\n|$)', re.IGNORECASE)
Row = tuple[str, dict[str, Any]]


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
        wanted: The lower-case names of the columns to read; None for all.
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


_PARQUET = ParquetBounds(
    rows=MOST_SCENES,
    columns=_COLUMNS,
    values=20 * MOST_SCENES,
    unpacked=256_000_000,
    characters=128_000_000,
)


@dataclass(frozen=True)
class Table:
    """A parsed table whose values aren't validated yet.

    Args:
        name: Of the file, for messages.
        rows: The scenes, without empty cells.
        places: The location of each row, for messages: "row 2".
        columns: The names of the columns, each once.
        faults: Parse errors.
    """

    name: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def is_table(name: str) -> bool:
    """Return whether a file is a table, by its suffix.

    Example:
        >>> is_table("prompts.CSV"), is_table("lisbon.yaml")
        (True, False)
    """
    return name.lower().endswith(SUFFIXES)


def read_table(content: bytes, name: str) -> Table:
    r"""Parse a table.

    Multiple values in a text cell are separated by `|`. Empty cells mean "not given", and empty
    rows are skipped. Column names are case-insensitive, and surrounding whitespace is ignored.
    Rows are numbered as in spreadsheets: in CSV, the header is row 1; in other formats, the first
    scene is.

    Args:
        content: UTF-8, with or without a byte order mark; or Parquet.
        name: Of the file, for messages and for its suffix: .csv, .jsonl or .parquet.

    Raises:
        ImportError: It is a Parquet file, and pyarrow isn't installed.

    Example:
        >>> read_table(b"name,prompt\ntram,A yellow tram\n", "prompts.csv").rows
        [{'name': 'tram', 'prompt': 'A yellow tram'}]
    """
    table = Table(name)
    try:
        _fill(table, content)
    except UnicodeDecodeError:
        table.faults.append(f"{name}: it can't be read: it isn't UTF-8")
    except ValueError as error:
        table.faults.append(f"{name}: it can't be read: {error}")
    if (more := len(table.faults) - _FAULTS_SHOWN) > 0:
        table.faults[_FAULTS_SHOWN:] = [f"{name}: and {more:,} more faults"]
    return table


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
        columns = [name for name in names if wanted is None or name.strip().lower() in wanted]
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


def _fill(table: Table, content: bytes) -> None:
    if fault := length_fault(len(content), TABLE_BYTES):
        raise ValueError(fault)
    known: set[str] = set()
    for place, row in _rows(content, table):
        try:
            given = {column: cell_value(column, cell) for column, cell in row.items() if _is(cell)}
        except ValueError as error:
            table.faults.append(f"{table.name}: {place}: {error}")
            continue
        # Spreadsheets pad with columns that have no name.
        new = [column for column in row if column not in known and (column or column in given)]
        known.update(new)
        table.columns.extend(new)
        if len(known) > _COLUMNS:
            raise ValueError(f"it exceeds the limit of {_COLUMNS:,} columns")
        if given and len(table.rows) == MOST_SCENES:
            raise ValueError(f"it exceeds the limit of {MOST_SCENES:,} rows")
        if given:
            table.rows.append(given)
            table.places.append(place)


def _rows(content: bytes, table: Table) -> Iterator[Row]:
    suffix = table.name.lower().rpartition(".")[2]
    if suffix == "parquet":
        return _parquet_rows(content, table)
    # Normalise line endings, which must not change a prompt and with it a shot's identity.
    text = content.decode("utf-8-sig").replace("\r\n", "\n")
    return _csv_rows(text, table) if suffix == "csv" else _jsonl_rows(text, table)


def _parquet_rows(content: bytes, table: Table) -> Iterator[Row]:
    wanted = {name.lower() for name in (*Scene.model_fields, *Catalogue.current().fields)}
    found = parquet_rows(content, wanted, _PARQUET)
    header = [field_of(name) for name in found.columns]
    _note_doubles(header, table)
    unread = dict.fromkeys(name for name in header if name and not is_field(name))
    for number, row in enumerate(found.rows, 1):
        yield f"row {number}", {**unread, **{field_of(name): cell for name, cell in row.items()}}


def _csv_rows(text: str, table: Table) -> Iterator[Row]:
    if separator := _SEPARATOR.match(text):
        between, text = separator[1], text[separator.end() :]
    else:
        between = max(",;\t", key=text.partition("\n")[0].count)  # depends on the writer's locale
    if text.count(between) + text.count("\n") > _CELLS:
        raise ValueError(f"it exceeds the limit of {_CELLS:,} cells")
    lines = _counted(
        csv.reader(
            io.StringIO(text, newline=""), delimiter=between, skipinitialspace=True, strict=True
        )
    )
    header = [field_of(cell) for cell in next(lines, (1, []))[1]]
    _note_doubles(header, table)
    for number, cells in lines:
        if any(map(_is, cells[len(header) :])):
            table.faults.append(
                f"{table.name}: row {number}: it has {len(cells)} cells, but the header has "
                f"{len(header)}; quote texts that contain {between!r}"
            )
        else:
            yield f"row {number}", dict(zip(header, cells, strict=False))


def _counted(lines: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    number = 0
    try:
        for number, cells in enumerate(lines, 1):
            yield number, cells
    except csv.Error as error:
        raise ValueError(f"{error} (in row {number + 1})") from None


def _jsonl_rows(text: str, table: Table) -> Iterator[Row]:
    # Not splitlines: JSON strings may contain other line separators, such as U+2028.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{table.name}: row {number}"
        try:
            found = read_json(line, _ROW)
        except ValueError as error:
            table.faults.append(f"{where}: it can't be read: {error}")
            continue
        if isinstance(found.data, dict):
            table.faults.extend(f"{where}: {name.shown} is given twice" for name in found.doubles)
            if not found.doubles:
                _note_doubles([field_of(name) for name in found.data], table, f"row {number}: ")
            yield f"row {number}", {field_of(name): cell for name, cell in found.data.items()}
        else:
            what = 'expected an object such as {"prompt": "A dog"}'
            table.faults.append(f"{where}: {what}")


def _note_doubles(names: Iterable[str], table: Table, where: str = "") -> None:
    table.faults.extend(
        f"{table.name}: {where}several columns are named "
        f"{printable(without_queries(name), _SHOWN)!r}"
        for name, count in Counter(names).items()
        if name and count > 1
    )


def _is(cell: Any) -> bool:
    """Return whether a cell has a value."""
    if isinstance(cell, str):
        return bool(cell.strip())
    return cell is not None and cell != []
