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
CREDITS_PER_USD = 200.0  # [D], where a balance doesn't tell
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
class Balance:
    """What a key or an account has left ([D]). Credits are the stable unit.

    Args:
        remain_credits: What is left, in credits; None where it is unlimited or not told.
        used_credits: What was used, in credits, where it is told.
        remain_balance: What is left, in US dollars; None where it is unlimited or not told.
        unlimited: Whether nothing limits it.
        credits_per_usd: How many credits make a US dollar.
    """

    remain_credits: float | None
    used_credits: float | None
    remain_balance: float | None
    unlimited: bool
    credits_per_usd: float


@dataclass(frozen=True)
class CharacterReply:
    """A character that the provider made ([D]).

    Args:
        username: For prompts, as `@username`.
        id: The provider's id of it, where it is told.
        display_name: For people, where it is told.
        picture_url: Of its picture, where it is told.
    """

    username: str
    id: str | None = None
    display_name: str | None = None
    picture_url: str | None = field(default=None, repr=False)  # may be signed


@dataclass(frozen=True)
class Reply:
    """What a submission or a status query says of a generation.

    Args:
        task_id: What to ask for later; None where the reply names none.
        status: As this project words it; `unknown` is a word it doesn't know: not final.
        progress: 0 to 100, where it is told.
        outputs: The results, where there are some.
        characters: What a character task made, or a video with `character_create` ([A]).
        failure: The provider's reason, where it names one.
        created_at: When the provider took it (Unix seconds), where it is told.
        completed_at: When it was done (Unix seconds), where it is told.
        expires_at: When the results are gone (Unix seconds), where it is told.
    """

    task_id: str | None
    status: Status
    progress: float | None = None
    outputs: tuple[Output, ...] = ()
    characters: tuple[CharacterReply, ...] = ()
    failure: ErrorBody | None = None
    created_at: float | None = None
    completed_at: float | None = None
    expires_at: float | None = None

    @property
    def took(self) -> float | None:
        """Seconds from the provider's taking it to its completion, where that is told."""
        if self.created_at is None or self.completed_at is None:
            return None
        took = self.completed_at - self.created_at
        return took if took > 0 else None


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
        characters=_characters(payload),
        failure=read_error(payload) if payload.get("error") else None,
        created_at=_number(payload.get("created_at")),
        completed_at=_number(payload.get("completed_at")),
        expires_at=_number(payload.get("expires_at")),
    )


def read_upload(payload: Any) -> str | None:
    """The URL of an uploaded file ([D]); None if the reply holds none.

    Example:
        >>> read_upload({"success": True, "data": {"url": "https://files.toapis.com/a.jpg"}})
        'https://files.toapis.com/a.jpg'
    """
    url = _text(_inner(payload).get("url"))
    return url if url and url.startswith(("https://", "http://")) else None


def read_balance(payload: Any) -> Balance | None:
    """A balance ([D]); None if the reply tells none.

    Example:
        >>> read_balance({"success": True, "remain_credits": "2100"}).remain_credits
        2100.0
    """
    told = _inner(payload)
    dollars, remain = _number(told.get("remain_balance")), _number(told.get("remain_credits"))
    unlimited = dollars == -1 or str(told.get("unlimited_quota")).strip().lower() in {"true", "1"}
    if dollars is None and remain is None and not unlimited:
        return None
    rate = _number(told.get("credits_per_usd")) or CREDITS_PER_USD
    if remain is None and dollars is not None:
        remain = dollars * rate
    return Balance(
        remain_credits=None if unlimited else remain,
        used_credits=_number(told.get("used_credits")),
        remain_balance=None if unlimited else dollars,
        unlimited=unlimited,
        credits_per_usd=rate,
    )


def read_models(payload: Any) -> list[str] | None:
    """The names of models ([D]); None if the reply has no list of them.

    Example:
        >>> read_models({"success": True, "object": "list", "data": [{"id": "sora-2"}]})
        ['sora-2']
    """
    listed = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(listed, list):
        return None
    names = [_text(one.get("id") if isinstance(one, dict) else one) for one in listed]
    return [name for name in names if name]


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


def _characters(payload: dict[str, Any]) -> tuple[CharacterReply, ...]:
    """[D] in `result.data`; [A] in `result` or at the top, as nothing says where a video's are."""
    result = payload.get("result")
    holders = [result.get("data"), result] if isinstance(result, dict) else []
    lists = [one.get("characters") for one in [*holders, payload] if isinstance(one, dict)]
    first = next((one for one in lists if isinstance(one, list) and one), [])
    found = [
        CharacterReply(
            username,
            id=_text(one.get("id")),
            display_name=_text(one.get("display_name")),
            picture_url=_text(one.get("profile_picture_url")),
        )
        for one in first
        if isinstance(one, dict) and (username := _text(one.get("username")))
    ]
    return tuple(found)


def _inner(payload: Any) -> dict[str, Any]:
    """What `data` holds, or the reply itself; nothing if the reply says that it went wrong."""
    if not isinstance(payload, dict) or payload.get("success") is False:
        return {}
    inner = payload.get("data")
    return inner if isinstance(inner, dict) else payload


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
