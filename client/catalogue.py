"""The catalogue of models: what each takes, as data (see `catalogue.yaml`)."""

from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict


class FieldRule(BaseModel):
    """What a field of one model may hold; an empty rule says only that the model has the field."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    choices: tuple[str | int, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    max_items: int | None = None
    format: Literal["url", "url-or-task", "segment"] | None = None
    seconds: tuple[float, float] | None = None
    unit: str = ""


class Conflict(BaseModel):
    """Values that a model doesn't take together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    values: dict[str, Any]
    why: str


class ModelRules(BaseModel):
    """Everything known of a model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: dict[str, FieldRule]
    conflicts: tuple[Conflict, ...] = ()
    needs: dict[str, tuple[str, ...]] = {}
    defaults: dict[str, Any] = {}


class Catalogue(BaseModel):
    """The models that are known; others are passed through with their rules unchecked.

    Example:
        >>> Catalogue.shipped().models["sora-2"].fields["duration"].choices
        (10, 15)
    """

    model_config = ConfigDict(frozen=True)

    models: dict[str, ModelRules]

    @classmethod
    @cache
    def shipped(cls) -> "Catalogue":
        """The catalogue that comes with this package."""
        text = files("prefect_toapis.client").joinpath("catalogue.yaml").read_text(encoding="utf-8")
        return cls.model_validate(yaml.safe_load(text))

    def having(self, field: str) -> list[str]:
        """The models that have a field."""
        return [name for name, rules in self.models.items() if field in rules.fields]

    def choices(self, field: str) -> list[str | int]:
        """Every value that some model takes for a field, in the catalogue's order."""
        found = {
            choice: None
            for rules in self.models.values()
            if field in rules.fields
            for choice in rules.fields[field].choices
        }
        return list(found)
