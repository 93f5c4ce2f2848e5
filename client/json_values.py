"""Lenient reading of JSON values ([W]): numbers, strings and nulls may replace each other."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache, wraps
from typing import Any, TypeVar

T = TypeVar("T")

_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,]\d+)? ?(Z|[+-]\d\d:?\d\d)", re.IGNORECASE
)
_EARLIEST, _LATEST = 1e9, 4102444800.0  # September 2001 and 2100, in Unix seconds
_UNITS = (1.0, 1e3, 1e6, 1e9)  # per second: their ranges of valid moments don't overlap
_LONGEST_JSON = 200_000  # characters of a string that is parsed as JSON
_NAMES, _LONGEST_NAME = 1024, 64  # of what is remembered about names of members


def text_of(value: Any) -> str | None:
    """A JSON value as stripped text; None for blank strings, booleans, lists and objects."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    # A lone surrogate, which JSON may contain, can neither be stored nor put into a URL.
    return str(value).encode("utf-8", "replace").decode().strip() or None


def number_of(value: Any) -> float | None:
    """A JSON value as a finite number; None for other values."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(str(value).strip().removesuffix("%"))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def moment_of(value: Any) -> float | None:
    """A JSON value as a moment in Unix seconds; None for other values.

    [W]: zero and negative numbers mean "unknown". Milliseconds, microseconds, nanoseconds and ISO
    8601 with a time zone are converted; without a time zone a time may be hours off, and is
    ignored.

    Example:
        >>> moment_of(1768380222000), moment_of("2026-01-14T08:43:42Z"), moment_of(0)
        (1768380222.0, 1768380222.0, None)
    """
    if isinstance(value, str) and (iso := _ISO.fullmatch(value.strip())):
        day, time, zone = iso.groups()
        try:
            found = datetime.strptime(f"{day} {time} {zone.upper()}", "%Y-%m-%d %H:%M:%S %z")
        except ValueError:
            return None
        value = found.timestamp()
    number = number_of(value)
    if number is None:
        return None
    moments = (number / unit for unit in _UNITS)
    return next((moment for moment in moments if is_moment(moment)), None)


def is_moment(number: float) -> bool:
    """Whether Unix seconds are in this century; other numbers aren't moments."""
    return _EARLIEST <= number < _LATEST


def remembered(function: Callable[[str], T]) -> Callable[[str], T]:
    """Cache a function of the name of a member, which one reply after another has.

    Args:
        function: Pure.
    """
    cached = lru_cache(_NAMES)(function)

    @wraps(function)
    def of_name(name: str) -> T:
        return cached(name) if len(name) <= _LONGEST_NAME else function(name)

    return of_name


@remembered
def canonical(name: str) -> str:
    """The name of a member without case and separators.

    Example:
        >>> canonical("fail_reason") == canonical("failReason") == "failreason"
        True
    """
    return "".join(filter(str.isalnum, name)).lower()


def members(holder: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[Any]:
    """The values of an object's members with these canonical names, in the names' order.

    Args:
        holder: The object.
        names: In order of precedence.
    """
    found: dict[str, Any] = {}
    for name, value in holder.items():
        found.setdefault(canonical(name), value)
    for name in names:
        if (value := found.get(name)) is not None:
            yield value


def parsed(value: Any) -> Any:
    """A JSON value; [W] an object or a list in a string of JSON is parsed."""
    if not isinstance(value, str) or value.lstrip()[:1] not in {"{", "["}:
        return value
    if len(value) > _LONGEST_JSON:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
