"""What a model takes, as data, and how a request is checked against it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from prefect_toapis.simulator.field_rules import Items, Media, Members, Taken

GIVEN: Final = object()
"""In a rule: the field is sent, and isn't empty."""

ABSENT: Final = object()
"""In a rule: the field isn't sent, or is empty."""

_OURS = frozenset({"model", "metadata", "client_business_id", "callback_url"})
_OURS_INSIDE = frozenset({"client_business_id"})  # [D]


@dataclass(frozen=True)
class Except:
    """In a rule: any value but these, where the field is sent."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class MoreThan:
    """In a rule: the field has more items than this."""

    number: int


@dataclass(frozen=True)
class Forbidden:
    """Fields that don't go together.

    Args:
        field: Which is at fault.
        why: For the message.
        when: What must be so of each field for the rule to be broken: GIVEN, ABSENT, `Except`,
            `MoreThan`, a value or a tuple of values. `role:first_frame` stands for the items with
            this role.
    """

    field: str
    why: str
    when: Mapping[str, Any]


@dataclass(frozen=True)
class AtMost:
    """A limit on the number of items in several fields together."""

    number: int
    fields: tuple[str, ...]


Rule = Forbidden | AtMost


@dataclass(frozen=True)
class Model:
    """What a model takes.

    Args:
        top: Its fields at the top level.
        inside: Its fields inside `metadata`.
        rules: What is refused.
        fails_late: What is accepted, and fails while it is rendered.
        sound: The field that decides whether the video has sound; empty: it always has.
        any_top: Whether fields beside `top` are taken; likewise `any_inside`.
    """

    top: Mapping[str, Taken]
    inside: Mapping[str, Taken] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    fails_late: tuple[Forbidden, ...] = ()
    sound: str = ""
    any_top: bool = False
    any_inside: bool = False

    @property
    def fields(self) -> dict[str, Taken]:
        """All of its fields by name, wherever they belong."""
        return {**self.inside, **self.top}


@dataclass(frozen=True)
class Ordered:
    """A request that was read: its fields by name, wherever they belong.

    Args:
        model: The model's name.
        rules: What the model takes.
        sent: What was sent.
    """

    model: str
    rules: Model
    sent: Mapping[str, Any] = field(repr=False)  # may hold signed URLs

    def value(self, name: str) -> Any:
        """What was sent in a field, or the model's default."""
        if name in self.sent:
            return self.sent[name]
        taken = self.rules.fields.get(name)
        return taken.default if taken else None

    def has(self, name: str) -> bool:
        """Whether a field was sent and isn't empty; `role:first_frame` asks for such items."""
        if name.startswith("role:"):
            return any(name.removeprefix("role:") in found for found in self._roles())
        return self.sent.get(name) not in (None, "", [], {})

    def count(self, name: str) -> int:
        """How many items a field has; 1 for what isn't a list."""
        value = self.sent.get(name)
        return len(value) if isinstance(value, list) else int(self.has(name))

    def media(self) -> set[Media]:
        """Which kinds of files it refers to."""
        taken = self.rules.fields
        return {kind for name in self.sent if (kind := _media(taken.get(name))) and self.has(name)}

    def _roles(self) -> Iterator[Mapping[str, int]]:
        for name, taken in self.rules.fields.items():
            value = self.sent.get(name)
            if isinstance(taken, Items) and isinstance(taken.each, Members):
                yield taken.each.roles(value if isinstance(value, list) else [])


def apart(name: str, *others: str) -> tuple[Forbidden, ...]:
    """A field that isn't taken together with any of others."""
    return tuple(
        Forbidden(name, f"not together with {other}", {name: GIVEN, other: GIVEN})
        for other in others
    )


