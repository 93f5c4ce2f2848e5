"""Suggests the field that was meant by a name that isn't one, in spec files and tables."""

import difflib
import re

from pydantic import BaseModel

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.request_fields import is_model_field
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
from prefect_toapis.planning.spec import SHOWS, BatchSpec, Cast, Character, Role, Scene, Variant
from prefect_toapis.planning.spec_tables import Table
from prefect_toapis.planning.table_cells import column_key, field_of, is_field, shown_column

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
_NAME_SHOWN = 100  # characters of a field's name, which may be anything
_HEADERS_SHOWN = 3
_CLOSE = 0.7  # of headers, which may be any text
_UNIT = re.compile(r"\s*[(\[].*")  # as in "Duration (s)"


def instead_of(*loc: int | str) -> str:
    """Return the field that was meant, or the section that has one of that name, as words to add.

    Args:
        loc: Where the unknown field is in a spec.

    Example:
        >>> instead_of("variants", 0, "durations")
        "; did you mean 'duration'?"
    """
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


def column_faults(table: Table) -> list[str]:
    """Return the columns of a table that aren't fields of a scene, and whether it lacks prompts.

    Example:
        >>> column_faults(Table("p.csv", columns={"Promt": "Promt", "n": "n"}))[0]
        "p.csv: column Promt: there is no such field; did you mean 'prompt'?"
    """
    named = {field: header for header, field in table.columns.items() if field}
    unknown = {field: header for field, header in named.items() if not is_field(field)}
    meant = {field: _instead_of_column(field) for field in unknown}
    if table.rows and unknown == named and not any(meant.values()):
        found = ", ".join(map(shown_column, list(unknown.values())[:_HEADERS_SHOWN]))
        what = "the first row must name the columns, such as prompt"
        return [f"{table.name}: {what}; it has: {found}"]
    faults = [
        f"{table.name}: column {shown_column(header)}: there is no such field{meant[field]}"
        for field, header in unknown.items()
    ]
    if named and not (table.rows or table.faults or table.row_faults):
        faults.append(f"{table.name}: it has no rows below its header")
    elif lacks_prompts(table) and not any("'prompt'" in words for words in meant.values()):
        faults.append(f"{table.name}: it has no column prompt")
    return faults


def lacks_prompts(table: Table) -> bool:
    """Return whether no column of a table can say what a scene shows."""
    fields = set(table.columns.values())
    return bool(table.rows) and not fields & SHOWS and not any(map(is_model_field, fields))


def _instead_of_column(field: str) -> str:
    name = field_of(_UNIT.sub("", field))
    homes = [section for section, other in _SECTIONS.items() if name in other.model_fields]
    if not is_field(name) and homes:
        return f"; {name} belongs in the {' or '.join(homes)} of a spec that names this table"
    by_key = {column_key(known): known for known in _fields("scenes")}
    near = difflib.get_close_matches(column_key(name)[:_NAME_SHOWN], by_key, n=1, cutoff=_CLOSE)
    return f"; did you mean {by_key[near[0]]!r}?" if near else ""


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
