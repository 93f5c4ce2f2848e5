"""Validation of requests by the catalogue of models, as a pure function."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from prefect_toapis.client.catalogue import Catalogue, Conflict, FieldRule, JSONType, ModelRules
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.references import is_reference, references_by_place
from prefect_toapis.client.requests import CharacterRequest, RemixRequest, Request, VideoRequest
from prefect_toapis.client.sendable_values import unsendable
from prefect_toapis.client.urls import why_not_public, without_queries, without_query

_SEGMENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*,\s*(\d+(?:\.\d+)?)\s*")
_TASK_ID = re.compile(r"[\w.-]+")
_SHOWN = 60  # characters of a value in a message
_NAMES_SHOWN = 20  # fields in a note
# The API's limits are undocumented; these are far beyond, and keep records and pages readable.
MOST_CHARACTERS = 32_000  # of a prompt
_LONGEST = {"model": 200, "prompt": MOST_CHARACTERS, "task_id": 500}  # characters
_LONGEST_URL = 8_192  # characters
_CLOSE = 0.85  # sora2 is as close to sora-2; sora-3, which may exist one day, isn't
_PYTHON_TYPES: dict[JSONType, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


@dataclasses.dataclass(frozen=True)
class Fault:
    """A rule that a request violates."""

    field: str
    value: Any = dataclasses.field(repr=False)  # may be a signed URL
    rule: str
    model: str

    def __str__(self) -> str:
        """Field, value, model and rule, on one line."""
        name, model = printable(self.field, _SHOWN), printable(self.model, _SHOWN)
        return f"{name}={_shown(self.value)} with {model}: {self.rule}"


def is_known(request: Request, catalogue: Catalogue) -> bool:
    """Whether the catalogue lists every field of the request's model: all its rules are checked."""
    rules = catalogue.rules_of(request.model)
    return rules is not None and not rules.open


def unchecked(request: Request, catalogue: Catalogue) -> str | None:
    """What of a request can't be checked, for the log; None if everything is checked.

    Example:
        >>> request = VideoRequest(prompt="A dog", model="kling-v3", extra={"seed": 7, "cfg": 0.5})
        >>> unchecked(request, Catalogue.shipped())
        "kling-v3: the catalogue doesn't describe cfg; it is sent unchecked"
    """
    rules = catalogue.rules_of(request.model)
    model = printable(request.model, _SHOWN)
    if rules is None:
        meant = _close_to(request.model, catalogue)
        return f"{model}: not in the catalogue{meant}; its rules are unchecked"
    if not rules.open:
        return None
    listed = rules.section(request.section) or {}
    names = [printable(name, _SHOWN) for name in _named(request) if name not in listed]
    sent = "they are" if names[1:] else "it is"
    what = f"doesn't describe {' and '.join(names[:_NAMES_SHOWN])}; {sent} sent unchecked"
    return f"{model}: the catalogue {what}" if names else None


def check(request: Request, catalogue: Catalogue, *, private: bool = False) -> list[Fault]:
    """Check a request against the rules of its model.

    Args:
        request: The request, with its prompt resolved.
        catalogue: The known models. For other models only the general rules are checked, such as
            that a prompt must not be empty.
        private: Whether the API is at a private address, so that references may be, too; see
            `why_not_public`.

    Returns:
        The faults; empty if the request may be sent.

    Example:
        >>> [str(f) for f in check(VideoRequest(prompt="A dog", duration=12), Catalogue.shipped())]
        ['duration=12 with sora-2: choose 10 or 15 seconds']
    """
    broken = _unsendable_faults(request)
    if not broken and isinstance(request, VideoRequest):
        broken = _extra_faults(request.extra)
    if not broken:
        broken = _faults_with_any_model(request) + _faults_by_model(request, catalogue)
        broken += _host_faults(request, {place for place, *_ in broken}, private=private)
    return [Fault(name, value, rule, request.model) for name, value, rule in broken]


def not_uploaded(
    request: Request, uploads: Mapping[str, str], *, private: bool = False
) -> list[Fault]:
    """The references in a request without a usable upload, as faults.

    Args:
        request: The request, with references in place of files.
        uploads: The URLs of uploads, by reference.
        private: As for `check`.

    Example:
        >>> dog = VideoRequest(prompt="A dog", image_urls=[f"sha256:{'ab' * 32}"])
        >>> [fault.field for fault in not_uploaded(dog, {})]
        ['image_urls[0]']
    """
    return [
        Fault(place, found, why, request.model)
        for place, found in references_by_place(request)
        if (why := _upload_fault(uploads.get(found), private=private))
    ]