def needs(name: str, *any_of: str, when: Mapping[str, Any] | None = None) -> Forbidden:
    """A field that isn't taken without one of others, or a case in which one of them is required.

    Args:
        name: The field.
        any_of: The others.
        when: The case, if it isn't that the field is given.
    """
    absent = dict.fromkeys(any_of, ABSENT)
    why = f"it needs {' or '.join(any_of)}"
    return Forbidden(name, why, {**(when or {name: GIVEN}), **absent})


def one_of(*names: str) -> Forbidden:
    """Fields of which one is required."""
    return Forbidden(names[0], f"give {' or '.join(names)}", dict.fromkeys(names, ABSENT))


def read_fields(model: str, rules: Model, body: Mapping[str, Any]) -> tuple[Ordered, list[str]]:
    """A request's fields, and what is wrong with them, each fault beginning with its place.

    Args:
        model: The model's name.
        rules: What it takes.
        body: The request's JSON.

    Example:
        >>> from prefect_toapis.simulator.field_rules import Flag
        >>> rules = Model(top={}, inside={"watermark": Flag()})
        >>> read_fields("kling-v3", rules, {"watermark": True})[1]
        ['watermark: it belongs inside metadata']
    """
    inside = body.get("metadata", {})
    if not isinstance(inside, dict):
        return Ordered(model, rules, {}), ["metadata: it must be an object"]
    top = {name: value for name, value in body.items() if name not in _OURS}
    inside = {name: value for name, value in inside.items() if name not in _OURS_INSIDE}
    ordered = Ordered(model, rules, {**inside, **top})
    faults = [*_field_faults(rules, top, inside)]
    return ordered, faults or [*_broken(ordered, rules.rules)]


def fails_late(ordered: Ordered) -> str | None:
    """Why a request that was accepted fails while it is rendered; None if it doesn't."""
    return next(_broken(ordered, ordered.rules.fails_late), None)


def _field_faults(rules: Model, top: Mapping[str, Any], inside: Mapping[str, Any]) -> Iterator[str]:
    yield from _faults_at(rules.top, top, "")
    yield from _faults_at(rules.inside, inside, "metadata.")
    for name in top.keys() - rules.top.keys():
        if name in rules.inside:
            yield f"{name}: it belongs inside metadata"
        elif not rules.any_top:
            yield f"{name}: the model has no such field"
    for name in inside.keys() - rules.inside.keys():
        if not rules.any_inside:
            misplaced = name in rules.top
            why = "it belongs at the top level" if misplaced else "the model has no such field"
            yield f"metadata.{name}: {why}"


def _faults_at(taken: Mapping[str, Taken], sent: Mapping[str, Any], where: str) -> Iterator[str]:
    for name, rule in taken.items():
        if name in sent:
            yield from rule.faults(where + name, sent[name])
        elif rule.required:
            yield f"{where}{name}: it is required"


def _broken(ordered: Ordered, rules: tuple[Rule, ...]) -> Iterator[str]:
    for rule in rules:
        if isinstance(rule, AtMost):
            count = sum(ordered.count(name) for name in rule.fields)
            if count > rule.number:
                names = ", ".join(rule.fields)
                why = f"{count} items exceed the limit of {rule.number} for {names} together"
                yield f"{rule.fields[0]}: {why}"
        elif all(_is_so(ordered, name, wanted) for name, wanted in rule.when.items()):
            where = "metadata." if rule.field in ordered.rules.inside else ""
            yield f"{where}{rule.field}: {rule.why}"


def _is_so(ordered: Ordered, name: str, wanted: Any) -> bool:
    if wanted is GIVEN or wanted is ABSENT:
        return ordered.has(name) == (wanted is GIVEN)
    if isinstance(wanted, MoreThan):
        return ordered.count(name) > wanted.number
    if isinstance(wanted, Except):
        return ordered.has(name) and ordered.value(name) not in wanted.values
    return ordered.value(name) in (wanted if isinstance(wanted, tuple) else (wanted,))


def _media(taken: Taken | None) -> Media | None:
    return taken.media if taken else None
