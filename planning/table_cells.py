"""The columns of a table of scenes: which fields they are, and the values of their cells."""

import re
from typing import Any, get_origin

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.model_rules import FieldRule
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.request_fields import is_model_field
from prefect_toapis.client.urls import without_queries
from prefect_toapis.client.yaml_json import Bounds, read_json
from prefect_toapis.planning.spec import Scene

BETWEEN = "|"  # separates values in a cell; never part of a URL

_CELL = Bounds(length=1_000_000, values=10_000, characters=1_000_000)  # of JSON
_LISTS = [
    name
    for name, field_info in Scene.model_fields.items()
    if get_origin(field_info.annotation) is list
]
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_BLANK = re.compile(r"[\s\u200b\ufeff]+")  # \s includes non-breaking spaces
_BETWEEN_WORDS = re.compile(r"[\s\u200b\ufeff_\u2010-\u2013-]+")
_SHOWN = 60  # characters of a header in a message


def is_field(column: str) -> bool:
    """Return whether a column is a field of a scene, or of a model in the catalogue.

    Example:
        >>> is_field("prompt"), is_field("negative_prompt"), is_field("promt")
        (True, True, False)
    """
    return column in Scene.model_fields or is_model_field(column)


def field_of(column: str) -> str:
    """Return the field that a column's header stands for, or else the header without blanks.

    Case, blanks, hyphens and underscores make no difference, unless two fields differ only in them.

    Example:
        >>> field_of(" Image URLs "), field_of("negativeprompt"), field_of("Shot list")
        ('image_urls', 'negativePrompt', 'Shot list')
    """
    bare = _BLANK.sub(" ", column).strip()
    fields = [*Scene.model_fields, *Catalogue.current().fields]
    for form in (str, _snake_case, column_key):
        for name in fields:
            if form(name) == form(bare):
                return name
    return bare


def column_key(column: str) -> str:
    """Return what headers of the same field have in common.

    Example:
        >>> column_key("Image URLs"), column_key("image_urls")
        ('imageurls', 'imageurls')
    """
    return _BETWEEN_WORDS.sub("", column.lower())


def _snake_case(column: str) -> str:
    return _BETWEEN_WORDS.sub("_", column.strip().lower())


def shown_column(column: str) -> str:
    """Return a column's header for a message."""
    return printable(without_queries(column), _SHOWN)


def cell_value(column: str, cell: Any) -> Any:
    """Return the value of a cell: a list is separated by `|`; objects are written as JSON.

    Args:
        column: The name of the field.
        cell: Text in a CSV file; anything else is returned as it is.

    Raises:
        ValueError: It isn't valid JSON.

    Example:
        >>> cell_value("image_urls", "a.png | b.png"), cell_value("audio", "yes")
        (['a.png', 'b.png'], True)
    """
    if not isinstance(cell, str):
        return cell
    if column in _LISTS:
        return _listed(cell)
    rule = Catalogue.current().fields.get(column)
    return _by_rule(cell.strip(), rule) if rule and is_model_field(column) else cell


def _by_rule(text: str, rule: FieldRule) -> Any:
    types = rule.types() or set()
    if text.startswith(("[", "{")) and types & {"array", "object"}:
        document = read_json(text, _CELL)
        if document.faults:
            raise ValueError("; ".join(document.faults))
        return document.data
    if "array" in types and not rule.items:
        return _listed(text)
    if "boolean" in types:
        return _TRUTH.get(text.lower(), text)
    if types & {"integer", "number"} and (number := _NUMBER.fullmatch(text)):
        return float(text) if number[1] else int(text)
    return text


def _listed(text: str) -> list[str]:
    return [value.strip() for value in text.split(BETWEEN) if value.strip()]
