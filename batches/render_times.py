"""`render-times.json`: how long generations took in earlier batches, kept beside them."""

import json
from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter, ValidationError

RENDER_TIMES_FILE = "render-times.json"

_TIMES = TypeAdapter(dict[str, list[float]])


def read_render_times(content: bytes | None) -> dict[str, list[float]]:
    """Seconds by kind, the latest last; none where the file is missing or can't be understood.

    Without it the scheduler learns anew: that is no reason for a run to fail.

    Example:
        >>> read_render_times(b'{"sora-2 10": [84.0, 91.5]}')
        {'sora-2 10': [84.0, 91.5]}
    """
    try:
        times = _TIMES.validate_json(content or b"{}")
    except ValidationError:
        return {}
    return {kind: [one for one in seconds if one > 0] for kind, seconds in times.items()}


def render_times_json(times: Mapping[str, Sequence[float]]) -> bytes:
    """What is written: tenths of a second are enough."""
    rounded = {kind: [round(one, 1) for one in seconds] for kind, seconds in times.items()}
    return json.dumps(rounded).encode()
