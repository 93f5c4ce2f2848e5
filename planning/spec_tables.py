"""Reads tables of scenes (CSV, JSONL, Parquet): a row per scene, a column per field of `Scene`."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.local_files import length_fault
from prefect_toapis.client.yaml_json import Bounds, read_json
from prefect_toapis.planning.faults import SceneFault, without_numbers
from prefect_toapis.planning.parquet_files import ParquetBounds, parquet_rows
from prefect_toapis.planning.spec import MOST_SCENES, Scene
from prefect_toapis.planning.table_cells import cell_value, field_of, is_field, shown_column

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
_SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers")
TABLE_BYTES = 64_000_000  # at most, of a file
_COLUMNS = 1_000  # at most
_CELLS = 10_000_000  # at most, of a CSV file
_FAULTS = 100_000  # of rows, at most
_ROW = Bounds(length=1_000_000, values=10_000, characters=1_000_000)  # of JSONL
_PARQUET = ParquetBounds(
    rows=MOST_SCENES,
    columns=_COLUMNS,
    values=20 * MOST_SCENES,
    unpacked=256_000_000,
    characters=128_000_000,
)

# The optional first line of a CSV file that declares its separator; not counted as a row.
_SEPARATOR = re.compile(r'"?sep=([^\w\s"]|\t)"?[ \t,;]*(?:[\r\n]|$)', re.IGNORECASE)
_LINE_END = re.compile(r"[\r\n]")
# In words, what Python's csv module says of quotes.
_QUOTING = {
    "unexpected end of data": "a quoted text has no closing quote",
    "expected after": 'there is text after a closing quote; double the quotes within a text: ""',
}

Row = tuple[int, dict[str, Any]]


@dataclass(frozen=True)
class Table:
    """A parsed table whose values aren't validated yet.

    Args:
        name: Of the file, for messages.
        rows: The scenes, without empty cells.
        numbers: Of each row, as a spreadsheet shows it.
        columns: The field that each column's header stands for.
        faults: What is wrong with the file as a whole.
        row_faults: What is wrong with single rows.
    """

    name: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    row_faults: list[SceneFault] = field(default_factory=list)


def is_table(name: str) -> bool:
    """Return whether a file is a table, by its suffix.

    Example:
        >>> is_table("prompts.CSV"), is_table("lisbon.yaml")
        (True, False)
    """
    return name.lower().endswith(SUFFIXES)


def spreadsheet_fault(name: str) -> str | None:
    """Return why the file of a spreadsheet program can't be read; None for other files.

    Example:
        >>> spreadsheet_fault("prompts.xlsx")
        'it is a spreadsheet; save it as CSV (UTF-8), and give that file'
    """
    if not name.lower().endswith(_SPREADSHEETS):
        return None
    return "it is a spreadsheet; save it as CSV (UTF-8), and give that file"


def read_table(content: bytes, name: str) -> Table:
    r"""Parse a table.

    Multiple values in a text cell are separated by `|`. Empty cells mean "not given", and empty
    rows are skipped. Headers may be written in any case, and with blanks or hyphens: "Image URLs"
    means `image_urls`. Rows are numbered as in spreadsheets: in CSV, the header is row 1; in other
    formats, the first scene is.

    Args:
        content: UTF-8, or UTF-16 with a byte order mark; or Parquet.
        name: Of the file, for messages and for its suffix: .csv, .tsv, .jsonl or .parquet.

    Raises:
        ImportError: It is a Parquet file, and pyarrow isn't installed.

    Example:
        >>> read_table(b"Name,Prompt\ntram,A yellow tram\n", "prompts.csv").rows
        [{'name': 'tram', 'prompt': 'A yellow tram'}]
    """
    table = Table(name)
    try:
        _fill(table, content)
    except UnicodeDecodeError:
        what = "it isn't UTF-8 text; save it as CSV UTF-8"
        table.faults.append(f"{name}: it can't be read: {what}")
    except ValueError as error:
        table.faults.append(f"{name}: it can't be read: {error}")
    return table


def _fill(table: Table, content: bytes) -> None:
    if fault := length_fault(len(content), TABLE_BYTES):
        raise ValueError(fault)
    for number, row in _rows(content, table):
        if given := _values(table, number, row):
            if len(table.rows) == MOST_SCENES:
                raise ValueError(f"it exceeds the limit of {MOST_SCENES:,} rows")
            table.rows.append(given)
            table.numbers.append(number)
        if len(table.row_faults) > _FAULTS:
            raise ValueError(f"it exceeds the limit of {_FAULTS:,} faults")


def _values(table: Table, number: int, row: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a row's cells, without the empty ones."""
    given: dict[str, Any] = {}
    for name, cell in row.items():
        if not _is(cell):
            continue
        try:
            given[name] = cell_value(name, cell)
        except ValueError as error:
            _note_measured(table, number, f"{shown_column(name)}: {error}")
    if given.pop("", None) is not None:  # spreadsheets pad with columns that have no name
        _note(table, number, "it has a cell in a column without a name")
    return given


