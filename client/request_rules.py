"""Validation of requests by the catalogue of models, as a pure function."""

import dataclasses
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.field_faults import SHOWN, Broken, either, field_faults, shown
from prefect_toapis.client.model_rules import (
    METADATA,
    Conflict,
    Expected,
    Given,
    ModelRules,
    Section,
    holds,
)
from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.references import references_by_place
from prefect_toapis.client.requests import CharacterRequest, Request, VideoRequest
from prefect_toapis.client.sendable_values import unsendable
from prefect_toapis.client.urls import why_not_public

_NAMES_SHOWN = 20  # fields in a note
_MODELS_SHOWN = 5  # in a message
# The API's limits are undocumented; these are far beyond, and keep records and pages readable.
MOST_CHARACTERS = 32_000  # of a prompt
_LONGEST = {"model": 200, "prompt": MOST_CHARACTERS, "task_id": 500}  # characters
_LACKS: dict[Section, str] = {
    "fields": "it makes no videos",
    "character": "it makes no character",
    "remix": "it makes no remix",
    "extend": "it extends no videos",
}
_CLOSE = 0.85  # sora2 is as close to sora-2; sora-3, which may exist one day, isn't


@dataclasses.dataclass(frozen=True)
class Fault:
    """A rule that a request violates."""

    field: str
    value: Any = dataclasses.field(repr=False)  # may be a signed URL
    rule: str
    model: str

    def __str__(self) -> str:
        """Field, value, model and rule, on one line."""
        name, model = printable(self.field, SHOWN), printable(self.model, SHOWN)
        return f"{name}={shown(self.value)} with {model}: {self.rule}"


def is_known(request: Request, catalogue: Catalogue) -> bool:
    """Whether the catalogue lists every field of the request's model: all its rules are checked."""
    rules = catalogue.rules_of(request.model)
    return rules is not None and not rules.open


def unchecked(request: Request, catalogue: Catalogue) -> str | None:
    """What of a request can't be checked, for the log; None if everything is checked.

    Example:
        >>> request = VideoRequest(prompt="A dog", model="viduq3-mix", extra={"cfg": 0.5})
        >>> unchecked(request, Catalogue.shipped())
        "viduq3-mix: the catalogue doesn't describe cfg; it is sent unchecked"
    """
    rules = catalogue.rules_of(request.model)
    model = printable(request.model, SHOWN)
    if rules is None:
        meant = _close_to(request.model, catalogue)
        return f"{model}: not in the catalogue{meant}; its rules are unchecked"
    if not rules.open:
        return None
    listed = rules.section(request.section) or {}
    given = _named(request, rules)
    names = [printable(name, SHOWN) for name in given if name not in listed]
    sent = "they are" if names[1:] else "it is"
    what = f"doesn't describe {' and '.join(names[:_NAMES_SHOWN])}; {sent} sent unchecked"
    return f"{model}: the catalogue {what}" if names else None


def ignored(request: Request, catalogue: Catalogue) -> list[str]:
    """What of a request the provider ignores, for the log.

    Example:
        >>> images = ["https://a.example/1.png", "https://a.example/2.png"]
        >>> request = VideoRequest(prompt="A dog", model="kling-3.0-turbo", reference_images=images)
        >>> ignored(request, Catalogue.shipped())
        ['kling-3.0-turbo: it uses only the first 1 of 2 items in reference_images']
    """
    rules = catalogue.rules_of(request.model)
    fields = (rules.section(request.section) or {}) if rules else {}
    used = {name: rule.used_items for name, rule in fields.items() if rule.used_items}
    if not used:  # as for most models
        return []
    given = _named(request, rules)
    return [
        f"{request.model}: it uses only the first {most} of {len(value)} items in {name}"
        for name, most in used.items()
        if isinstance(value := given.get(name), list) and len(value) > most
    ]


