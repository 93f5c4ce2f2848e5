"""Reads a batch from a file: YAML, JSON or a table of scenes; reports all faults together."""

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.local_files import length_fault
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.request_fields import is_model_field
from prefect_toapis.client.urls import without_queries
from prefect_toapis.client.yaml_json import Bounds, Document, read_json, read_yaml
from prefect_toapis.planning.file_references import (
    escapes_to_local_disk,
    foreign_files,
    joined,
    resolve_relative_paths,
)
from prefect_toapis.planning.pricing import Price
from prefect_toapis.planning.settings import (
    FLAT_NAMES,
    LimitSettings,
    PollingSettings,
    PurchaseSettings,
    RetrySettings,
    RunSettings,
    ShardSettings,
    WebhookSettings,
)
from prefect_toapis.planning.spec import BatchSpec, Cast, Character, Role, Scene, Variant
from prefect_toapis.planning.spec_tables import SUFFIXES, Table, is_table, read_table
from prefect_toapis.planning.spec_yaml import SpecLoader, cut_texts, reading_hint
from prefect_toapis.planning.table_cells import is_field

_SECTIONS: dict[str, type[BaseModel]] = {
    "scenes": Scene,
    "variants": Variant,
    "characters": Character,
    "casts": Cast,
    "settings": RunSettings,
    "settings.polling": PollingSettings,
    "settings.retries": RetrySettings,
    "settings.purchases": PurchaseSettings,
    "settings.limits": LimitSettings,
    "settings.shards": ShardSettings,
    "settings.webhooks": WebhookSettings,
}
_INSIDE: dict[str, type[BaseModel]] = {"casts.roles": Role, "settings.purchases.prices": Price}
_WITH_OWN = {"scenes", "variants"}  # that take the fields of models
# A scene has about 10 values. YAML takes 600 bytes of memory for each of its values.
JSON_BOUNDS = Bounds(length=32_000_000, values=3_000_000, characters=64_000_000)
YAML_BOUNDS = Bounds(length=8_000_000, values=500_000, characters=64_000_000)
# Types of validation errors for values that should be text.
_NOT_TEXT = {"string_type", "model_type", "model_attributes_type", "literal_error"}
_NAME_SHOWN = 100  # characters of a field's name, which may be anything
_FAULTS_SHOWN = 200


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
        if self.table:
            faults += _unknown_columns(self.table)
            data["scenes"] = [
                {column: cell for column, cell in row.items() if is_field(column)}
                for row in self.table.rows
            ]
        try:
            found = BatchSpec.model_validate(data)
        except ValidationError as error:
            wrong = error.errors(include_url=False)
            faults += [self._fault(fault) for fault in wrong[:_FAULTS_SHOWN]]
            if more := len(wrong[_FAULTS_SHOWN:]):
                faults.append(f"{self.name}: and {more:,} more faults")
            found = _without(data, error)
        if foreign := foreign_files(found, self.folder):
            return BatchSpec(batch=found.batch, settings=found.settings), [*faults, *foreign]
        return resolve_relative_paths(found, self.folder), faults

    def _fault(self, error: Any) -> str:
        match error["loc"]:
            case ("scenes", int() as number, *rest) if self.table:
                where = f"{self.table.name}: {self.table.places[number]}"
                return f"{where}: {_place(*rest)}: {error['msg']}"
            case ("scenes",) if isinstance(self.data["scenes"], str):
                what = f"give a list, or the name of a table ({', '.join(SUFFIXES)}) next to it"
                return f"{self.name}: scenes: {what}"
        written = _as_written(error["loc"], self.data)
        hint = self.hint(written) if error["type"] in _NOT_TEXT else None
        return f"{self.name}: {_fault(error, written)}{f' ({hint})' if hint else ''}"


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


def _unknown_columns(table: Table) -> Iterator[str]:
    for column in table.columns:
        if not column:
            yield f"{table.name}: a column has no name"
        elif not is_field(column):
            what = f"there is no such field{_instead('scenes', 0, column)}"
            yield f"{table.name}: column {_shown(column)}: {what}"


def _without(data: dict[str, Any], error: ValidationError) -> BatchSpec:
    """Return the batch without invalid fields or, if still invalid, without their list items."""
    for fault in error.errors():
        *path, last = _as_written(fault["loc"], data)
        place: Any = data
        for step in path:
            place = _step(place, step)
        if isinstance(place, dict):
            place.pop(last, None)
    try:
        return BatchSpec.model_validate(data)
    except ValidationError as rest:
        broken = {fault["loc"][:2] for fault in rest.errors()}
    whole = {
        section: [item for place, item in enumerate(items) if (section, place) not in broken]
        for section, items in data.items()
        if isinstance(items, list)
    }
    try:
        return BatchSpec.model_validate({**data, **whole})
    except ValidationError:
        return BatchSpec()


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


def _fault(error: Any, written: Sequence[int | str]) -> str:
    where = _place(*written)
    if error["type"] != "extra_forbidden":
        return f"{where}: {error['msg']}"
    return f"{where}: there is no such field{_instead(*error['loc'])}"


def _place(*loc: int | str) -> str:
    """Format a location: `casts[0].roles[0].role`."""
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{_shown(step)}" for step in loc)
    return where.removeprefix(".")


def _shown(name: str) -> str:
    return printable(without_queries(name), _NAME_SHOWN)


def _instead(*loc: int | str) -> str:
    """The field that was meant, or the section in which there is one of that name."""
    section = ".".join(step for step in loc[:-1] if isinstance(step, str))
    name = str(loc[-1])[:_NAME_SHOWN]
    fields = _settings() if section == "settings" else _fields(section)
    homes = [section for section, other in _SECTIONS.items() if name in other.model_fields]
    if homes and section in _WITH_OWN:  # which have fields with many names
        return f"; it belongs in {' or '.join(homes)}"
    if near := difflib.get_close_matches(name, fields, n=1):
        return f"; did you mean {fields[near[0]]!r}?"
    if not homes and name in FLAT_NAMES:
        return f"; did you mean {'.'.join(('settings', *FLAT_NAMES[name]))!r}?"
    return f"; it belongs in {' or '.join(homes)}" if homes else ""


def _fields(section: str) -> dict[str, str]:
    models: dict[str, type[BaseModel]] = {"": BatchSpec, **_SECTIONS, **_INSIDE}
    own = filter(is_model_field, Catalogue.current().fields) if section in _WITH_OWN else ()
    return {name: name for name in (*models[section].model_fields, *own)}


def _settings() -> dict[str, str]:
    """Where each setting is within the settings, by its name and by its flat one."""
    flat = {name: ".".join(setting) for name, setting in FLAT_NAMES.items()}
    return {
        **{setting.partition(".")[2]: setting for setting in flat.values()},
        **flat,
        **_fields("settings"),
    }
