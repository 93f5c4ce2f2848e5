"""Bad weather: a share of all requests meets a fault, drawn from seeded generators."""

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from prefect_toapis.simulator.faults import (
    Drop,
    Facts,
    Fault,
    Operation,
    Replace,
    Truncate,
    Untidy,
    When,
)

_PAGE = "<html><body><h1>502 Bad Gateway</h1></body></html>"
_Make = Callable[[Facts, random.Random], Fault]


@dataclass
class Weather:
    """Draws, for a share of the requests of each kind, one of the faults that it may meet.

    The same seed gives the same faults to the first, second, ... request of a kind.

    Args:
        seed: Of the generators.
        share: Of the requests that meet one, 0 to 1.

    Attributes:
        asked: How many requests there were of each kind.
        met: How often each fault was met, by kind of request and name.

    Example:
        ```python
        simulator.faults.storm = Weather(seed=7, share=0.2)
        ```
    """

    seed: int
    share: float = 0.2
    asked: Counter[Operation] = field(default_factory=Counter)
    met: Counter[tuple[Operation, str]] = field(default_factory=Counter)

    _drawing: dict[Operation, random.Random] = field(default_factory=dict)

    def draw(self, facts: Facts) -> list[Fault]:
        """The faults that a request meets: one or none."""
        operation = facts.operation
        self.asked[operation] += 1
        seeded = random.Random(f"{self.seed} {operation}")  # noqa: S311 - guards no secret
        drawing = self._drawing.setdefault(operation, seeded)
        may_be = _WEATHER.get(operation, {})
        if not may_be or drawing.random() >= self.share:
            return []
        name = drawing.choice(sorted(may_be))
        self.met[operation, name] += 1
        return [may_be[name](facts, drawing)]


def _replaced(status: int, body: str = "", when: When = "before", **headers: str) -> _Make:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda facts, _: Replace(
        operation=facts.operation, status=status, body=body, when=when, headers=named
    )


def _dropped(when: When) -> _Make:
    return lambda facts, _: Drop(operation=facts.operation, when=when)


def _said(**fields: object) -> _Make:
    """A status that tells of the generation asked for, without an id where there is none."""

    def make(facts: Facts, _: random.Random) -> Fault:
        found = facts.task_id if facts.task_id != facts.business_id else None
        body = json.dumps({"id": found, **fields})
        return Replace(operation="status", status=200, body=body)

    return make


def _error(code: str) -> str:
    return json.dumps({"error": {"code": code, "type": code, "message": "Not now"}})


_ANYWHERE: dict[str, _Make] = {
    "429": _replaced(429, _error("rate_limit_exceeded")),
    "429 with Retry-After": _replaced(429, _error("rate_limit_exceeded"), retry_after="0.3"),
    "500": _replaced(500, _error("internal_error")),
    "503 rate_limit_unavailable": _replaced(503, _error("rate_limit_unavailable")),
    "503 service_unavailable": _replaced(503, _error("service_unavailable")),
    "reset": _dropped("before"),
}
_WEATHER: dict[Operation, dict[str, _Make]] = {
    "submit": {
        **_ANYWHERE,
        "500 after acceptance": _replaced(500, _error("internal_error"), "after"),
        "reset after acceptance": _dropped("after"),
        "truncated JSON": _replaced(200, '{"id": "video_', "after"),
        "HTML page": _replaced(200, _PAGE, "after", content_type="text/html"),
        "task_id beside id, empty status": lambda _, __: Untidy(),
    },
    "status": {
        **_ANYWHERE,
        "truncated JSON": _replaced(200, '{"id": "video_'),
        "HTML page": _replaced(502, _PAGE, content_type="text/html"),
        "empty status": _said(status=""),
        "unknown status": _said(status="dancing"),
        "completed without URL": _said(status="completed", result=None),
    },
    "media": {
        "500": _replaced(500),
        "403": _replaced(403),
        "HTML page": _replaced(200, _PAGE, content_type="text/html"),
        "reset": _dropped("before"),
        "truncated": lambda _, drawn: Truncate(at_bytes=drawn.randrange(20, 3000)),
        "stalled": lambda _, drawn: Truncate(at_bytes=drawn.randrange(3000), stall_seconds=0.5),
    },
}
