"""What the API answered: parsed leniently, because the live service is less tidy than its pages.

Nothing here decides; it only says what a reply holds. [W] of the reference lists what was met.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from prefect_toapis.client.urls import without_queries

Status = Literal["queued", "in_progress", "completed", "failed", "unknown"]

_STATUSES: dict[str, Status] = {
    "": "queued",  # [W] a submission answered with an empty status
    "pending": "queued",  # [W]
    "queued": "queued",
    "submitted": "queued",
    "in_progress": "in_progress",
    "processing": "in_progress",
    "running": "in_progress",
    "completed": "completed",
    "succeeded": "completed",
    "success": "completed",  # [D] as webhooks spell it
    "failed": "failed",
    "failure": "failed",  # [D] as webhooks spell it
    "cancelled": "failed",
    "canceled": "failed",
}
_EXCERPT = 200  # characters of a reply that can't be understood


@dataclass(frozen=True)
class Answer:
    """An HTTP response, as far as decisions need it.

    Args:
        http_status: The status code.
        text: The body.
        headers: By lower-case name.
    """

    http_status: int
    text: str = field(default="", repr=False)  # may hold signed URLs
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @cached_property
    def payload(self) -> Any:
        """The JSON of the body; None if it isn't JSON."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None

    @property
    def request_id(self) -> str | None:
        """The provider's id of this request, for a question to its support."""
        return next(
            (self.headers[name] for name in ("x-request-id", "request-id") if name in self.headers),
            None,
        )

    @property
    def excerpt(self) -> str:
        """The body's first characters, safe to show."""
        return without_queries(self.text)[:_EXCERPT]


@dataclass(frozen=True)
class ErrorBody:
    """An error as the API words it."""

    message: str
    code: str | None = None
    kind: str | None = None  # the `type` field


@dataclass(frozen=True)
class Output:
    """Where one result of a generation can be fetched, for 24 hours."""

    url: str = field(repr=False)  # signed
    format: str | None = None
    thumbnail_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Reply:
    """What a submission or a status query says of a generation.

    Args:
        task_id: What to ask for later; None where the reply names none.
        status: As this project words it; `unknown` is a word it doesn't know: not final.
        progress: 0 to 100, where it is told.
        outputs: The results, where there are some.
        failure: The provider's reason, where it names one.
        created_at: When the provider took it (Unix seconds), where it is told.
        expires_at: When the results are gone (Unix seconds), where it is told.
    """

    task_id: str | None
    status: Status
    progress: float | None = None
    outputs: tuple[Output, ...] = ()
    failure: ErrorBody | None = None
    created_at: float | None = None
    expires_at: float | None = None


def read_reply(payload: Any) -> Reply | None:
    """A generation from a reply's JSON; None if it tells nothing of one.

    [W]: a `task_id` beside `id` is the one to query; numbers, strings and nulls may stand where
    the page shows something else.

    Example:
        >>> read_reply({"id": "video_1", "status": "queued", "progress": "0"}).task_id
        'video_1'
    """
    if not isinstance(payload, dict):
        return None
    inner = payload.get("data")
    if isinstance(inner, dict) and not {"id", "task_id", "status"} & payload.keys():
        payload = inner  # [W] a gateway wraps the task in `data`
    task_id = _text(payload.get("task_id")) or _text(payload.get("id"))
    raw = payload.get("status")
    if task_id is None and not isinstance(raw, str):
        return None
    status = _STATUSES.get(str(raw if raw is not None else "").strip().lower(), "unknown")
    return Reply(
        task_id=task_id,
        status=status,
        progress=_number(payload.get("progress")),
        outputs=_outputs(payload),
        failure=read_error(payload) if payload.get("error") else None,
        created_at=_number(payload.get("created_at")),
        expires_at=_number(payload.get("expires_at")),
    )


def read_error(payload: Any) -> ErrorBody | None:
    """The error in a reply's JSON; None if it holds none.

    [W]: an error may be a bare string, have no code, or stand in another field.

    Example:
        >>> read_error({"error": {"code": 402, "message": "No balance"}})
        ErrorBody(message='No balance', code='402', kind=None)
    """
    if not isinstance(payload, dict):
        return None
    error = payload.get("error")
    if isinstance(error, dict):
        message = _text(error.get("message"))
        code, kind = _text(error.get("code")), _text(error.get("type"))
        if not (message or code or kind):
            return None
        return ErrorBody(without_queries(message or code or kind or ""), code, kind)
    if text := _text(error):
        return ErrorBody(without_queries(text))
    if payload.get("success") is False:
        return ErrorBody(without_queries(_text(payload.get("message")) or "no reason given"))
    return None


def _outputs(payload: dict[str, Any]) -> tuple[Output, ...]:
    result = payload.get("result")
    if not isinstance(result, dict) or not isinstance(result.get("data"), list):
        return ()
    shared = _thumbnail(payload) or _thumbnail(result)
    found = [
        Output(url, _text(item.get("format")), _thumbnail(item) or shared)
        for item in result["data"]
        if isinstance(item, dict) and (url := _text(item.get("url")))
    ]
    return tuple(found)


def _thumbnail(holder: dict[str, Any]) -> str | None:
    """[A]: no source says in which field a thumbnail's URL comes back."""
    return _text(holder.get("thumbnail_url")) or _text(holder.get("thumbnail"))


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value).strip() or None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(str(value).strip().removesuffix("%"))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
