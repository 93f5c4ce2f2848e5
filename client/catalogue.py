"""The catalogue of models: the fields that each accepts, as data (see `catalogue.yaml`)."""

import os
import re
from fnmatch import fnmatchcase
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails
from typing_extensions import Self

from prefect_toapis.client.errors import InvalidCatalogue
from prefect_toapis.client.local_files import read_file, why_unreadable
from prefect_toapis.client.media import Kind
from prefect_toapis.client.yaml_json import Bounds, read_yaml

VARIABLE = "TOAPIS_CATALOGUE"

JSONType = Literal["string", "integer", "number", "boolean", "array", "object"]
Section = Literal["fields", "character", "remix"]

_BOUNDS = Bounds(length=1_000_000, values=100_000, characters=1_000_000)
_PATTERN = re.compile(r"[*?\[]")


class FieldRule(BaseModel):
    """The rule of a field of a model; an empty rule says only that the model has the field.

    Args:
        media: The kind of file at the URL, or at each URL of an array.
        items: The rules of each object of an array; empty: any. Unlisted members are rejected.

    Example:
        >>> FieldRule(format="url", media="image", max_items=7).types()
        {'array'}
    """

    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid", frozen=True)

    type: JSONType | None = None
    required: bool = False
    choices: tuple[str | int, ...] = ()
    minimum: int | float | None = None
    maximum: int | float | None = None
    max_items: int | None = None
    pattern: re.Pattern[str] | None = None
    format: Literal["url", "url-or-task", "segment"] | None = None
    media: Kind | None = None
    items: dict[str, "FieldRule"] = {}
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
        if self.items and (self.format or self.choices):
            raise ValueError("items are objects; format and choices don't apply to them")
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
        return self.format in {"url", "url-or-task"}

    def _needed_types(self) -> dict[str, set[JSONType]]:
        needed: dict[str, tuple[bool, set[JSONType]]] = {
            "minimum": (self.minimum is not None, {"integer", "number"}),
            "maximum": (self.maximum is not None, {"integer", "number"}),
            "max_items": (self.max_items is not None, {"array"}),
            "pattern": (self.pattern is not None, {"string"}),
            "format: segment": (self.format == "segment", {"string"}),
            "format: url": (self.holds_urls, {"string", "array"}),
            "items": (bool(self.items), {"array"}),
        }
        return {name: types for name, (given, types) in needed.items() if given}


class Conflict(BaseModel):
    """Values that a model doesn't accept together."""

    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid", frozen=True)

    values: dict[str, Any]
    why: str


class ModelRules(BaseModel):
    """The rules of a model.

    Args:
        fields: Of a request for a video. Unlisted fields are rejected, unless `open`.
        character: Of a request for a character; None: not supported.
        remix: Of a request for a remix; None: not supported.
        open: Whether the model has further fields, which are sent unchecked.
    """

    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid", frozen=True)

    fields: dict[str, FieldRule]
    character: dict[str, FieldRule] | None = None
    remix: dict[str, FieldRule] | None = None
    conflicts: tuple[Conflict, ...] = ()
    needs: dict[str, tuple[str, ...]] = {}
    defaults: dict[str, Any] = {}
    open: bool = False

    def section(self, section: Section) -> dict[str, FieldRule] | None:
        """The fields of a kind of request; None if the model doesn't support it."""
        return {"fields": self.fields, "character": self.character, "remix": self.remix}[section]