def _rows(content: bytes, table: Table) -> Iterator[Row]:
    suffix = table.name.lower().rpartition(".")[2]
    if suffix == "parquet":
        return _parquet_rows(content, table)
    # Excel's "Unicode text" is UTF-16.
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if is_utf16 else "utf-8-sig")
    # Normalise line endings, which must not change a prompt and with it a shot's identity.
    text = text.replace("\r\n", "\n")
    if not text.strip():
        raise ValueError("it is empty")
    return _jsonl_rows(text, table) if suffix == "jsonl" else _csv_rows(text, table)


def _parquet_rows(content: bytes, table: Table) -> Iterator[Row]:
    wanted = {*Scene.model_fields, *Catalogue.current().fields}
    found = parquet_rows(content, wanted, _PARQUET)
    _name_columns(found.columns, table)
    for number, row in enumerate(found.rows, 1):
        yield number, {table.columns[name]: cell for name, cell in row.items()}


def _csv_rows(text: str, table: Table) -> Iterator[Row]:
    if separator := _SEPARATOR.match(text):
        between, text = separator[1], text[separator.end() :]
    else:  # depends on the writer's locale
        between = max(",;\t", key=_LINE_END.split(text.strip(), maxsplit=1)[0].count)
    if text.count(between) + text.count("\n") > _CELLS:
        raise ValueError(f"it exceeds the limit of {_CELLS:,} cells")
    lines = _counted(
        csv.reader(
            io.StringIO(text, newline=""), delimiter=between, skipinitialspace=True, strict=True
        )
    )
    names: list[str] | None = None
    for number, cells in lines:
        if names is None:
            if any(map(_is, cells)):
                names = _name_columns(cells, table)
        elif any(map(_is, cells[len(names) :])):
            what = f"it has {len(cells)} cells, but the header has {len(names)}"
            _note_measured(table, number, f"{what}; quote texts that contain {between!r}")
        else:
            yield number, dict(zip(names, cells, strict=False))


def _counted(lines: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    number = 0
    try:
        for number, cells in enumerate(lines, 1):
            yield number, cells
    except csv.Error as error:
        what = next((what for said, what in _QUOTING.items() if said in str(error)), error)
        raise ValueError(f"row {number + 1}: {what}") from None


def _jsonl_rows(text: str, table: Table) -> Iterator[Row]:
    # Not splitlines: JSON strings may contain other line separators, such as U+2028.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found = read_json(line, _ROW)
        except ValueError as error:
            _note_measured(table, number, f"it can't be read: {error}")
            continue
        if isinstance(found.data, dict):
            for double in found.doubles:
                _note(table, number, f"{double.shown} is given twice")
            _name_columns(found.data, table, number)
            yield number, {table.columns[name]: cell for name, cell in found.data.items()}
        else:
            _note(table, number, 'expected an object such as {"prompt": "A dog"}')


def _name_columns(headers: Iterable[str], table: Table, row: int = 0) -> list[str]:
    """Return the fields that headers stand for, and note headers that mean the same field.

    Args:
        headers: As they are written.
        table: To note them in.
        row: That has headers of its own; 0: they are those of the table.
    """
    meant: dict[str, list[str]] = {}
    names: list[str] = []
    for header in headers:
        if header not in table.columns:
            if len(table.columns) == _COLUMNS:
                raise ValueError(f"it exceeds the limit of {_COLUMNS:,} columns")
            table.columns[header] = field_of(header)
        names.append(table.columns[header])
        meant.setdefault(names[-1], []).append(repr(shown_column(header)))
    for name, (*others, last) in meant.items():
        if others and is_field(name):
            what = f"columns {', '.join(others)} and {last} mean the same field, {name}"
            if row:
                _note(table, row, what)
            else:
                table.faults.append(f"{table.name}: {what}")
    return names


def _note(table: Table, row: int, fault: str) -> None:
    table.row_faults.append(SceneFault(fault, row=row))


def _note_measured(table: Table, row: int, fault: str) -> None:
    """Note a fault that is the same in other rows except for its numbers."""
    table.row_faults.append(SceneFault(fault, row=row, kind=without_numbers(fault)))


def _is(cell: Any) -> bool:
    """Return whether a cell has a value."""
    if isinstance(cell, str):
        return bool(cell.strip())
    return cell is not None and cell != []
