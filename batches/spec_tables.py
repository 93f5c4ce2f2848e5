"""Scenes from a table: CSV, JSONL or Parquet, one row a scene."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, get_origin

from prefect_toapis.batches.manifest_tables import rows_of_parquet
from prefect_toapis.batches.spec import Scene

SUFFIXES = (".csv", ".jsonl", ".parquet")
BETWEEN = "|"  # in a cell with several values; no URL holds it

_LISTS = [name for name, one in Scene.model_fields.items() if get_origin(one.annotation) is list]

Row = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Table:
    """A table as it was read: its values aren't checked yet.

    Args:
        name: Of the file, for messages.
        rows: The scenes; cells that are empty are left out.
        places: Where each row is, as a person counts: "row 2".
        columns: As they are named, each once.
        faults: What can't be read.
    """

    name: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def is_table(name: str) -> bool:
    """Whether a file is a table, by its suffix.

    Example:
        >>> is_table("prompts.CSV"), is_table("lisbon.yaml")
        (True, False)
    """
    return name.lower().endswith(SUFFIXES)


def read_table(content: bytes, name: str) -> Table:
    r"""Read a table.

    Several values in one cell of text stand with `|` between them. Empty cells mean "not given",
    and empty rows are left out. Rows are counted as spreadsheets do: of a CSV file, the header is
    row 1; of the others, the first scene is.

    Args:
        content: UTF-8, with or without a byte order mark; or Parquet.
        name: Of the file, for messages and for its suffix: .csv, .jsonl or .parquet.

    Raises:
        ImportError: A Parquet file, and pyarrow isn't installed.

    Example:
        >>> read_table(b"name,prompt\ntram,A yellow tram\n", "prompts.csv").rows
        [{'name': 'tram', 'prompt': 'A yellow tram'}]
    """
    table = Table(name)
    suffix = name.lower().rpartition(".")[2]
    try:
        if suffix == "parquet":
            rows = _numbered(rows_of_parquet(content))
        else:
            # However the lines end, it is the same prompt, and so the same video.
            text = content.decode("utf-8-sig").replace("\r\n", "\n")
            rows = _csv_rows(text, table) if suffix == "csv" else _jsonl_rows(text, table)
        for place, row in rows:
            given = {column: _cell(column, cell) for column, cell in row.items() if _is(cell)}
            named = (one for one in row if one or one in given)  # spreadsheets pad with empty ones
            table.columns.extend(one for one in named if one not in table.columns)
            if given:
                table.rows.append(given)
                table.places.append(place)
    except UnicodeDecodeError:
        table.faults.append(f"{name}: it can't be read: it isn't in UTF-8")
    except (ValueError, csv.Error) as error:
        table.faults.append(f"{name}: it can't be read: {error}")
    return table


def _numbered(rows: list[dict[str, Any]]) -> Iterator[Row]:
    return ((f"row {number}", row) for number, row in enumerate(rows, 1))


def _csv_rows(text: str, table: Table) -> Iterator[Row]:
    first = text.partition("\n")[0]
    between = max(",;\t", key=first.count)  # spreadsheets write the one of their country
    lines = csv.reader(
        io.StringIO(text, newline=""), delimiter=between, skipinitialspace=True, strict=True
    )
    header = [cell.strip() for cell in next(lines, [])]
    table.faults.extend(
        f"{table.name}: {name!r} is the name of several columns"
        for name in dict.fromkeys(header)
        if name and header.count(name) > 1
    )
    for number, cells in enumerate(lines, 2):
        if any(map(_is, cells[len(header) :])):
            table.faults.append(
                f"{table.name}: row {number}: it has {len(cells)} cells, and the header "
                f"{len(header)}; text that holds {between!r} needs quotes around it"
            )
        else:
            yield f"row {number}", dict(zip(header, cells, strict=False))


def _jsonl_rows(text: str, table: Table) -> Iterator[Row]:
    # Not splitlines: JSON leaves other kinds of line ends, such as U+2028, in its strings.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            json.dumps(row, ensure_ascii=False).encode()  # the record must be able to hold it
        except (ValueError, RecursionError) as error:
            table.faults.append(f"{table.name}: row {number}: it can't be read: {error}")
            continue
        if isinstance(row, dict):
            yield f"row {number}", row
        else:
            what = 'it should be an object such as {"prompt": "A dog"}'
            table.faults.append(f"{table.name}: row {number}: {what}")


def _is(cell: Any) -> bool:
    """Whether something is given in a cell."""
    return cell is not None and cell != [] and not (isinstance(cell, str) and not cell.strip())


def _cell(column: str, cell: Any) -> Any:
    if column in _LISTS and isinstance(cell, str):
        return [one.strip() for one in cell.split(BETWEEN) if one.strip()]
    return cell
