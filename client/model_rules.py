"""The rules of a model, as the catalogue's files write them: its fields, and what goes together."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from typing_extensions import Self

from prefect_toapis.client.media_limits import MediaLimits

JSONType = Literal["string", "integer", "number", "boolean", "array", "object"]
Section = Literal["fields", "character", "remix", "extend"]
Purpose = Literal["text", "image", "reference", "edit", "extend", "remix", "characters"]
MediaKind = Literal["image", "video", "audio"]

METADATA = "metadata."


class Given(BaseModel):
    """Stands for a value in a condition: whether the field is given at all."""

    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid", frozen=True)

    given: bool


Expected = Given | str | int | float | bool | tuple[str | int | float | bool, ...]
Condition = dict[str, Expected]


def holds(condition: Condition, fields: Mapping[str, Any]) -> bool:
    """Whether the fields of a request meet every part of a condition.

    Args:
        condition: By field: a value, several values of which any will do, or `given`. A field of
            the objects in an array is `array.member`; any of the objects will do.
        fields: The fields of a request, by name, defaults included.

    Example:
        >>> holds({"images.role": "first_frame"}, {"images": [{"role": "first_frame"}]})
        True
        >>> holds({"audio": True, "mode": Given(given=False)}, {"audio": True, "mode": "std"})
        False
    """
    return all(_meets(expected, _values(name, fields)) for name, expected in condition.items())


def _values(name: str, fields: Mapping[str, Any]) -> list[Any]:
    array, dot, member = name.partition(".")
    if not dot:
        return [fields[name]] if name in fields else []
    items = fields.get(array)
    if not isinstance(items, list):
        return []
    return [item[member] for item in items if isinstance(item, dict) and member in item]


def _meets(expected: Expected, found: list[Any]) -> bool:
    if isinstance(expected, Given):
        return bool(found) is expected.given
    wanted = expected if isinstance(expected, tuple) else (expected,)
    return any(_equal(value, other) for value in found for other in wanted)


def _equal(value: Any, other: Any) -> bool:
    if isinstance(value, bool) or isinstance(other, bool):  # True == 1 in Python
        return value is other
    return bool(value == other)


class FieldRule(BaseModel):
    """The rule of a field of a model; an empty rule says only that the model has the field.

    Args:
        place: Where the field is sent: at the top level of the body, or in `metadata`.
        default: What the provider assumes if it isn't sent; None: not documented.
        also: Values outside the range that are accepted, such as -1 for "automatic".
        used_items: How many items the provider uses; it ignores others.
        media: The kind of file at the URL, or at each URL of an array.
        limits: What such a file must be like, beyond the limits of uploads.
        items: The rules of each object of an array; empty: any. Unlisted members are rejected.
        at_most: For a member of `items`: how many objects of an array may have each value.

    Example:
        >>> FieldRule(format="url", media="image", max_items=7).types()
        {'array'}
    """

    model_config = ConfigDict(
        hide_input_in_errors=True, extra="forbid", frozen=True, validate_by_name=True
    )

    place: Literal["top", "metadata"] = Field(default="top", alias="in")
    type: JSONType | None = None
    required: bool = False
    default: str | int | float | bool | None = None
    choices: tuple[str | int, ...] = ()
    minimum: int | float | None = None
    maximum: int | float | None = None
    also: tuple[int, ...] = ()
    max_length: int | None = None
    max_items: int | None = None
    used_items: int | None = None
    pattern: re.Pattern[str] | None = None
    format: Literal["url", "url-or-task", "url-or-asset", "segment"] | None = None
    media: MediaKind | None = None
    limits: MediaLimits | None = None
    items: dict[str, "FieldRule"] = {}
    at_most: dict[str, int] = {}
    seconds: tuple[float, float] | None = None
    unit: str = ""

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        for name, types in self._needed_types().items():
            if self.type is not None and self.type not in types:
                raise ValueError(f"{name} doesn't apply to a field of type {self.type}")
        if not self.types() and self._needed_types():
            raise ValueError(f"{' and '.join(self._needed_types())} are of different types")
        if self.media and not self.holds_urls:
            raise ValueError("media doesn't apply to a field without format: url or url-or-task")
        if self.limits and not self.media:
            raise ValueError("limits doesn't apply to a field without media")
        if self.items and (self.format or self.choices):
            raise ValueError("items are objects; format and choices don't apply to them")
        if self.also and self.minimum is None and self.maximum is None:
            raise ValueError("also doesn't apply to a field without minimum or maximum")
        if unknown := [value for value in self.at_most if value not in self.choices]:
            raise ValueError(f"at_most: {unknown[0]} is not one of its choices")
        if (default := self.default) is not None and not self._allows(default):
            raise ValueError(f"default: {default} breaks the field's own rule")
        return self

    def types(self) -> set[JSONType] | None:
        """The types that its value may have: by `type`, or else by the other rules."""
        if self.type is not None:
            return {self.type}
        return self._types_by_rules

    @cached_property
    def _types_by_rules(self) -> set[JSONType] | None:
        needed = self._needed_types().values()
        return set.intersection(*needed) if needed else None

    @property
    def holds_urls(self) -> bool:
        """Whether it is a URL, or an array of them."""
        return self.format in {"url", "url-or-task", "url-or-asset"}

    @property
    def values(self) -> str:
        """The accepted values, as display text; empty: any.

        Example:
            >>> FieldRule(minimum=4, maximum=15, also=(-1,), unit="seconds").values
            '4 to 15 seconds, or -1'
        """
        if self.choices:
            return f"{', '.join(map(str, self.choices))} {self.unit}".rstrip()
        low, high = self.minimum, self.maximum
        if low is not None and high is not None:
            words = f"{low} to {high} {self.unit}".rstrip()
        elif low is not None or high is not None:
            word, bound = ("at least", low) if low is not None else ("at most", high)
            words = f"{word} {bound} {self.unit}".rstrip()
        else:
            return ""
        return f"{words}, or {' or '.join(map(str, self.also))}" if self.also else words

    def in_range(self, value: float) -> bool:
        """Whether a number is within `minimum` and `maximum`, or in `also`."""
        above = self.minimum is None or value >= self.minimum
        below = self.maximum is None or value <= self.maximum
        return (above and below) or value in self.also

    def _allows(self, value: str | float | bool) -> bool:
        if self.choices:
            return value in self.choices
        return not isinstance(value, (int, float)) or self.in_range(value)

    def _needed_types(self) -> dict[str, set[JSONType]]:
        needed: dict[str, tuple[bool, set[JSONType]]] = {
            "minimum": (self.minimum is not None, {"integer", "number"}),
            "maximum": (self.maximum is not None, {"integer", "number"}),
            "max_length": (self.max_length is not None, {"string"}),
            "max_items": (self.max_items is not None, {"array"}),
            "used_items": (self.used_items is not None, {"array"}),
            "pattern": (self.pattern is not None, {"string"}),
            "format: segment": (self.format == "segment", {"string"}),
            "format: url": (self.holds_urls, {"string", "array"}),
            "items": (bool(self.items), {"array"}),
        }
        return {name: types for name, (given, types) in needed.items() if given}


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


Conditions = Annotated[tuple[Condition, ...], BeforeValidator(_as_list)]


class Conflict(BaseModel):
    """Values that a model doesn't accept together.

    Args:
        values: A condition, or several that hold together; see `holds`.
        unless: A condition under which it does accept them.
        why: The reason, in a few words.
    """

    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid", frozen=True)

    values: Conditions
    unless: Condition = {}
    why: str

    def applies(self, fields: Mapping[str, Any]) -> bool:
        """Whether the fields of a request, defaults included, have these values."""
        together = all(holds(condition, fields) for condition in self.values)
        return together and not (self.unless and holds(self.unless, fields))

    @property
    def parts(self) -> list[tuple[str, Expected]]:
        """Each field of the conditions with what is expected of it."""
        return [part for condition in self.values for part in condition.items()]


class Total(BaseModel):
    """How many items several fields may have together.

    Args:
        fields: An array counts its items, any other value counts 1.
        max_items: The limit.
        values: A condition under which it applies; see `holds`.
    """

    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid", frozen=True)

    fields: tuple[str, ...]
    max_items: int
    values: Condition = {}

    def count(self, fields: Mapping[str, Any]) -> int:
        """The number of items in the fields of a request."""
        found = [fields[name] for name in self.fields if name in fields]
        return sum(len(value) if isinstance(value, list) else 1 for value in found)


class SlowWhen(BaseModel):
    """How long a generation may take if a request has these values; see `holds`."""

    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid", frozen=True)

    values: Condition
    hours: float = Field(gt=0, le=168)


def _by_own_names(fields: Any) -> Any:
    """Fields written as `metadata.x`, as `x: {in: metadata}`."""
    if not isinstance(fields, dict):
        return fields
    named: dict[Any, Any] = {}
    for written, rule in fields.items():
        name = written.removeprefix(METADATA) if isinstance(written, str) else written
        if name in named:
            raise ValueError(f"{name}: it is listed twice, once as {METADATA}{name}")
        inside = name != written and isinstance(rule, dict)
        named[name] = {**rule, "in": "metadata"} if inside else rule
    return named


Fields = Annotated[dict[str, FieldRule], BeforeValidator(_by_own_names)]


class ModelRules(BaseModel):
    """The rules of a model.

    Args:
        family: The models that it belongs to, for display.
        source: The page of the provider's documentation that the rules are from.
        aliases: Other names of the model.
        purposes: What the model is for.
        fields: Of a request for a video. Unlisted fields are rejected, unless `open`.
        character: Of a request for a character; None: not supported.
        remix: Of a request for a remix; None: not supported.
        extend: Of a request to extend a video; None: not supported.
        conflicts: Values that don't go together.
        exclusive: Fields of which only one may be given.
        one_of: Fields of which at least one must be given.
        needs: Fields that have no effect without one of others.
        totals: How many items fields may have together.
        slow: When a generation may take long.
        assumed: What the provider assumes for fields that aren't sent, besides the `default` of
            each field; also for what the model has no field for, such as a fixed duration.
        open: Whether the model has further fields, which are sent unchecked.
    """

    model_config = ConfigDict(
        hide_input_in_errors=True, extra="forbid", frozen=True, validate_by_name=True
    )

    family: str = ""
    source: str = ""
    aliases: tuple[str, ...] = ()
    purposes: tuple[Purpose, ...] = Field(default=(), alias="for")
    fields: Fields
    character: Fields | None = None
    remix: Fields | None = None
    extend: Fields | None = None
    conflicts: tuple[Conflict, ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    needs: dict[str, tuple[str, ...]] = {}
    totals: tuple[Total, ...] = ()
    slow: tuple[SlowWhen, ...] = ()
    assumed: dict[str, Any] = Field(default={}, alias="defaults")
    open: bool = False

    @model_validator(mode="after")
    def _names_its_fields(self) -> Self:
        parts: dict[str, list[str]] = {
            "conflicts": [
                name
                for conflict in self.conflicts
                for name in (*(name for name, _ in conflict.parts), *conflict.unless)
            ],
            "exclusive": [name for names in self.exclusive for name in names],
            "one_of": [name for names in self.one_of for name in names],
            "needs": [name for field, others in self.needs.items() for name in (field, *others)],
            "totals": [name for total in self.totals for name in (*total.fields, *total.values)],
            "slow": [name for slow in self.slow for name in slow.values],
        }
        for part, names in parts.items():
            for name in names:
                field, dot, member = name.partition(".")
                if field not in self.fields:
                    raise ValueError(f"{part}: {_unlisted(field, self.fields)}")
                if dot and member not in (items := self.fields[field].items):
                    raise ValueError(f"{part}: {field}: {_unlisted(member, items)}")
        return self

    @property
    def defaults(self) -> dict[str, Any]:
        """What the provider assumes for fields that aren't sent, as far as it is documented."""
        fields = self.fields.items()
        return {
            **{name: rule.default for name, rule in fields if rule.default is not None},
            **self.assumed,
        }

    @property
    def needs_prompt(self) -> bool:
        """Whether a video needs a prompt: unless the rule says `required: false`."""
        prompt = self.fields.get("prompt")
        return prompt is None or prompt.required or "required" not in prompt.model_fields_set

    def section(self, section: Section) -> dict[str, FieldRule] | None:
        """The fields of a kind of request; None if the model doesn't support it."""
        return {
            "fields": self.fields,
            "character": self.character,
            "remix": self.remix,
            "extend": self.extend,
        }[section]

    def hours(self, given: Mapping[str, Any]) -> float:
        """How long a generation may take, in hours; 0: as usual.

        Args:
            given: The fields of the request, by name.
        """
        fields = {**self.defaults, **given}
        return max((slow.hours for slow in self.slow if holds(slow.values, fields)), default=0)


def _unlisted(name: str, fields: Mapping[str, Any]) -> str:
    near = get_close_matches(str(name), list(map(str, fields)), n=1)
    return f"{name} is not one of the fields{f'; did you mean {near[0]}?' if near else ''}"
