"""Reads a batch from a file: YAML, JSON or a table of scenes; reports all faults together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from prefect_toapis.client.local_files import length_fault
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.urls import without_queries
from prefect_toapis.client.yaml_json import Bounds, Document, read_json, read_yaml
from prefect_toapis.planning.faults import SceneFault, merged
from prefect_toapis.planning.field_suggestions import column_faults, instead_of, lacks_prompts
from prefect_toapis.planning.file_references import (
    escapes_to_local_disk,
    foreign_files,
    joined,
    resolve_relative_paths,
)
from prefect_toapis.planning.settings import FLAT_NAMES
from prefect_toapis.planning.spec import BatchSpec, TableRows
from prefect_toapis.planning.spec_tables import (
    SUFFIXES,
    Table,
    is_table,
    read_table,
    spreadsheet_fault,
)
from prefect_toapis.planning.spec_yaml import SpecLoader, cut_texts, reading_hint
from prefect_toapis.planning.table_cells import is_field

# A scene has about 10 values. YAML takes 600 bytes of memory for each of its values.
JSON_BOUNDS = Bounds(length=32_000_000, values=3_000_000, characters=64_000_000)
YAML_BOUNDS = Bounds(length=8_000_000, values=500_000, characters=64_000_000)
# Types of validation errors for values that should be text.
_NOT_TEXT = {"string_type", "model_type", "model_attributes_type", "literal_error"}
_NAME_SHOWN = 100  # characters of a field's name, which may be anything
_MOST_FAULTS = 10_000


@dataclass(frozen=True)
class SpecFile:
    """The content of a spec file, not validated yet.

    A table is a batch of scenes with the default variant. In YAML or JSON, `scenes` may name a
    table next to the file, to combine it with variants, characters, casts and settings.

    Args:
        path: Of the file, or `s3://bucket/key`.
        data: Its sections; empty if it couldn't be parsed.
        faults: Parse errors.
        table: The source of the scenes, if they are from a table.
        hint: Returns why the value at a location was parsed as something other than text.
    """

    path: str
    data: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    table: Table | None = None
    hint: Callable[[Sequence[int | str]], str | None] = field(
        default=lambda _: None, repr=False, compare=False
    )

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The file's folder."""
        return self.path.rpartition("/")[0]

    @property
    def table_path(self) -> str | None:
        """The location of the table that `scenes` names and that isn't read yet; None if none.

        Example:
            >>> open_spec(b"scenes: prompts.csv", "s3://studio/specs/lisbon.yaml").table_path
            's3://studio/specs/prompts.csv'
        """
        scenes = self.data.get("scenes")
        if not (isinstance(scenes, str) and is_table(scenes)) or escapes_to_local_disk(
            self.folder, scenes
        ):
            return None
        return joined(self.folder, scenes)

    def with_scenes(self, table: Table) -> "SpecFile":
        """Return a copy with the scenes of a table."""
        faults = [*self.faults, *table.faults]
        return replace(self, data={**self.data, "scenes": table.rows}, faults=faults, table=table)

    def batch(self) -> tuple[BatchSpec, list[str]]:
        """Validate the file; return the batch and all faults.

        Valid parts are returned even if there are faults, so that the faults of the plan can be
        reported together with them. Relative paths are resolved against the file's folder.
        """
        data, faults = dict(self.data), list(self.faults)
        wrong: list[SceneFault] = []
        rows = TableRows()
        if self.table:
            faults += column_faults(self.table)
            wrong += self.table.row_faults
            rows = TableRows(self.table.name, tuple(self.table.numbers))
            data["scenes"] = [
                {column: cell for column, cell in row.items() if is_field(column)}
                for row in self.table.rows
            ]
        try:
            found = BatchSpec.model_validate(data)
        except ValidationError as error:
            wrong += self._value_faults(error)
            found, kept = _without(data, error)
            rows = rows.only(kept)
        faults += merged(sorted(wrong, key=lambda fault: (not fault.row, fault.row)), rows.table)
        if (more := len(faults) - _MOST_FAULTS) > 0:
            faults[_MOST_FAULTS:] = [f"{self.name}: and {more:,} more faults"]
        found = found.with_rows(rows)
        if foreign := foreign_files(found, self.folder):
            return BatchSpec(batch=found.batch, settings=found.settings), [*faults, *foreign]
        return resolve_relative_paths(found, self.folder), faults

    def _value_faults(self, error: ValidationError) -> list[SceneFault]:
        return [
            self._fault(detail)
            for detail in error.errors(include_url=False)
            if not (self.table and detail["type"] == "missing" and lacks_prompts(self.table))
        ]

    def _fault(self, error: Any) -> SceneFault:
        match error["loc"]:
            case ("scenes", int() as index, *rest) if self.table:
                text, kind = f"{_place(*rest)}: {error['msg']}", _kind(*rest)
                return SceneFault(text, row=self.table.numbers[index], kind=kind + error["msg"])
            case ("scenes",) if isinstance(self.data["scenes"], str):
                return SceneFault(f"{self.name}: scenes: {_not_a_table(self.data['scenes'])}")
        written = _as_written(error["loc"], self.data)
        hint = self.hint(written) if error["type"] in _NOT_TEXT else None
        what = _what(error)
        text = f"{self.name}: {_place(*written)}: {what}{f' ({hint})' if hint else ''}"
        return SceneFault(text, kind=_kind(*written) + what)


