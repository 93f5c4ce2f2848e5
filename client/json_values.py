"""Values in the JSON of a reply, read leniently ([W]): numbers, strings, nulls stand anywhere."""

import math
from typing import Any


def text_of(value: Any) -> str | None:
    """A JSON value as text, stripped; None for blanks, booleans, lists and objects."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    # Half a surrogate pair, which JSON may hold, can be neither stored nor put into a URL.
    return str(value).encode("utf-8", "replace").decode().strip() or None


def number_of(value: Any) -> float | None:
    """A JSON value as a finite number; None for anything that isn't one."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(str(value).strip().removesuffix("%"))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
