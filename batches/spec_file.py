"""A batch from a file: YAML or JSON, all faults in one go."""

import difflib
import json
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from prefect_toapis.batches.spec import (
    BatchSpec,
    Cast,
    Character,
    Role,
    RunSettings,
    Scene,
    Variant,
)

_MODELS: tuple[type[BaseModel], ...] = (
    BatchSpec,
    Scene,
    Variant,
    Character,
    Cast,
    Role,
    RunSettings,
)
_FIELDS = sorted({name for model in _MODELS for name in model.model_fields})


def read_spec(text: str, name: str) -> tuple[BatchSpec, list[str]]:
    """Read a batch from a file's text.

    What can be read is returned even where there are faults, so that the plan can tell of its
    own faults in the same go.

    Args:
        text: YAML, or JSON where the name says so.
        name: The file's name, for messages and for its suffix.

    Returns:
        The batch, and what is wrong with the file; the batch is empty if nothing could be read.

    Example:
        >>> read_spec("scenes: [{promt: A dog}]", "batch.yaml")[1][0]
        "batch.yaml: scenes[0].promt: there is no such field; did you mean 'prompt'?"
    """
    try:
        data = json.loads(text) if name.endswith(".json") else yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        return BatchSpec(), [f"{name}: it can't be read: {' '.join(str(error).split())}"]
    if not isinstance(data, dict):
        return BatchSpec(), [f"{name}: it should hold fields such as scenes: and variants:"]
    try:
        return BatchSpec.model_validate(data), []
    except ValidationError as error:
        faults = [f"{name}: {_fault(one)}" for one in error.errors(include_url=False)]
        return _without(data, error), faults


def _without(data: dict[str, Any], error: ValidationError) -> BatchSpec:
    """What is left without the fields that are wrong; an empty batch if it isn't enough."""
    for one in error.errors():
        *path, last = one["loc"]
        place: Any = data
        for step in path:
            place = _step(place, step)
        if isinstance(place, dict):
            place.pop(last, None)
    try:
        return BatchSpec.model_validate(data)
    except ValidationError:
        return BatchSpec()


def _step(place: Any, step: int | str) -> Any:
    """Errors also name the branches of unions and validators, which aren't in the data."""
    try:
        return place[step]
    except (KeyError, IndexError, TypeError):
        return place


def _fault(error: Any) -> str:
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error["loc"])
    where = where.removeprefix(".")
    if error["type"] != "extra_forbidden":
        return f"{where}: {error['msg']}"
    near = difflib.get_close_matches(str(error["loc"][-1]), _FIELDS, n=1)
    return f"{where}: there is no such field{f'; did you mean {near[0]!r}?' if near else ''}"
