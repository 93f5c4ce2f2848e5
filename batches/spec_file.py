"""A batch from a file: YAML or JSON, all faults in one go."""

import difflib
import json
import re
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

_SECTIONS: dict[str, type[BaseModel]] = {
    "scenes": Scene,
    "variants": Variant,
    "characters": Character,
    "casts": Cast,
    "settings": RunSettings,
}
_TEXT = re.compile(r"\d+:\d+|\d{4}-\d\d?-\d\d?")


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: 16:9 is no number of minutes, and 2026-11-22 is a fine name."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML declares it
        **yaml.SafeLoader.yaml_implicit_resolvers,
        **{
            digit: [
                ("tag:yaml.org,2002:str", _TEXT),
                *yaml.SafeLoader.yaml_implicit_resolvers[digit],
            ]
            for digit in "0123456789"
        },
    }


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
        >>> read_spec("{scenes: [A dog], variant: []}", "batch.yaml")[1]
        ["batch.yaml: variant: there is no such field; did you mean 'variants'?"]
    """
    try:
        data = _load(text, name)
    # Whatever a constructor of PyYAML stumbles over, `!!bool maybe` for one, comes out as it is.
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        return BatchSpec(), [f"{name}: it can't be read: {error}"]
    except yaml.YAMLError as error:
        return BatchSpec(), [f"{name}: it can't be read: {_where(error)}"]
    if not isinstance(data, dict):
        return BatchSpec(), [f"{name}: it should hold fields such as scenes: and variants:"]
    try:
        return BatchSpec.model_validate(data), []
    except ValidationError as error:
        faults = [f"{name}: {_fault(one)}" for one in error.errors(include_url=False)]
        return _without(data, error), faults


def _load(text: str, name: str) -> Any:
    data = (
        json.loads(text) if name.endswith(".json") else yaml.load(text, _Loader)  # noqa: S506 - safe
    )
    json.dumps(data, ensure_ascii=False).encode()  # the record must be able to hold it
    return data


def _where(error: yaml.YAMLError) -> str:
    """What is wrong and where, without the text around it: it may hold signed URLs."""
    if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark):
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


def _without(data: dict[str, Any], error: ValidationError) -> BatchSpec:
    """What is left without the fields that are wrong or, if it isn't enough, what holds them."""
    for one in error.errors():
        *path, last = one["loc"]
        place: Any = data
        for step in path:
            place = _step(place, step)
        if isinstance(place, dict):
            place.pop(last, None)
    try:
        return BatchSpec.model_validate(data)
    except ValidationError as rest:
        broken = {one["loc"][:2] for one in rest.errors()}
    whole = {
        section: [one for place, one in enumerate(items) if (section, place) not in broken]
        for section, items in data.items()
        if isinstance(items, list)
    }
    try:
        return BatchSpec.model_validate({**data, **whole})
    except ValidationError:
        return BatchSpec()


def _step(place: Any, step: int | str) -> Any:
    """Errors also name what validation made, such as the roles of a mapping: not in the data."""
    try:
        return place[step]
    except (KeyError, IndexError, TypeError):
        return place


def _fault(error: Any) -> str:
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error["loc"])
    where = where.removeprefix(".")
    if error["type"] != "extra_forbidden":
        return f"{where}: {error['msg']}"
    return f"{where}: there is no such field{_instead(*error['loc'])}"


def _instead(*loc: int | str) -> str:
    """The field that was meant, or the section in which there is one of that name."""
    *path, name = map(str, loc)
    model = Role if "roles" in path else _SECTIONS[path[0]] if path else BatchSpec
    if near := difflib.get_close_matches(name, model.model_fields, n=1):
        return f"; did you mean {near[0]!r}?"
    homes = [section for section, other in _SECTIONS.items() if name in other.model_fields]
    return f"; it belongs in {' or '.join(homes)}" if homes else ""
