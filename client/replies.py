"""What the API answered: parsed leniently, because the live service is less tidy than its pages.

Nothing here decides; it only says what a reply holds. [W] of the reference lists what was met.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from prefect_toapis.client.error_bodies import ErrorBody, read_error
from prefect_toapis.client.json_values import number_of, text_of
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
class Output:
    """Where one result of a generation can be fetched, for 24 hours."""

    url: str = field(repr=False)  # signed
    format: str | None = None
    thumbnail_url: str | None = field(default=None, repr=False)


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
    task_id = text_of(payload.get("task_id")) or text_of(payload.get("id"))
    raw = payload.get("status")
    if task_id is None and not isinstance(raw, str):
        return None
    status = _STATUSES.get(str(raw if raw is not None else "").strip().lower(), "unknown")
    return Reply(
        task_id=task_id,
        status=status,
        progress=number_of(payload.get("progress")),
        outputs=_outputs(payload),
        characters=_characters(payload),
        failure=read_error(payload) if payload.get("error") else None,
        created_at=number_of(payload.get("created_at")),
        completed_at=number_of(payload.get("completed_at")),
        expires_at=number_of(payload.get("expires_at")),
    )


def _outputs(payload: dict[str, Any]) -> tuple[Output, ...]:
    result = payload.get("result")
    if not isinstance(result, dict) or not isinstance(result.get("data"), list):
        return ()
    shared = _thumbnail(payload) or _thumbnail(result)
    found = [
        Output(url, text_of(item.get("format")), _thumbnail(item) or shared)
        for item in result["data"]
        if isinstance(item, dict) and (url := text_of(item.get("url")))
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
            id=text_of(one.get("id")),
            display_name=text_of(one.get("display_name")),
            picture_url=text_of(one.get("profile_picture_url")),
        )
        for one in first
        if isinstance(one, dict) and (username := text_of(one.get("username")))
    ]
    return tuple(found)


def _thumbnail(holder: dict[str, Any]) -> str | None:
    """[A]: no source says in which field a thumbnail's URL comes back."""
    return text_of(holder.get("thumbnail_url")) or text_of(holder.get("thumbnail"))
