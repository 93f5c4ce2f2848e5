"""What a model takes, as rows and sentences: for the command `models` and for the documentation."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.field_faults import either
from prefect_toapis.client.media_limits import MediaLimits
from prefect_toapis.client.model_rules import (
    Condition,
    Conflict,
    Expected,
    FieldRule,
    Given,
    ModelRules,
    Purpose,
    SlowWhen,
    Total,
)
from prefect_toapis.planning.smallest_specs import LISTS, smallest_spec

_DOCUMENTATION = "https://github.com/toapis/docs/blob/main/docs"
_TYPES = {"boolean": "true or false", "string": "text", "object": "an object", "array": "a list"}
PURPOSES: dict[Purpose, str] = {
    "text": "text to video",
    "image": "image to video",
    "reference": "reference to video",
    "edit": "video editing",
    "extend": "extensions",
    "remix": "remixes",
    "characters": "characters",
}


class FieldRow(NamedTuple):
    """A field of a model, as display text.

    Args:
        name: As in a spec; a member of the objects of an array is `array[].member`.
        place: Where it is sent: `top` or `metadata`; empty for a member.
        values: What it takes.
        default: What the provider assumes if it isn't sent; empty: not documented.
        required: Whether it must be given.
        limits: What else is to be kept to.
    """

    name: str
    place: str
    values: str
    default: str
    required: bool
    limits: str


def field_rows(fields: Mapping[str, FieldRule]) -> list[FieldRow]:
    """Return the rows of the fields of a kind of request, each followed by its members.

    Args:
        fields: Of a model; see `ModelRules.section`.

    Example:
        >>> [row] = field_rows({"duration": FieldRule(choices=(5, 10), default=5, unit="seconds")})
        >>> row.values, row.default
        ('5, 10 seconds', '5')
    """
    return [row for name, rule in fields.items() for row in _rows(name, rule)]


def rule_sentences(rules: ModelRules) -> list[str]:
    """Return what goes together in a model, and what else is to be known of it.

    Example:
        >>> rule_sentences(ModelRules(fields={"a": {}, "b": {}}, exclusive=[["a", "b"]]))
        ['Give a or b, not both.']
    """
    return [
        *(f"Give {either(names)}, not {_all_of(names)}." for names in rules.exclusive),
        *(f"Give at least one of {_list(names)}." for names in rules.one_of),
        *(f"{name} needs {either(others)}." for name, others in rules.needs.items()),
        *map(_total_in_words, rules.totals),
        *map(_conflict_in_words, rules.conflicts),
        *map(_slowness_in_words, rules.slow),
        *(["It has further fields, which are sent unchecked."] if rules.open else []),
    ]


def source_url(rules: ModelRules) -> str:
    """Return the address of the page that the rules are from; empty if they name none.

    Example:
        >>> source_url(ModelRules(fields={}, source="cn/videos/vidu-ali/generation"))
        'https://github.com/toapis/docs/blob/main/docs/cn/api-reference/videos/vidu-ali/generation.mdx'
    """
    if not rules.source or "://" in rules.source:
        return rules.source
    is_chinese = rules.source.startswith("cn/")
    page = rules.source.removeprefix("cn/")
    return f"{_DOCUMENTATION}/{'cn' if is_chinese else 'en'}/api-reference/{page}.mdx"


def model_sheet(model: str, rules: ModelRules, catalogue: Catalogue) -> dict[str, Any]:
    """Return everything that the catalogue says of a model, as JSON.

    Args:
        model: Its name.
        rules: Of the model.
        catalogue: Has the rules of the model.
    """
    others = {"remix": rules.remix, "extend": rules.extend, "character": rules.character}
    kinds = {kind: None if fields is None else _as_json(fields) for kind, fields in others.items()}
    return {
        "model": model,
        "aliases": list(rules.aliases),
        "family": rules.family,
        "purposes": list(rules.purposes),
        "source": source_url(rules),
        "fields": _as_json(rules.fields),
        **kinds,
        "rules": rule_sentences(rules),
        "open": rules.open,
        "spec": smallest_spec(model, catalogue),
    }


def _as_json(fields: Mapping[str, FieldRule]) -> list[dict[str, Any]]:
    """Return the rows of fields, with the values of the catalogue beside their texts."""
    return [
        {
            **row._asdict(),
            "default": rule.default,
            "choices": list(rule.choices),
            "minimum": rule.minimum,
            "maximum": rule.maximum,
        }
        for name, field in fields.items()
        for row, rule in zip(_rows(name, field), _with_members(field), strict=True)
    ]


def _with_members(rule: FieldRule) -> Iterator[FieldRule]:
    yield rule
    for member in rule.items.values():
        yield from _with_members(member)


def _rows(name: str, rule: FieldRule, place: str | None = None) -> Iterator[FieldRow]:
    yield FieldRow(
        name=name,
        place=rule.place if place is None else place,
        values=_values(name, rule),
        default="" if rule.default is None else _value_in_words(rule.default),
        required=rule.required or (name == "prompt" and "required" not in rule.model_fields_set),
        limits="; ".join(_limits(rule)),
    )
    for member, inside in rule.items.items():
        yield from _rows(f"{name}[].{member}", inside, "")


def _values(name: str, rule: FieldRule) -> str:
    if rule.values:
        return rule.values
    if rule.media:
        return _media_in_words(rule, several=name in LISTS or rule.types() == {"array"})
    if rule.format == "segment":
        shortest, longest = rule.seconds or (0, float("inf"))
        apart = f"{shortest:g}" if shortest == longest else f"{shortest:g} to {longest:g}"
        return f'"start,end" in seconds, {apart} apart'
    if rule.items:
        return "a list of objects"
    [kind, *others] = sorted(rule.types() or {"string"})
    return "any" if others else _TYPES.get(kind, kind)


def _media_in_words(rule: FieldRule, *, several: bool) -> str:
    kind = rule.media or "file"
    plural = {"image": "images", "video": "videos", "audio": "audio files"}.get(kind, kind)
    if rule.media == "audio":  # the API has no upload for it
        what = f"URLs of {plural}" if several else "the URL of an audio file"
    else:
        article = "an" if kind == "image" else "a"
        what = f"{plural}: files or URLs" if several else f"{article} {kind}: a file or a URL"
    also = {"url-or-task": ", or the id of a character task", "url-or-asset": ", or asset://..."}
    return what + also.get(rule.format or "", "")


def _limits(rule: FieldRule) -> Iterator[str]:
    if rule.max_length is not None:
        yield f"{rule.max_length:,} characters at most"
    if rule.max_items is not None:
        yield f"{rule.max_items} at most"
    if rule.used_items is not None:
        yield "only the first is used" if rule.used_items == 1 else f"{rule.used_items} are used"
    for value, most in rule.at_most.items():
        yield f"{most} of {value}"
    if rule.limits:
        yield from _file_limits(rule.limits)


def _file_limits(limits: MediaLimits) -> Iterator[str]:
    if limits.formats:
        yield either(limits.formats)
    if limits.megabytes:
        yield f"{limits.megabytes:g} MB"
    if limits.sizes:
        yield f"{either(limits.sizes)} pixels"
    if limits.sides:
        yield f"sides of {limits.sides[0]} to {limits.sides[1]} pixels"
    if limits.ratio:
        yield f"ratio {limits.ratio[0]:g} to {limits.ratio[1]:g}"


def _total_in_words(total: Total) -> str:
    when = f" with {_condition_in_words(total.values)}" if total.values else ""
    together = "together " if total.fields[1:] else ""
    return f"{_list(total.fields)}: {together}{total.max_items} at most{when}."


def _conflict_in_words(conflict: Conflict) -> str:
    unless = f" (unless {_condition_in_words(conflict.unless)})" if conflict.unless else ""
    return f"Not {_parts_in_words(conflict.parts)}{unless}: {conflict.why}."


def _slowness_in_words(slow: SlowWhen) -> str:
    return f"With {_condition_in_words(slow.values)} it may take {slow.hours:g} hours."


def _condition_in_words(condition: Condition) -> str:
    return _parts_in_words(list(condition.items()))


def _parts_in_words(parts: list[tuple[str, Expected]]) -> str:
    absent = [
        name for name, expected in parts if isinstance(expected, Given) and not expected.given
    ]
    present = [_part_in_words(*part) for part in parts if part[0] not in absent]
    without = f"without {either(absent)}" if absent else ""
    return " ".join(filter(None, [" and ".join(present), without]))


def _part_in_words(name: str, expected: Expected) -> str:
    if isinstance(expected, Given):
        return name
    values = expected if isinstance(expected, tuple) else (expected,)
    return f"{name}={either(map(_value_in_words, values))}"


def _value_in_words(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _list(names: tuple[str, ...]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _all_of(names: tuple[str, ...]) -> str:
    return "both" if len(names) == 2 else "several"