def _upload_fault(url: str | None, *, private: bool) -> str | None:
    if url is None:
        return "no upload of this content: upload the file first"
    why = why_not_public(url, private=private)
    return f"its upload is recorded at an unusable URL: {why}" if why else None


def segment_seconds(text: str) -> tuple[float, float] | None:
    """Start and end of a `"start,end"` segment, in seconds; None if it isn't one."""
    match = _SEGMENT.fullmatch(text)
    return (float(match[1]), float(match[2])) if match else None


_Broken = tuple[str, Any, str]  # field, value, rule


def _unsendable_faults(request: Request) -> list[_Broken]:
    """The fields that can't be sent or recorded, whatever the model."""
    fields = dict(request)
    broken = [
        (name, value, why)
        for name, value in fields.items()
        if value is not None and value is not False and (why := unsendable(value))
    ]
    return broken + [
        (name, fields[name], f"{len(fields[name]):,} characters exceed the limit of {most:,}")
        for name, most in _LONGEST.items()
        if len(fields.get(name) or "") > most
    ]


def _extra_faults(extra: dict[str, Any]) -> list[_Broken]:
    metadata = extra.get("metadata", {})
    if not isinstance(metadata, dict):
        return [("extra.metadata", metadata, "it must be an object")]
    places = {f"extra.{name}": (name, value) for name, value in extra.items()}
    places |= {f"extra.metadata.{name}": (name, value) for name, value in metadata.items()}
    return [
        (place, value, "set the field itself, not in extra")
        for place, (name, value) in places.items()
        if name in VideoRequest.model_fields
    ]


def _faults_with_any_model(request: Request) -> list[_Broken]:
    if isinstance(request, CharacterRequest):
        if request.url is None and request.from_task is None:
            return [("url", None, "give the URL of a clip, or from_task")]
        if request.url is not None and request.from_task is not None:
            return [("from_task", request.from_task, "give either url or from_task, not both")]
        return []
    broken: list[_Broken] = []
    if isinstance(request, RemixRequest) and not request.task_id.strip():
        broken.append(("task_id", request.task_id, "say which video to remix"))
    if not request.prompt.strip():
        broken.append(("prompt", request.prompt, "say what the video shows"))
    return broken


def _faults_by_model(request: Request, catalogue: Catalogue) -> list[_Broken]:
    rules = catalogue.rules_of(request.model)
    if rules is None:
        return []
    fields = rules.section(request.section)
    if fields is None:
        return [] if rules.open else [_wrong_model(request, catalogue)]
    given = _named(request)
    broken: list[_Broken] = []
    for name, value in given.items():
        if rule := fields.get(name):
            broken += _field_faults(name, value, rule)
        elif not rules.open:
            broken.append(_unlisted(name, value, catalogue.having(name, request.section)))
    broken += [
        (name, None, "this model needs it")
        for name, rule in fields.items()
        if rule.required and name not in given
    ]
    return broken if request.section != "fields" else broken + _faults_together(given, rules)


def _faults_together(given: dict[str, Any], rules: ModelRules) -> list[_Broken]:
    broken = [
        (name, given[name], f"give {_either(others)} too; {name} has no effect without it")
        for name, others in rules.needs.items()
        if name in given and not set(others) & given.keys()
    ]
    filled = rules.defaults | given
    return broken + [
        _conflict(conflict) for conflict in rules.conflicts if _applies(conflict, filled)
    ]


def _close_to(model: str, catalogue: Catalogue) -> str:
    found = get_close_matches(model.lower(), catalogue.names(), n=1, cutoff=_CLOSE)
    return f" (did you mean {found[0]}?)" if found else ""


def _named(request: Request) -> dict[str, Any]:
    """The given fields, by their names in the catalogue."""
    given = request.given()
    inside = given.pop("metadata", {})
    named = given | {f"metadata.{name}": value for name, value in inside.items()}
    return {name: value for name, value in named.items() if name != "model"}


def _wrong_model(request: Request, catalogue: Catalogue) -> _Broken:
    others = _either(catalogue.taking(request.section))
    return "model", request.model, f"it makes no {request.section}; use {others}"


def _unlisted(name: str, value: Any, others: list[str]) -> _Broken:
    return name, value, f"it has no such field{f'; use {_either(others)}' if others else ''}"