class Catalogue(BaseModel):
    """The known models; requests of other models are sent unchecked.

    A name may be a pattern such as `kling-*`. A model's own entry precedes patterns, and the
    longest pattern precedes others.

    Example:
        >>> Catalogue.shipped().models["sora-2"].fields["duration"].choices
        (10, 15)
    """

    model_config = ConfigDict(hide_input_in_errors=True, frozen=True)

    models: dict[str, ModelRules]

    @classmethod
    @cache
    def shipped(cls) -> "Catalogue":
        """The catalogue shipped with this package."""
        text = files("prefect_toapis.client").joinpath("catalogue.yaml").read_text(encoding="utf-8")
        return _parsed(text, "catalogue.yaml")

    @classmethod
    def extended(cls, source: Path | str) -> "Catalogue":
        """The shipped catalogue with models added or replaced.

        Args:
            source: The path of a YAML file in the form of `catalogue.yaml`, or such text itself.

        Raises:
            InvalidCatalogue: It is unreadable or malformed; the message has the file and place.

        Example:
            >>> own = "models: {wan-9: {fields: {prompt: {}, duration: {choices: [5, 8]}}}}"
            >>> Catalogue.extended(own).models["wan-9"].fields["duration"].choices
            (5, 8)
        """
        if isinstance(source, Path):
            own = _parsed(_text_of(source), str(source))
        else:
            own = _parsed(source, "the catalogue's text")
        return cls(models=cls.shipped().models | own.models)

    @classmethod
    def current(cls) -> "Catalogue":
        """The catalogue in use: the shipped one, extended by the file that TOAPIS_CATALOGUE names.

        A file is read once per process.

        Raises:
            InvalidCatalogue: As `extended`.
        """
        path = os.environ.get(VARIABLE, "").strip()
        if "://" in path:  # it may contain a password
            raise InvalidCatalogue(f"{VARIABLE} is a URL; give the path of a file")
        return _extended_by(Path(path)) if path else cls.shipped()

    def rules_of(self, model: str) -> ModelRules | None:
        """The rules of a model, by its name or the longest matching pattern; None if unknown.

        Example:
            >>> Catalogue.shipped().rules_of("kling-v3") is not None
            True
        """
        if model in self.models:
            return self.models[model]
        fitting = [name for name in self.models if fnmatchcase(model, name)]
        return self.models[max(fitting, key=len)] if fitting else None

    def names(self) -> list[str]:
        """The models with an entry of their own, without patterns.

        Example:
            >>> [name for name in Catalogue.shipped().names() if "kling" in name]
            []
        """
        return [name for name in self.models if not _PATTERN.search(name)]

    def having(self, field: str, section: Section = "fields") -> list[str]:
        """The models that have a field."""
        return [
            name for name, rules in self.models.items() if field in (rules.section(section) or {})
        ]

    def taking(self, section: Section) -> list[str]:
        """The models that support a kind of request."""
        return [name for name, rules in self.models.items() if rules.section(section) is not None]

    def choices(self, field: str) -> list[str | int]:
        """Every value that any model accepts for a field, in the catalogue's order."""
        found = {
            choice: None
            for rules in self.models.values()
            if field in rules.fields
            for choice in rules.fields[field].choices
        }
        return list(found)


@cache
def _extended_by(path: Path) -> Catalogue:
    return Catalogue.extended(path)


def _text_of(path: Path) -> str:
    try:
        return read_file(path, _BOUNDS.length).decode()
    except UnicodeDecodeError:
        raise InvalidCatalogue(f"{path}: it is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        raise InvalidCatalogue(f"{path}: {why_unreadable(error)}") from None


def _parsed(text: str, origin: str) -> Catalogue:
    try:
        document = read_yaml(text, _BOUNDS)
    except ValueError as error:
        raise InvalidCatalogue(_at(origin, str(error))) from None
    if document.faults:
        raise InvalidCatalogue(_at(origin, "; ".join(document.faults)))
    try:
        return Catalogue.model_validate(document.data)
    except ValidationError as error:
        faults = [
            ": ".join(filter(None, (_place(detail), detail["msg"]))) for detail in error.errors()
        ]
        raise InvalidCatalogue(f"{origin}: {'; '.join(faults)}") from None
    except (ValueError, RecursionError) as error:
        raise InvalidCatalogue(f"{origin}: {error}") from None


def _at(origin: str, fault: str) -> str:
    return f"{origin}{', ' if fault.startswith('line ') else ': '}{fault}"


def _place(fault: ErrorDetails) -> str:
    return ".".join(map(str, fault["loc"]))
