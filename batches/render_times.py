"""`render-times.json`: how long generations took in earlier batches, stored next to them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from prefect_toapis.client.pacing import KEPT
from prefect_toapis.client.polling import SHORTEST_RENDER

RENDER_TIMES_FILE = "render-times.json"

_LONGEST = 7 * 24 * 3600.0  # seconds
_KINDS = 1000


def read_render_times(content: bytes | None) -> dict[str, list[float]]:
    """Parse render times in seconds by kind, the latest last; invalid values are ignored.

    The data is only an optimisation, so damage must not fail a run.

    Example:
        >>> read_render_times(b'{"sora-2 10": [84.0, "soon", Infinity, 91.5]}')
        {'sora-2 10': [84.0, 91.5]}
    """
    try:
        kinds = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(kinds, dict):
        return {}
    times = {kind: _plausible(seconds) for kind, seconds in list(kinds.items())[:_KINDS]}
    return {kind: seconds for kind, seconds in times.items() if seconds}


def render_times_json(times: Mapping[str, Sequence[float]]) -> bytes:
    """Return the JSON document, with times rounded to 0.1 s."""
    rounded = {kind: [round(time, 1) for time in seconds] for kind, seconds in times.items()}
    return json.dumps(rounded).encode()


def _plausible(seconds: Any) -> list[float]:
    if not isinstance(seconds, list):
        return []
    numbers = [number for number in seconds[-KEPT:] if type(number) in {int, float}]
    return [float(number) for number in numbers if SHORTEST_RENDER <= number <= _LONGEST]
