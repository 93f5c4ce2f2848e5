"""Validation of a field of a request by its rule in the catalogue, as pure functions."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from prefect_toapis.client.model_rules import FieldRule, JSONType
from prefect_toapis.client.references import is_file, is_reference
from prefect_toapis.client.urls import why_not_public, without_queries, without_query

Broken = tuple[str, Any, str]  # field, value, rule

SHOWN = 60  # characters of a value in a message
_ITEMS_SHOWN = 2

_SEGMENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*,\s*(\d+(?:\.\d+)?)\s*")
_TASK_ID = re.compile(r"[\w.-]+")
_ASSET = re.compile(r"asset://[\w./-]+|data:[^\s]+")
_LONGEST_URL = 8_192  # characters
_PYTHON_TYPES: dict[JSONType, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def segment_seconds(text: str) -> tuple[float, float] | None:
    """Start and end of a `"start,end"` segment, in seconds; None if it isn't one."""
    match = _SEGMENT.fullmatch(text)
    return (float(match[1]), float(match[2])) if match else None


def field_faults(name: str, value: Any, rule: FieldRule) -> list[Broken]:
    """The faults of a field, each with the place in it.

    Args:
        name: Of the field.
        value: Of the field.
        rule: Of the field.

    Example:
        >>> field_faults("duration", 12, FieldRule(choices=(10, 15), unit="seconds"))
        [('duration', 12, 'choose 10 or 15 seconds')]
    """
    if fault := _type_fault(value, rule):
        return [(name, value, fault)]
    if rule.choices and (value not in rule.choices or isinstance(value, bool)):
        return [(name, value, f"choose {either(rule.choices)} {rule.unit}".rstrip())]
    faults = _range_faults(value, rule)
    if rule.max_length is not None and len(value) > rule.max_length:
        faults.append(f"{len(value):,} characters exceed this model's limit of {rule.max_length:,}")
    if rule.max_items is not None and len(value) > rule.max_items:
        faults.append(f"it takes {rule.max_items} at most, not {len(value)}")
    if rule.pattern and not rule.pattern.fullmatch(value):
        faults.append(f"it must match {rule.pattern.pattern}")
    if rule.format == "segment":
        faults += _segment_faults(value, *(rule.seconds or (0, float("inf"))))
    broken = [(name, value, fault) for fault in faults]
    return broken + _url_faults(name, value, rule) + _item_faults(name, value, rule)


def _range_faults(value: Any, rule: FieldRule) -> list[str]:
    if (rule.minimum is None and rule.maximum is None) or rule.in_range(value):
        return []
    if rule.also:
        return [f"it must be {rule.values}"]
    if rule.minimum is not None and value < rule.minimum:
        return [f"it must be at least {rule.minimum} {rule.unit}".rstrip()]
    return [f"it must be at most {rule.maximum} {rule.unit}".rstrip()]


def _type_fault(value: Any, rule: FieldRule) -> str | None:
    types = rule.types()
    if types is None or any(_is_of_type(value, json_type) for json_type in types):
        return None
    return f"its type must be {either(sorted(types))}"


def _is_of_type(value: Any, json_type: JSONType) -> bool:
    if isinstance(value, bool):  # an integer in Python
        return json_type == "boolean"
    if isinstance(value, float) and value.is_integer() and json_type == "integer":
        return True  # JSON makes no difference between 7 and 7.0
    return isinstance(value, _PYTHON_TYPES[json_type])


def _url_faults(name: str, value: Any, rule: FieldRule) -> list[Broken]:
    if not rule.holds_urls:
        return []
    named = (
        [(f"{name}[{index}]", item) for index, item in enumerate(value)]
        if isinstance(value, list)
        else [(name, value)]
    )
    return [
        (place, url, why)
        for place, url in named
        if not is_reference(url)  # the content of its upload was checked
        if not (rule.format == "url-or-task" and _matches(_TASK_ID, url))
        if not (rule.format == "url-or-asset" and _matches(_ASSET, url))
        if (why := _url_fault(url, rule))
    ]


def _url_fault(url: Any, rule: FieldRule) -> str | None:
    if not isinstance(url, str):
        return "it must be a string"
    if rule.media == "audio" and is_file(url):
        return "audio files can't be uploaded to the API; give a public URL"
    if why := why_not_public(url, private=True):  # `_host_faults` checks for private hosts
        return why
    return f"it exceeds {_LONGEST_URL:,} characters" if len(url) > _LONGEST_URL else None


def _item_faults(name: str, value: Any, rule: FieldRule) -> list[Broken]:
    if not rule.items:
        return []
    broken: list[Broken] = []
    for index, item in enumerate(value):
        place = f"{name}[{index}]"
        if isinstance(item, dict):
            broken += _member_faults(place, item, rule.items)
        else:
            broken.append((place, item, f"it must be an object of {' and '.join(rule.items)}"))
    return broken + _count_faults(name, value, rule)


def _count_faults(name: str, items: list[Any], rule: FieldRule) -> list[Broken]:
    """The values that too many objects of an array have."""
    broken: list[Broken] = []
    for member, inside in rule.items.items():
        found = [item.get(member) for item in items if isinstance(item, dict)]
        counts = Counter(value for value in found if isinstance(value, str))
        broken += [
            (name, items, f"{counts[value]} items have {member} {value}; it takes {most} at most")
            for value, most in inside.at_most.items()
            if counts[value] > most
        ]
    return broken


def _member_faults(place: str, item: dict[str, Any], rules: dict[str, FieldRule]) -> list[Broken]:
    broken: list[Broken] = []
    for name, value in item.items():
        if rule := rules.get(name):
            broken += field_faults(f"{place}.{name}", value, rule)
        else:
            unlisted = f"there is no such field here; use {either(rules)}"
            broken.append((f"{place}.{name}", value, unlisted))
    return broken + [
        (f"{place}.{name}", None, "this model needs it")
        for name, rule in rules.items()
        if rule.required and name not in item
    ]


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    fits = isinstance(value, str) and len(value) <= _LONGEST_URL
    return fits and pattern.fullmatch(value) is not None


def _segment_faults(text: str, shortest: float, longest: float) -> list[str]:
    segment = segment_seconds(text)
    if segment is None:
        return ['write it as "start,end" in seconds, for example "1,3"']
    start, end = segment
    apart = round(end - start, 6)  # 2.3 - 0.3 is a little less than 2
    if not shortest <= apart <= longest:
        length = f"{shortest:g}" if shortest == longest else f"{shortest:g} to {longest:g}"
        return [f"start and end must be {length} seconds apart, not {apart:g}"]
    return []


def either(options: Iterable[object]) -> str:
    """Options as display text: `a, b or c`."""
    *most, last = [str(option) for option in options]
    return f"{', '.join(most)} or {last}" if most else last


def shown(value: Any) -> str:
    """A value as display text, shortened, and without the queries of URLs."""
    if isinstance(value, list):
        more = [f"{len(value) - _ITEMS_SHOWN} more"] if len(value) > _ITEMS_SHOWN else []
        return f"[{', '.join([*map(shown, value[:_ITEMS_SHOWN]), *more])}]"
    text = without_query(value) if isinstance(value, str) and "://" in value else value
    words = without_queries(repr(text))
    return words if len(words) <= SHOWN else f"{words[:SHOWN]}…"