def longest_render(request: Request, catalogue: Catalogue) -> float:
    """How long a generation may take by the rules of its model, in seconds; 0: as usual.

    Example:
        >>> request = VideoRequest(prompt="A dog", model="viduq3-pro", off_peak=True)
        >>> longest_render(request, Catalogue.shipped())
        172800.0
    """
    rules = catalogue.rules_of(request.model)
    return rules.hours(_named(request, rules)) * 3600 if rules else 0.0


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
        rules = catalogue.rules_of(request.model)
        broken = _faults_with_any_model(request, rules)
        broken += _faults_by_model(request, catalogue, rules)
        named = {place for place, *_ in broken}
        broken += _host_faults(request, rules, named, private=private)
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


def _unsendable_faults(request: Request) -> list[Broken]:
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


def _extra_faults(extra: dict[str, Any]) -> list[Broken]:
    metadata = extra.get("metadata", {})
    if not isinstance(metadata, dict):
        return [("extra.metadata", metadata, "it must be an object")]
    places = {f"extra.{name}": (name, value) for name, value in extra.items()}
    places |= {f"extra.{METADATA}{name}": (name, value) for name, value in metadata.items()}
    broken = [
        (place, value, "set the field itself, not in extra")
        for place, (name, value) in places.items()
        if name in VideoRequest.model_fields
    ]
    return broken + [
        (f"extra.{METADATA}{name}", metadata[name], f"{name} is given twice")
        for name in metadata
        if name in extra
    ]


def _faults_with_any_model(request: Request, rules: ModelRules | None) -> list[Broken]:
    broken = _model_faults(request.model)
    if isinstance(request, CharacterRequest):
        if request.url is None and request.from_task is None:
            broken.append(("url", None, "give the URL of a clip, or from_task"))
        if request.url is not None and request.from_task is not None:
            broken.append(
                ("from_task", request.from_task, "give either url or from_task, not both")
            )
        return broken
    if not isinstance(request, VideoRequest) and not request.task_id.strip():
        broken.append(("task_id", request.task_id, f"say which video to {request.section}"))
    needed = rules is None or rules.needs_prompt or not isinstance(request, VideoRequest)
    if needed and not request.prompt.strip():
        broken.append(("prompt", request.prompt, "say what the video shows"))
    return broken


def _model_faults(model: str) -> list[Broken]:
    if not model.strip():
        return [("model", model, "give the name of a model")]
    if model != model.strip():
        return [("model", model, "remove the blanks around the name")]
    return []


def _faults_by_model(
    request: Request, catalogue: Catalogue, rules: ModelRules | None
) -> list[Broken]:
    if rules is None:
        return []
    fields = rules.section(request.section)
    if fields is None:
        return [] if rules.open else [_wrong_model(request, catalogue)]
    given = _named(request, rules)
    broken: list[Broken] = []
    for name, value in given.items():
        if rule := fields.get(name):
            broken += field_faults(_written(name, request), value, rule)
        elif not rules.open:
            broken.append(_unlisted(name, value, request, catalogue))
    broken += [
        (name, None, "this model needs it")
        for name, rule in fields.items()
        if rule.required and name not in given and name != "prompt"
    ]
    return broken if request.section != "fields" else broken + _faults_together(given, rules)


def _faults_together(given: dict[str, Any], rules: ModelRules) -> list[Broken]:
    filled = rules.defaults | given
    return [
        *_missing_faults(given, rules),
        *(
            (found[0], given[found[0]], f"give either {either(found)}, not both")
            for names in rules.exclusive
            if len(found := [name for name in names if name in given]) > 1
        ),
        *_total_faults(given, rules),
        *(_conflict(conflict, filled) for conflict in rules.conflicts if conflict.applies(filled)),
    ]


def _total_faults(given: dict[str, Any], rules: ModelRules) -> Iterator[Broken]:
    filled = rules.defaults | given
    for total in rules.totals:
        count, found = total.count(given), [name for name in total.fields if name in given]
        if count > total.max_items and holds(total.values, filled):
            have = f"{' and '.join(found)} have {count} items"
            yield found[0], given[found[0]], f"{have}; this model takes {total.max_items} at most"


