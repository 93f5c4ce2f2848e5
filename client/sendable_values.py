"""Which values can be sent to the API, stored and compared."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel

_NUL_OR_HALF = re.compile("[\x00\ud800-\udfff]")
_LARGEST = 2**63  # of an integer, beyond which JSON readers differ
_DEEPEST = 50  # levels of nested lists and objects
_MOST = 10_000  # values in a field
_NAME = 200  # characters


def unsendable(value: Any) -> str | None:
    r"""Why a JSON value can't be sent and recorded; None if it can.

    PostgreSQL, for one, can't store NUL characters.

    Args:
        value: Of a field, nested to any depth.

    Example:
        >>> unsendable(["A dog\0"])
        "it contains a NUL character (\\x00), which can't be stored"
        >>> unsendable({"seed": 7, "tags": ["a"]}) is None
        True
    """
    if value is None or isinstance(value, (str, bool)):  # most are
        return _fault(value)
    level, values = [value], 0
    for _ in range(_DEEPEST):
        values += len(level)
        if values > _MOST:
            return f"it contains more than {_MOST:,} values"
        if fault := next(filter(None, map(_fault, level)), None):
            return fault
        level = _next_level(level)
        if not level:
            return None
    return f"it is nested more than {_DEEPEST} deep"


def require_sendable(value: Any) -> Any:
    """The value of a field, as a validator of pydantic.

    Raises:
        ValueError: It can't be sent and recorded.
    """
    # Models inside check their own fields.
    if not isinstance(value, BaseModel) and (fault := unsendable(value)):
        raise ValueError(fault)
    return value


def _require_short(value: str) -> str:
    if len(value) > _NAME:
        raise ValueError(f"{len(value):,} characters exceed the limit of {_NAME} for names")
    return value


# What may be given for a model's own field: like `JsonValue`, but with lists and mappings of any
# exact type, such as `list[dict[str, str]]`.
OwnValue: TypeAlias = (
    "str | int | float | bool | Sequence[OwnValue] | Mapping[str, OwnValue] | None"
)
Text = Annotated[str, AfterValidator(require_sendable)]
Name = Annotated[Text, AfterValidator(_require_short)]


def too_deep(value: Any, deepest: int = _DEEPEST) -> bool:
    """Whether a JSON value is nested too deep to be written, compared or shown.

    Args:
        value: Nested to any depth.
        deepest: The maximum number of nested lists and objects.

    Example:
        >>> too_deep({"seed": [7]})
        False
    """
    level = [value]
    for _ in range(deepest):
        level = _next_level(level)
        if not level:
            return False
    return True


def _next_level(level: list[Any]) -> list[Any]:
    return [inner for value in level for inner in _inside(value)]


def _fault(value: Any) -> str | None:
    if isinstance(value, str):
        found = _NUL_OR_HALF.search(value)
        if found is None:
            return None
        if found[0] == "\0":
            return "it contains a NUL character (\\x00), which can't be stored"
        return "it contains half a surrogate pair, which can't be sent"
    if isinstance(value, float) and not math.isfinite(value):
        return "it is a number that JSON can't represent, such as NaN"
    if isinstance(value, int) and abs(value) >= _LARGEST:
        return "it exceeds 64 bits, beyond which JSON readers differ"
    return None


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []
