"""The smallest spec that a model accepts, made from its rules."""

from collections.abc import Iterator
from itertools import islice, product
from typing import Any

import yaml

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.model_rules import FieldRule, ModelRules
from prefect_toapis.client.request_rules import check
from prefect_toapis.client.requests import VideoRequest

LISTS = {"image_urls"}  # fields that are lists, whatever the catalogue says of their type

_PROMPT = "A golden retriever running on grass, sunny day"  # [P]
_FILES = {
    "image": "https://media.example/dog.jpg",
    "video": "https://media.example/dog.mp4",
    "audio": "https://media.example/bark.mp3",
}
_MOST_TRIED = 100  # ways to give one of each group of fields


def smallest_spec(model: str, catalogue: Catalogue) -> str | None:
    """Return a spec of one video, as YAML; None if none is found that keeps the model's rules.

    Args:
        model: Its name.
        catalogue: Has the rules of the model.

    Example:
        >>> print(smallest_spec("sora-2", Catalogue.shipped()), end="")
        scenes:
        - prompt: A golden retriever running on grass, sunny day
        variants:
        - model: sora-2
    """
    rules = catalogue.rules_of(model)
    if rules is None:
        return None
    for scene in islice(_scenes(rules), _MOST_TRIED):
        if not check(_request(model, scene), catalogue):
            spec = {"scenes": [scene], "variants": [{"model": model}]}
            return yaml.safe_dump(spec, sort_keys=False, allow_unicode=True)
    return None


def _scenes(rules: ModelRules) -> Iterator[dict[str, Any]]:
    """Yield scenes with the fields that are needed, and one of each group of which one is."""
    fields = rules.fields
    needed = {name: _example(name, rule) for name, rule in fields.items() if rule.required}
    if "prompt" in fields or rules.needs_prompt:
        needed = {"prompt": _PROMPT, **needed}
    for chosen in product(*rules.one_of):
        yield {**{name: _example(name, fields[name]) for name in chosen}, **needed}


def _request(model: str, scene: dict[str, Any]) -> VideoRequest:
    own = {name: scene[name] for name in scene if name not in VideoRequest.model_fields}
    shared = {name: scene[name] for name in scene if name not in own}
    return VideoRequest.model_validate({**shared, "model": model, "extra": own})


def _example(name: str, rule: FieldRule) -> Any:
    if rule.items:
        members = rule.items.items()
        return [{member: _example(member, inside) for member, inside in members if inside.required}]
    value = _value(rule)
    return [value] if name in LISTS or rule.types() == {"array"} else value


def _value(rule: FieldRule) -> Any:
    """Return a value, or an item of a list."""
    known: list[Any] = [*([_FILES[rule.media]] if rule.media else []), *rule.choices]
    known += [bound for bound in (rule.default, rule.minimum, rule.maximum) if bound is not None]
    if known:
        return known[0]
    if rule.format == "segment":
        shortest, _ = rule.seconds or (1, 1)
        return f"1,{1 + shortest:g}"
    types = rule.types() or {"string"}
    return True if types == {"boolean"} else _PROMPT if "string" in types else 1