def _missing_faults(given: dict[str, Any], rules: ModelRules) -> Iterator[Broken]:
    present = {name for name, value in given.items() if value != []}  # an empty list gives nothing
    for names in rules.one_of:
        if not set(names) & present:
            yield names[0], None, f"give {either(names)}"
    for name, others in rules.needs.items():
        if name in given and not set(others) & present:
            yield (
                name,
                given[name],
                f"give {either(others)} too; {name} has no effect without it",
            )


def _close_to(model: str, catalogue: Catalogue) -> str:
    found = get_close_matches(model.lower(), catalogue.names(), n=1, cutoff=_CLOSE)
    return f" (did you mean {found[0]}?)" if found else ""


def _named(request: Request, rules: ModelRules | None) -> dict[str, Any]:
    """The fields to send, by their names in the catalogue."""
    if not isinstance(request, VideoRequest):
        given = request.given()
        return {name: value for name, value in given.items() if name != "model"}
    given = request.to_send(rules)
    inside = given.get("metadata")
    if isinstance(inside, dict):  # else a fault of its own
        del given["metadata"]
    else:
        inside = {}
    fields = rules.fields if rules else {}
    listed = {name for name, rule in fields.items() if rule.place == "metadata"}
    given |= {name if name in listed else f"{METADATA}{name}": inside[name] for name in inside}
    return {name: value for name, value in given.items() if name != "model"}


def _written(name: str, request: Request) -> str:
    """How a field was written: a field may be given in the metadata of `extra`."""
    inside = request.extra.get("metadata") if isinstance(request, VideoRequest) else None
    return f"{METADATA}{name}" if isinstance(inside, dict) and name in inside else name


def _wrong_model(request: Request, catalogue: Catalogue) -> Broken:
    models = either(catalogue.taking(request.section))
    return "model", request.model, f"{_LACKS[request.section]}; use {models}"


def _unlisted(name: str, value: Any, request: Request, catalogue: Catalogue) -> Broken:
    rules = catalogue.rules_of(request.model)
    fields = (rules.section(request.section) or {}) if rules else {}
    others = catalogue.having(name, request.section)
    if others:
        models = others[:_MODELS_SHOWN] + (["others"] if others[_MODELS_SHOWN:] else [])
        return name, value, f"it has no such field; use {either(models)}"
    near = get_close_matches(name.removeprefix(METADATA), fields, n=1)
    return name, value, f"it has no such field{f'; did you mean {near[0]}?' if near else ''}"


def _host_faults(
    request: Request, rules: ModelRules | None, named: set[str], *, private: bool
) -> list[Broken]:
    """URLs whose host must not be contacted, in any field: the provider may fetch them all.

    Args:
        request: Of any kind.
        rules: Of its model.
        named: The places that have a fault already.
        private: As for `check`.
    """
    return [
        (place, url, why)
        for name, value in _named(request, rules).items()
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


def _conflict(conflict: Conflict, fields: Mapping[str, Any]) -> Broken:
    present = [part for part in conflict.parts if not _is_absence(part[1])]
    (first, _), *others = present or conflict.parts
    together = [_part_in_words(name, wanted, fields) for name, wanted in others]
    absent = [name for name, wanted in conflict.parts if _is_absence(wanted) and name != first]
    words = [f"together with {' and '.join(together)}"] if together else []
    words += [f"without {' or '.join(absent)}"] if absent else []
    name = first.partition(".")[0]
    rule = f"not {' and '.join(words)}: {conflict.why}" if words else conflict.why
    return name, fields.get(name), rule


def _part_in_words(name: str, expected: Expected, fields: Mapping[str, Any]) -> str:
    if "." in name:  # of an object in an array
        return f"{name}={expected}" if isinstance(expected, str) else name
    return name if isinstance(expected, Given) else f"{name}={shown(fields.get(name))}"


def _is_absence(expected: Expected) -> bool:
    return isinstance(expected, Given) and not expected.given
