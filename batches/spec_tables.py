"""Reads scenes from a table, a row per scene: CSV, JSONL or Parquet."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, get_origin

from prefect_toapis.batches.parquet_rows import ParquetBounds, parquet_rows
from prefect_toapis.batches.spec import MOST_SCENES, Scene
from prefect_toapis.client.local_files import length_fault
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.urls import without_queries
from prefect_toapis.client.yaml_json import Bounds, read_json

SUFFIXES = (".csv", ".jsonl", ".parquet")
BETWEEN = "|"  # separates values in a cell; never part of a URL
TABLE_BYTES = 64_000_000  # at most, of a file

_COLUMNS = 1_000  # at most
_CELLS = 10_000_000  # at most, of a CSV file
_FAULTS_SHOWN = 200
_SHOWN = 60  # characters of a column's name in a message
_PARQUET = ParquetBounds(
    rows=MOST_SCENES,
    columns=_COLUMNS,
    values=20 * MOST_SCENES,
    unpacked=256_000_000,
    characters=128_000_000,
)
_ROW = Bounds(length=1_000_000, values=10_000, characters=1_000_000)  # of JSONL
# The optional first line of a CSV file that declares its separator; not counted as a row.
_SEPARATOR = re.compile(r'"?sep=([^\w\s"]|\t)"?[ \t,;]*(?:\n|$)', re.IGNORECASE)
_LISTS = [
    name
    for name, field_info in Scene.model_fields.items()
    if get_origin(field_info.annotation) is list
]

Row = tuple[str, dict[str, Any]]


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


def _fill(table: Table, content: bytes) -> None:
    if fault := length_fault(len(content), TABLE_BYTES):
        raise ValueError(fault)
    known: set[str] = set()
    for place, row in _rows(content, table):
        given = {column: _cell(column, cell) for column, cell in row.items() if _is(cell)}
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
    found = parquet_rows(content, set(Scene.model_fields), _PARQUET)
    header = [_column(name) for name in found.columns]
    _note_doubles(header, table)
    unread = dict.fromkeys(name for name in header if name and name not in Scene.model_fields)
    for number, row in enumerate(found.rows, 1):
        yield f"row {number}", {**unread, **{_column(name): cell for name, cell in row.items()}}


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
    header = [_column(cell) for cell in next(lines, (1, []))[1]]
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
                _note_doubles([_column(name) for name in found.data], table, f"row {number}: ")
            yield f"row {number}", {_column(name): cell for name, cell in found.data.items()}
        else:
            what = 'expected an object such as {"prompt": "A dog"}'
            table.faults.append(f"{where}: {what}")


def _column(name: str) -> str:
    """Return the field that a column's name stands for, or else the name itself."""
    bare = name.strip()
    known = bare.lower()
    return known if known in Scene.model_fields else bare


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


def _cell(column: str, cell: Any) -> Any:
    if column in _LISTS and isinstance(cell, str):
        return [value.strip() for value in cell.split(BETWEEN) if value.strip()]
    return cell
