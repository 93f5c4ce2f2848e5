"""Which rules of its model a request breaks: a pure function over the catalogue."""

import dataclasses
import re
from typing import Any

from prefect_toapis.client.catalogue import Catalogue, Conflict, FieldRule
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.client.urls import why_not_public, without_queries, without_signature

_SEGMENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*,\s*(\d+(?:\.\d+)?)\s*")
_TASK_ID = re.compile(r"[\w.-]+")
_SHOWN = 60  # characters of a value in a message


@dataclasses.dataclass(frozen=True)
class Fault:
    """One rule that a request breaks."""

    field: str
    value: Any = dataclasses.field(repr=False)  # may be a signed URL
    rule: str
    model: str

    def __str__(self) -> str:
        """Field, value, model and rule, on one line."""
        return f"{self.field}={_shown(self.value)} with {self.model}: {self.rule}"


def is_known(request: VideoRequest, catalogue: Catalogue) -> bool:
    """Whether the catalogue knows the request's model; if not, its rules go unchecked."""
    return request.model in catalogue.models


def check(request: VideoRequest, catalogue: Catalogue) -> list[Fault]:
    """Everything that is wrong with a request, by the catalogue.

    Args:
        request: The request, prompt resolved.
        catalogue: The models that are known. Another model's rules can't be checked, but for
            the prompt, which no model goes without.

    Returns:
        The faults, none if it may be sent.

    Example:
        >>> [str(f) for f in check(VideoRequest(prompt="A dog", duration=12), Catalogue.shipped())]
        ['duration=12 with sora-2: choose 10 or 15 seconds']
    """
    if misplaced := _extra_faults(request.extra):
        return [Fault(name, value, rule, request.model) for name, value, rule in misplaced]
    given = request.given()
    if not request.prompt.strip():
        return [
            Fault("prompt", request.prompt, "say what the video shows", request.model),
            *check(request.model_copy(update={"prompt": "-"}), catalogue),
        ]
    if not is_known(request, catalogue):
        return []
    rules = catalogue.models[request.model]
    broken = [
        fault
        for name, value in given.items()
        if name != "model"
        for fault in _field_faults(name, value, rules.fields.get(name), catalogue)
    ]
    broken += [
        (name, given[name], f"give {_either(others)} too; {name} says nothing without it")
        for name, others in rules.needs.items()
        if name in given and not set(others) & given.keys()
    ]
    filled = rules.defaults | given
    broken += [_conflict(conflict) for conflict in rules.conflicts if _applies(conflict, filled)]
    return [Fault(name, value, rule, request.model) for name, value, rule in broken]


def segment_seconds(text: str) -> tuple[float, float] | None:
    """Start and end of a `"start,end"` segment, in seconds; None if it isn't one."""
    match = _SEGMENT.fullmatch(text)
    return (float(match[1]), float(match[2])) if match else None


_Broken = tuple[str, Any, str]  # field, value, rule


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


def _field_faults(
    name: str, value: Any, rule: FieldRule | None, catalogue: Catalogue
) -> list[_Broken]:
    if rule is None:
        others = catalogue.having(name)
        instead = f"; use {_either(others)}" if others else ""
        return [(name, value, f"it has no such field{instead}")]
    if rule.choices and value not in rule.choices:
        return [(name, value, f"choose {_either(rule.choices)} {rule.unit}".rstrip())]
    faults: list[str] = []
    if rule.minimum is not None and value < rule.minimum:
        faults.append(f"it must be at least {rule.minimum} {rule.unit}".rstrip())
    if rule.maximum is not None and value > rule.maximum:
        faults.append(f"it must be at most {rule.maximum} {rule.unit}".rstrip())
    if rule.max_items is not None and len(value) > rule.max_items:
        faults.append(f"it takes {rule.max_items} at most, not {len(value)}")
    if rule.format == "segment":
        faults += _segment_faults(value, *(rule.seconds or (0, float("inf"))))
    broken = [(name, value, fault) for fault in faults]
    return broken + _url_faults(name, value, rule)


def _url_faults(name: str, value: Any, rule: FieldRule) -> list[_Broken]:
    if rule.format not in {"url", "url-or-task"}:
        return []
    named = (
        [(f"{name}[{index}]", one) for index, one in enumerate(value)]
        if isinstance(value, list)
        else [(name, value)]
    )
    return [
        (place, url, why)
        for place, url in named
        if not (rule.format == "url-or-task" and _is_task_id(url))
        if (why := why_not_public(url))
    ]


def _is_task_id(text: str) -> bool:
    return _TASK_ID.fullmatch(text) is not None


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
    text = without_signature(value) if isinstance(value, str) and "://" in value else value
    shown = without_queries(repr(text))
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
