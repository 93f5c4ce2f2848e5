"""Finding the object of a reply that is the generation: gateways wrap it ([W])."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prefect_toapis.client.json_values import canonical, members, parsed, text_of
from prefect_toapis.client.status_words import says_well

_IDS = ("taskid", "id", "videoid", "generationid", "jobid")
_STATUS = ("status", "taskstatus", "state", "taskstate", "jobstatus", "videostatus", "jobstate")
_WRAPPERS = (
    *("data", "task", "response", "result", "output", "generation", "video", "job", "payload"),
    *("body", "item", "content", "resp"),
)
_OF_AN_ENVELOPE = {"code", "success", "msg", "errcode", "ret", "retcode", "errno"}
_DEEPEST = 6


@dataclass(frozen=True)
class Task:
    """The object of a reply that is the generation.

    Args:
        task: The object.
        around: The objects that wrap it, the innermost first.
        ids: Its ids; the first is used for queries.
        status: The raw status; None if missing.
    """

    task: Mapping[str, Any]
    around: tuple[Mapping[str, Any], ...]
    ids: tuple[str, ...]
    status: Any


def find_task(payload: Any) -> Task | None:
    """The generation that a reply is about; None if the payload isn't an object.

    It may be wrapped in `data` and similar members, repeatedly, as the only item of a list, or as
    JSON in a string. An object with an id and a status is a generation, unless it is an envelope
    (with a `code` or `success`) around another generation.

    Args:
        payload: The reply's JSON.

    Example:
        >>> wrapped = {"code": "success", "data": {"task_id": "video_1", "status": "SUCCESS"}}
        >>> find_task(wrapped).ids
        ('video_1',)
    """
    outermost = parsed(payload)
    if not isinstance(outermost, dict):
        return None
    chain: list[Mapping[str, Any]] = [outermost]
    while len(chain) < _DEEPEST and (inner := _inner(chain[0], _DEEPEST - len(chain))) is not None:
        chain.insert(0, inner)
    ids = dict.fromkeys(task_id for holder in chain for task_id in _ids(holder))
    return Task(chain[0], tuple(chain[1:]), tuple(ids), _status(chain))


def _object(value: Any) -> Mapping[str, Any] | None:
    value = parsed(value)
    if isinstance(value, list) and len(value) == 1:
        value = parsed(value[0])
    return value if isinstance(value, dict) else None


def _ids(holder: Mapping[str, Any]) -> list[str]:
    return [text for value in members(holder, _IDS) if (text := text_of(value))]


def _has_status(holder: Mapping[str, Any], *, numbers: bool = True) -> bool:
    other = bool if numbers else (bool, int, float)
    return any(not isinstance(value, other) for value in members(holder, _STATUS))


def _inner(holder: Mapping[str, Any], deepest: int) -> Mapping[str, Any] | None:
    """The object that an object wraps; None if it is the generation itself."""
    named = bool(_ids(holder))
    # A number without an id is the status of the request: {"status": 10000, "data": {...}}.
    stated = _has_status(holder, numbers=named)
    envelope = any(canonical(name) in _OF_AN_ENVELOPE for name in holder)
    for value in members(holder, _WRAPPERS):
        inner = _object(value)
        if inner is None:
            continue
        inner_named, inner_stated = bool(_ids(inner)), _has_status(inner)
        if named and stated:
            wraps = envelope and inner_named and inner_stated
        elif named:
            wraps = inner_stated
        elif stated:
            wraps = inner_named
        else:
            wraps = inner_named or inner_stated or _wraps_something(inner, deepest - 1)
        if wraps:
            return inner
    return None


def _wraps_something(holder: Mapping[str, Any], deepest: int) -> bool:
    return deepest > 0 and _inner(holder, deepest) is not None


def _status(chain: list[Mapping[str, Any]]) -> Any:
    """The innermost status; an envelope's only if it isn't the status of the request."""
    texts: list[Any] = []
    for depth, holder in enumerate(chain):
        values = [value for value in members(holder, _STATUS) if not (depth and says_well(value))]
        texts += [value for value in values if isinstance(value, str) and value.strip()] or values
    return next(iter(texts), None)