def _field_faults(name: str, value: Any, rule: FieldRule) -> list[_Broken]:
    if fault := _type_fault(value, rule):
        return [(name, value, fault)]
    if rule.choices and value not in rule.choices:
        return [(name, value, f"choose {_either(rule.choices)} {rule.unit}".rstrip())]
    faults: list[str] = []
    if rule.minimum is not None and value < rule.minimum:
        faults.append(f"it must be at least {rule.minimum} {rule.unit}".rstrip())
    if rule.maximum is not None and value > rule.maximum:
        faults.append(f"it must be at most {rule.maximum} {rule.unit}".rstrip())
    if rule.max_items is not None and len(value) > rule.max_items:
        faults.append(f"it takes {rule.max_items} at most, not {len(value)}")
    if rule.pattern and not rule.pattern.fullmatch(value):
        faults.append(f"it must match {rule.pattern.pattern}")
    if rule.format == "segment":
        faults += _segment_faults(value, *(rule.seconds or (0, float("inf"))))
    broken = [(name, value, fault) for fault in faults]
    return broken + _url_faults(name, value, rule) + _item_faults(name, value, rule)


def _type_fault(value: Any, rule: FieldRule) -> str | None:
    types = rule.types()
    if types is None or any(_is_of_type(value, json_type) for json_type in types):
        return None
    return f"its type must be {_either(sorted(types))}"


def _is_of_type(value: Any, json_type: JSONType) -> bool:
    if isinstance(value, bool):  # an integer in Python
        return json_type == "boolean"
    if isinstance(value, float) and value.is_integer() and json_type == "integer":
        return True  # JSON makes no difference between 7 and 7.0
    return isinstance(value, _PYTHON_TYPES[json_type])


def _url_faults(name: str, value: Any, rule: FieldRule) -> list[_Broken]:
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
        if not (rule.format == "url-or-task" and _is_task_id(url))
        if (why := _url_fault(url))
    ]


def _host_faults(request: Request, named: set[str], *, private: bool) -> list[_Broken]:
    """URLs whose host must not be contacted, in any field: the provider may fetch them all.

    Args:
        request: Of any kind.
        named: The places that have a fault already.
        private: As for `check`.
    """
    return [
        (place, url, why)
        for name, value in _named(request).items()
        if name != "prompt"
        for place, url in _urls_in(value, name)
        if place not in named and (why := why_not_public(url, private=private))
    ]


def _urls_in(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if value.strip().lower().startswith(("http://", "https://")):
            yield place, value.strip()
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _urls_in(item, f"{place}[{index}]")
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _urls_in(member, f"{place}.{name}")


def _url_fault(url: Any) -> str | None:
    if not isinstance(url, str):
        return "it must be a string"
    if why := why_not_public(url, private=True):  # `_host_faults` checks for private hosts
        return why
    return f"it exceeds {_LONGEST_URL:,} characters" if len(url) > _LONGEST_URL else None


def _item_faults(name: str, value: Any, rule: FieldRule) -> list[_Broken]:
    if not rule.items:
        return []
    broken: list[_Broken] = []
    for index, item in enumerate(value):
        place = f"{name}[{index}]"
        if isinstance(item, dict):
            broken += _member_faults(place, item, rule.items)
        else:
            broken.append((place, item, f"it must be an object of {' and '.join(rule.items)}"))
    return broken


def _member_faults(place: str, item: dict[str, Any], rules: dict[str, FieldRule]) -> list[_Broken]:
    broken: list[_Broken] = []
    for name, value in item.items():
        if rule := rules.get(name):
            broken += _field_faults(f"{place}.{name}", value, rule)
        else:
            unlisted = f"there is no such field here; use {_either(rules)}"
            broken.append((f"{place}.{name}", value, unlisted))
    return broken + [
        (f"{place}.{name}", None, "this model needs it")
        for name, rule in rules.items()
        if rule.required and name not in item
    ]


def _is_task_id(value: Any) -> bool:
    return isinstance(value, str) and _TASK_ID.fullmatch(value) is not None


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


def _applies(conflict: Conflict, given: dict[str, Any]) -> bool:
    return all(given.get(name) == value for name, value in conflict.values.items())


def _conflict(conflict: Conflict) -> _Broken:
    (name, value), *others = conflict.values.items()
    together = " and ".join(f"{other}={_shown(theirs)}" for other, theirs in others)
    return name, value, f"not together with {together}: {conflict.why}"


def _either(options: Any) -> str:
    *most, last = [str(option) for option in options]
    return f"{', '.join(most)} or {last}" if most else last


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    text = without_query(value) if isinstance(value, str) and "://" in value else value
    shown = without_queries(repr(text))
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
