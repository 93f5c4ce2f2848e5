"""How submissions are read: videos, remixes and extensions ([P], [D])."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from prefect_toapis.simulator.documented_models import (
    DOCUMENTED,
    EXTENSIONS,
    REMIXES,
    UNDOCUMENTED,
)
from prefect_toapis.simulator.model_rules import Model, Ordered, read_fields
from prefect_toapis.simulator.refusals import Refusal

# What the client writes in place of a file until it is uploaded: it must never be sent.
_PLACEHOLDER = re.compile(r"sha256:[0-9a-f]{64}")

Derived = Literal["remix", "extend"]

_DEFAULT_MODEL = "sora-2"
_DERIVED: Mapping[Derived, Mapping[str, Model]] = {"remix": REMIXES, "extend": EXTENSIONS}


def business_id_of(body: Mapping[str, Any]) -> str | None:
    """The caller's own id, at the top level or inside `metadata` ([D]).

    Raises:
        Refusal: It isn't a string.
    """
    metadata = body.get("metadata")
    inside = metadata if isinstance(metadata, dict) else {}
    business_id = body.get("client_business_id", inside.get("client_business_id"))
    if business_id is not None and not isinstance(business_id, str):
        raise Refusal("invalid_request", "client_business_id: it must be a string")
    return business_id


def read_video(body: Mapping[str, Any], only: frozenset[str] | None = None) -> Ordered:
    """The video that a body orders.

    Args:
        body: The JSON of `POST /v1/videos/generations`.
        only: The models that are taken; None: any, and undocumented ones without rules.

    Raises:
        Refusal: `invalid_request`, naming the fields.
    """
    model = _model_of(body)
    if only is not None and model not in only:
        raise Refusal("invalid_request", "model: it is not offered")
    return _read(model, DOCUMENTED.get(model, UNDOCUMENTED), body)


def read_derived(kind: Derived, body: Mapping[str, Any]) -> Ordered:
    """The video that a body orders from another one.

    Args:
        kind: How it is made from the other.
        body: The JSON of `POST /v1/videos/{task_id}/remix` or `.../extend`.

    Raises:
        Refusal: `invalid_request`, naming the fields.
    """
    model, models = _model_of(body), _DERIVED[kind]
    if model not in models:
        raise Refusal("invalid_request", f"model: choose one of {', '.join(models)}")
    return _read(model, models[model], body)


def offered(chosen: tuple[str, ...] | None) -> list[str]:
    """The video models that are listed: those that were chosen, or all documented ones."""
    return list(DOCUMENTED if chosen is None else chosen)


def _model_of(body: Mapping[str, Any]) -> str:
    model = body.get("model", _DEFAULT_MODEL)
    if not isinstance(model, str) or not model:
        raise Refusal("invalid_request", "model: it must be a string")
    return model


def _read(model: str, rules: Model, body: Mapping[str, Any]) -> Ordered:
    ordered, faults = read_fields(model, rules, body)
    faults += [f"{place}: not a URL" for place in _placeholders(body)]
    if faults:
        raise Refusal("invalid_request", "; ".join(faults))
    return ordered


def _placeholders(value: Any, place: str = "") -> Iterator[str]:
    if isinstance(value, str) and _PLACEHOLDER.fullmatch(value):
        yield place
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _placeholders(inner, f"{place}.{name}".strip("."))
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _placeholders(inner, f"{place}[{number}]")
