"""Bad weather: a share of all requests meets a fault, drawn from seeded generators."""

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from prefect_toapis.simulator.error_bodies import ERROR_SHAPES
from prefect_toapis.simulator.faults import (
    Conflict,
    Drop,
    Facts,
    Fault,
    Flood,
    Framing,
    Hide,
    Mixup,
    Operation,
    Partial,
    Redirect,
    Refuse,
    Replace,
    Rewrite,
    Trickle,
    Truncate,
    Untidy,
    When,
)

_PAGE = "<html><body><h1>502 Bad Gateway</h1></body></html>"
_FLOOD_BYTES = 32 * 1024**2  # more than any reply needs, and quick to send when packed
_Make = Callable[[Facts, random.Random], Fault]


@dataclass
class Weather:
    """Draws a possible fault for a share of the requests of each kind.

    The same seed gives the same faults to the first, second, ... request of a kind.

    Args:
        seed: Of the generators.
        share: Of the requests with a fault, 0 to 1.

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


def _refused(status: int, when: When = "before") -> _Make:
    return lambda facts, drawn: Refuse(
        operation=facts.operation, status=status, when=when, shape=drawn.choice(ERROR_SHAPES)
    )


def _rewritten(**members: str | int) -> _Make:
    return lambda _, __: Rewrite(operation="status", members={**members})


def _flooded(when: When = "before") -> _Make:
    return lambda facts, _: Flood(
        operation=facts.operation, when=when, size=_FLOOD_BYTES, gzip=True
    )


def _cut(framing: Framing) -> _Make:
    return lambda _, drawn: Truncate(at_bytes=drawn.randrange(20, 3000), framing=framing)


def _trickled(bytes_per_second: float) -> _Make:
    return lambda facts, _: Trickle(operation=facts.operation, bytes_per_second=bytes_per_second)


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
        "408 after acceptance": _refused(408, "after"),
        "409 after acceptance": lambda _, __: Conflict(first=True),
        "425": _refused(425),
        "499 after acceptance": _refused(499, "after"),
        "flood after acceptance": _flooded("after"),
        "slow": _trickled(1000),
        "hidden from look-ups": lambda _, __: Hide(seconds=0.5, queries="lookup"),
        "completed before its video is there": lambda _, __: Partial(seconds=0.5),
    },
    "status": {
        **_ANYWHERE,
        "truncated JSON": _replaced(200, '{"id": "video_'),
        "HTML page": _replaced(502, _PAGE, content_type="text/html"),
        "empty status": _said(status=""),
        "unknown status": _said(status="dancing"),
        "completed without URL": _said(status="completed", result=None),
        "500 in another shape": _refused(500),
        "another task": lambda _, __: Mixup(),
        "another id": _rewritten(id="video_other"),
        "another business id": _rewritten(client_business_id="pt-other"),
        "expired at 0": _rewritten(expires_at=0),
        "flood": _flooded(),
        "slow": _trickled(1000),
    },
    "media": {
        "500": _replaced(500),
        "403": _replaced(403),
        "HTML page": _replaced(200, _PAGE, content_type="text/html"),
        "reset": _dropped("before"),
        "truncated": lambda _, drawn: Truncate(at_bytes=drawn.randrange(20, 3000)),
        "cut, chunked": _cut("chunked"),
        "cut, until the connection ends": _cut("close"),
        "flood": _flooded(),
        "another host": lambda _, __: Redirect(),
        "stalled": lambda _, drawn: Truncate(at_bytes=drawn.randrange(3000), stall_seconds=0.5),
    },
}
