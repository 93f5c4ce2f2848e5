"""The catalogue of models: the fields that each accepts, as data (see the folder `models`)."""

import os
import re
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails
from typing_extensions import Self

from prefect_toapis.client.errors import InvalidCatalogue
from prefect_toapis.client.local_files import read_file, why_unreadable
from prefect_toapis.client.model_rules import FieldRule, ModelRules, Section
from prefect_toapis.client.yaml_json import Bounds, in_file, read_yaml

VARIABLE = "TOAPIS_CATALOGUE"
FAMILIES = (  # the files of the folder `models`, in the order in which models are shown
    *("sora", "veo", "gemini", "seedance", "kling", "wan"),
    *("minimax", "vidu", "happyhorse", "grok"),
)

_BOUNDS = Bounds(length=1_000_000, values=100_000, characters=1_000_000)
# libyaml's is ten times as fast; every process that imports the flows reads the shipped files.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PATTERN = re.compile(r"[*?\[]")


class Catalogue(BaseModel):
    """The known models; requests of other models are sent unchecked.

    Names are found in any case. A name may be a pattern such as `kling-*`. A model's own entry
    precedes patterns, and the longest pattern precedes others.

    Example:
        >>> Catalogue.shipped().models["sora-2"].fields["duration"].choices
        (10, 15)
    """

    model_config = ConfigDict(hide_input_in_errors=True, frozen=True)

    models: dict[str, ModelRules]

    @model_validator(mode="before")
    @classmethod
    def _with_family(cls, value: Any) -> Any:
        """Give the models of a file its family, unless they name their own."""
        if not isinstance(value, dict) or not isinstance(models := value.get("models"), dict):
            return value
        family = {"family": value["family"]} if "family" in value else {}
        named = {
            name: {**family, **rules} if isinstance(rules, dict) else rules
            for name, rules in models.items()
        }
        return {**value, "models": named}

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Self:
        seen: dict[str, str] = {}
        for name, rules in self.models.items():
            for other in (name, *rules.aliases):
                if (first := seen.setdefault(other.lower(), name)) != name:
                    raise ValueError(f"{other} names two models, {first} and {name}")
        return self

    @classmethod
    @cache
    def shipped(cls) -> "Catalogue":
        """The catalogue shipped with this package."""
        folder = files("prefect_toapis.client").joinpath("models")
        models: dict[str, ModelRules] = {}
        for family in FAMILIES:
            text = folder.joinpath(f"{family}.yaml").read_text(encoding="utf-8")
            models |= cls.model_validate(yaml.load(text, Loader=_Loader)).models  # noqa: S506 - a safe one
        return cls(models=models)

    @classmethod
    def extended(cls, source: Path | str) -> "Catalogue":
        """The shipped catalogue with models added or replaced.

        Args:
            source: The path of a YAML file in the form of those in `models`, or such text itself.

        Raises:
            InvalidCatalogue: It is unreadable or malformed; the message has the file and place.

        Example:
            >>> own = "models: {wan-9: {fields: {prompt: {}, duration: {choices: [5, 8]}}}}"
            >>> Catalogue.extended(own).models["wan-9"].fields["duration"].choices
            (5, 8)
        """
        if isinstance(source, Path):
            text, origin = _text_of(source), str(source)
        else:
            text, origin = source, "the catalogue's text"
        own = _parsed(text, origin)
        replaced = {name.lower() for name in own.models}
        others = {
            name: rules
            for name, rules in cls.shipped().models.items()
            if name in own.models or name.lower() not in replaced
        }
        return _valid({"models": {**others, **own.models}}, origin)

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

    def canonical(self, model: str) -> str:
        """The name of a model as the provider writes it; unknown names are unchanged.

        Example:
            >>> Catalogue.shipped().canonical("veo3.1-FAST-official")
            'Veo3.1-fast-official'
        """
        return self._by_name.get(model.lower(), model)

    def rules_of(self, model: str) -> ModelRules | None:
        """The rules of a model, by a name or the longest matching pattern; None if unknown.

        Example:
            >>> Catalogue.shipped().rules_of("Kling-V3") is not None
            True
        """
        if found := self.models.get(self.canonical(model)):
            return found
        fitting = [name for name in self.models if fnmatchcase(model, name)]
        return self.models[max(fitting, key=len)] if fitting else None

    def names(self) -> list[str]:
        """The models with an entry of their own, without patterns.

        Example:
            >>> [name for name in Catalogue.shipped().names() if "veo" in name]
            ['veo3.1-fast', 'veo3.1-quality', 'veo3.1-lite']
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

    @cached_property
    def fields(self) -> dict[str, FieldRule]:
        """The fields of videos of all models together, each as the first model has it."""
        return {
            name: rule
            for rules in reversed(self.models.values())
            for name, rule in rules.fields.items()
        }

    @cached_property
    def _by_name(self) -> dict[str, str]:
        return {
            other.lower(): name
            for name, rules in self.models.items()
            for other in (name, *rules.aliases)
        }

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
        raise InvalidCatalogue(in_file(origin, str(error))) from None
    if document.faults:
        raise InvalidCatalogue(in_file(origin, "; ".join(document.faults)))
    return _valid(document.data, origin)


def _valid(data: Any, origin: str) -> Catalogue:
    if not isinstance(data, dict):
        raise InvalidCatalogue(f"{origin}: expected models: with an entry for each")
    try:
        return Catalogue.model_validate(data)
    except ValidationError as error:
        faults = [
            ": ".join(filter(None, (_place(detail), detail["msg"] + _meant(detail))))
            for detail in error.errors()
        ]
        raise InvalidCatalogue(f"{origin}: {'; '.join(faults)}") from None
    except (ValueError, RecursionError) as error:
        raise InvalidCatalogue(f"{origin}: {error}") from None


def _place(fault: ErrorDetails) -> str:
    return ".".join(map(str, fault["loc"]))


def _meant(fault: ErrorDetails) -> str:
    """The key that was probably meant in place of one that doesn't exist."""
    if fault["type"] != "extra_forbidden":
        return ""
    schema = FieldRule if {"fields", "items"} & set(fault["loc"][:-1]) else ModelRules
    keys = [info.alias or name for name, info in schema.model_fields.items()]
    near = get_close_matches(str(fault["loc"][-1]), keys, n=1)
    return f"; did you mean {near[0]}?" if near else ""