def open_spec(content: bytes, path: str) -> SpecFile:
    """Parse a spec file; `SpecFile.batch` validates it.

    Args:
        content: JSON, CSV, JSONL or Parquet, according to the suffix of the name, or else YAML;
            text in UTF-8.
        path: Of the file, or `s3://bucket/key`.

    Raises:
        ImportError: It is a Parquet file, and pyarrow isn't installed.

    Example:
        >>> open_spec(b"{scenes: [A dog], variant: []}", "batch.yaml").batch()[1]
        ["batch.yaml: variant: there is no such field; did you mean 'variants'?"]
    """
    spec = SpecFile(path)
    if is_table(spec.name):
        return spec.with_scenes(read_table(content, spec.name))
    if fault := spreadsheet_fault(spec.name):
        return replace(spec, faults=[f"{spec.name}: {fault}"])
    as_json = spec.name.lower().endswith(".json")
    bounds = JSON_BOUNDS if as_json else YAML_BOUNDS
    if fault := length_fault(len(content), bounds.length):
        instead = "" if as_json else "; write it as JSON, or its scenes as a table"
        return replace(spec, faults=[f"{spec.name}: {fault}{instead}"])
    try:
        text = content.decode("utf-8-sig")
        document = read_json(text, bounds) if as_json else read_yaml(text, bounds, SpecLoader)
    except ValueError as error:
        return replace(spec, faults=[f"{spec.name}: it can't be read: {error}"])
    return _checked(spec, document, text)


def _checked(spec: SpecFile, document: Document, text: str) -> SpecFile:
    """Return the file with the data of its document, and faults for probable mistakes."""
    faults, root = document.faults, document.root
    if root is not None:
        faults = [*faults, *cut_texts(root, text)]
        spec = replace(spec, hint=lambda loc: reading_hint(root, loc, text))
    spec = replace(spec, faults=[f"{spec.name}: {fault}" for fault in faults])
    if not isinstance(document.data, dict):
        what = "expected fields such as scenes: and variants:"
        return replace(spec, faults=[*spec.faults, f"{spec.name}: {what}"])
    return replace(spec, data=document.data)


def _without(data: dict[str, Any], error: ValidationError) -> tuple[BatchSpec, list[int]]:
    """Return the batch without invalid fields or, if still invalid, without their list items.

    Returns:
        The batch, and the indexes of the scenes that it has.
    """
    for fault in error.errors():
        *path, last = _as_written(fault["loc"], data)
        place: Any = data
        for step in path:
            place = _step(place, step)
        if isinstance(place, dict):
            place.pop(last, None)
    scenes = data.get("scenes")
    every = range(len(scenes)) if isinstance(scenes, list) else range(0)
    try:
        return BatchSpec.model_validate(data), list(every)
    except ValidationError as rest:
        broken = {fault["loc"][:2] for fault in rest.errors()}
    whole = {
        section: [item for place, item in enumerate(items) if (section, place) not in broken]
        for section, items in data.items()
        if isinstance(items, list)
    }
    try:
        kept = [index for index in every if ("scenes", index) not in broken]
        return BatchSpec.model_validate({**data, **whole}), kept
    except ValidationError:
        return BatchSpec(), []


def _step(place: Any, step: int | str) -> Any:
    """Follow a step of an error's location, if the data has it.

    Locations may contain steps that only exist after validation, such as roles from a mapping.
    """
    try:
        return place[step]
    except (KeyError, IndexError, TypeError):
        return place


def _as_written(loc: Sequence[int | str], data: dict[str, Any]) -> Sequence[int | str]:
    """Where an error is in the file, which may give a setting by its flat name."""
    match loc:
        case ("settings", str() as group, str() as field, *rest):
            for flat, setting in FLAT_NAMES.items():
                if setting == (group, field) and flat in data["settings"]:
                    return ("settings", flat, *rest)
    return loc


def _what(error: Any) -> str:
    if error["type"] != "extra_forbidden":
        return str(error["msg"])
    return f"there is no such field{instead_of(*error['loc'])}"


def _not_a_table(name: str) -> str:
    if spreadsheet := spreadsheet_fault(name):
        return f"{_shown(name)}: {spreadsheet}"
    return f"give a list, or the name of a table ({', '.join(SUFFIXES)}) next to it"


def _kind(*loc: int | str) -> str:
    """Return what places of the same field have in common."""
    return ".".join("" if isinstance(step, int) else step for step in loc)


def _place(*loc: int | str) -> str:
    """Format a location: `casts[0].roles[0].role`."""
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{_shown(step)}" for step in loc)
    return where.removeprefix(".")


def _shown(name: str) -> str:
    return printable(without_queries(name), _NAME_SHOWN)
