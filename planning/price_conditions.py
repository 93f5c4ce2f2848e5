"""What decides the price of a request besides its model: the facts of it, and conditions on them.

A fact is a field as it was given, or else its default in the catalogue. Pure.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.model_rules import FieldRule
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.requests import flat_fields

INPUT = "input"
INPUTS = ("video", "image", "audio", "text")  # the first of which a request has any
MOST_CONDITIONS = 20  # of a price
REMIX_OF = "remix_of"
_EXTENDS = "extends"

_MOST_VALUES = 100  # of a condition
_LONGEST = 200  # characters of a name or value
_SHOWN = 40  # characters, likewise


def facts_of(sent: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    """Return what may decide the price of a generation, by flat name.

    Args:
        sent: The fields of a request, from its `given()`, with `remix_of` for a remix; `metadata`
            may be nested.
        catalogue: Provides defaults, and which fields take files. `input` is missing
            for models that it doesn't have.

    Example:
        >>> sent = {"model": "sora-2-official", "image_urls": ["https://media.example/a.jpg"]}
        >>> facts = facts_of(sent, Catalogue.shipped())
        >>> facts["duration"], facts["n"], facts["input"]
        (4, 1, 'image')
    """
    given = {name: value for name, value in flat_fields(sent).items() if value is not None}
    rules = catalogue.rules_of(sent["model"])
    if rules is None:
        return {"n": 1, **given}
    defaults = {"n": 1, **rules.defaults}
    return {**defaults, **given, INPUT: _input_of(given, rules.fields)}


def fits(when: Mapping[str, JsonValue], facts: Mapping[str, Any]) -> bool:
    """Return whether all conditions hold; a condition on a fact that isn't known doesn't.

    Example:
        >>> fits({"mode": "pro", "duration": [5, 10]}, {"mode": "Pro", "duration": 5.0})
        True
    """
    return all(
        name in facts and any(_equal(value, facts[name]) for value in _values(wanted))
        for name, wanted in when.items()
    )


def condition_faults(when: Mapping[str, JsonValue]) -> Iterator[str]:
    """Yield what is wrong with conditions.

    Example:
        >>> list(condition_faults({"audio": {}}))
        ['audio: give a text, a number, true or false, or a list of these']
    """
    for name, wanted in when.items():
        shown, values = printable(name, _SHOWN), _values(wanted)
        if not name or len(name) > _LONGEST:
            yield f"{shown or 'a condition'}: a name has 1 to {_LONGEST} characters"
        elif not values or not all(map(_is_scalar, values)):
            yield f"{shown}: give a text, a number, true or false, or a list of these"
        elif len(values) > _MOST_VALUES:
            yield f"{shown}: {_MOST_VALUES} values at most"
        elif any(isinstance(value, str) and len(value) > _LONGEST for value in values):
            yield f"{shown}: a text has {_LONGEST} characters at most"
        elif name == INPUT and not all(fits({INPUT: [*INPUTS]}, {INPUT: each}) for each in values):
            yield f"{INPUT}: choose {', '.join(INPUTS[:-1])} or {INPUTS[-1]}"


def in_words(when: Mapping[str, JsonValue]) -> str:
    """Return conditions as display text.

    Example:
        >>> in_words({"mode": "pro", "audio": True, "duration": [5, 10]})
        'mode=pro, audio=true, duration=5/10'
    """
    return ", ".join(
        f"{printable(name, _SHOWN)}={'/'.join(map(_shown, _values(wanted)))}"
        for name, wanted in when.items()
    )


def facts_in_words(names: Sequence[str], facts: Mapping[str, Any]) -> str:
    """Return facts as display text.

    Example:
        >>> facts_in_words(["mode", "audio"], {"mode": "std"})
        'mode=std, audio unknown'
    """
    return ", ".join(
        f"{printable(name, _SHOWN)}={_shown(facts[name])}"
        if _is_scalar(facts.get(name))
        else f"{printable(name, _SHOWN)} {'not comparable' if name in facts else 'unknown'}"
        for name in names
    )


def _values(wanted: JsonValue) -> Sequence[JsonValue]:
    return wanted if isinstance(wanted, list) else [wanted]


def _is_scalar(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, (bool, int, str))


def _equal(wanted: JsonValue, value: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool):  # to Python, true equals 1
        return wanted is value
    if isinstance(wanted, str) and isinstance(value, str):
        return wanted.casefold() == value.casefold()
    return bool(wanted == value)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return printable(f"{value:.15g}" if isinstance(value, float) else str(value), _SHOWN)


def _input_of(given: Mapping[str, Any], rules: Mapping[str, FieldRule]) -> str:
    kinds = {
        kind
        for name, rule in rules.items()
        if given.get(name)
        for kind in _kinds(rule, given[name])
    }
    if given.get(REMIX_OF) or given.get(_EXTENDS):
        return "video"
    return next((kind for kind in INPUTS if kind in kinds), "text")


def _kinds(rule: FieldRule, value: Any) -> Iterator[str]:
    """Yield the kinds of files that a field refers to."""
    if rule.media:
        yield rule.media
    items = value if isinstance(value, list) else []
    for name, inner in rule.items.items():
        if inner.media and any(isinstance(item, dict) and item.get(name) for item in items):
            yield inner.media
