"""Faults as a person types them on a command line."""

import json
from typing import Any, get_args

from pydantic import ValidationError

from prefect_toapis.simulator.faults import FAULT, Fault

_KINDS = {kind.model_fields["action"].default: kind for kind in get_args(get_args(Fault)[0])}
ACTIONS: tuple[str, ...] = tuple(sorted(_KINDS))
"""What the faults are called."""

_FORM = "write it as operation:action, then what else it needs, such as submit:drop:after"
_FOR_ALL = "all"


def read_fault(text: str) -> Fault:
    """The fault that a text describes.

    `OPERATION:ACTION`, then, each after a colon, `before` or `after`, and `NAME=VALUE` for the
    other fields of the fault; `times=all` for every request. A text that begins with `{` is the
    fault as JSON, for values that have colons.

    Raises:
        ValueError: It is none; for people.

    Example:
        >>> read_fault("submit:drop:after").when
        'after'
        >>> read_fault("status:rewrite:expires_at=0:times=all").members
        {'expires_at': 0}
    """
    try:
        if text.lstrip().startswith("{"):
            return FAULT.validate_json(text)
        return FAULT.validate_python(_fields(text))
    except ValidationError as error:
        broken = error.errors(include_url=False, include_context=False, include_input=False)
        said = [f"{_place(error['loc'])}{error['msg']}" for error in broken]
        raise ValueError(f"{text}: {'; '.join(said)}") from None
    except ValueError as error:
        raise ValueError(f"{text}: {error}") from None


def _fields(text: str) -> dict[str, Any]:
    operation, *rest = text.split(":")
    if not operation or not rest:
        raise ValueError(_FORM)
    action, *options = rest
    if action not in _KINDS:
        raise ValueError(f'there is no fault "{action}"; choose one of {", ".join(ACTIONS)}')
    known = _KINDS[action].model_fields
    fields: dict[str, Any] = {"action": action, "operation": operation}
    members: dict[str, Any] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals and name in {"before", "after"}:
            name, value = "when", name
        elif not equals:
            raise ValueError(f'"{option}" is neither before, after nor NAME=VALUE')
        if name not in known and "members" in known:
            members[name] = _json_or_text(value)
        else:
            fields[name] = None if (name, value) == ("times", _FOR_ALL) else value
    return fields | ({"members": members} if members else {})


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _place(path: tuple[int | str, ...]) -> str:
    named = ".".join(str(step) for step in path if step not in _KINDS)
    return f"{named}: " if named else ""
