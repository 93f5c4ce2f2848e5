"""Parsing of the API's replies: lenient, because the live service deviates from its documentation.

Nothing here decides. [W] marks deviations that were observed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from prefect_toapis.client.error_bodies import ErrorBody
from prefect_toapis.client.excerpts import excerpt
from prefect_toapis.client.failure_reasons import read_failure, read_words
from prefect_toapis.client.json_values import (
    is_moment,
    members,
    moment_of,
    number_of,
    parsed,
    text_of,
)
from prefect_toapis.client.reply_envelopes import find_task
from prefect_toapis.client.result_urls import Output, read_outputs
from prefect_toapis.client.status_words import Status, read_status

__all__ = ["Answer", "CharacterReply", "Output", "Reply", "Status", "read_reply"]

_CREATED = ("createdat", "createtime", "created", "submittedat", "submittime")
_COMPLETED = ("completedat", "finishedat", "completetime", "finishtime", "endedat", "completed")
_EXPIRES = ("expiresat", "expiretime", "expireat", "expirationtime", "expiration")


@dataclass(frozen=True)
class Answer:
    """The parts of an HTTP response that decisions need.

    Args:
        http_status: The status code.
        text: The body.
        headers: By lower-case name.
    """

    http_status: int
    text: str = field(default="", repr=False)  # may contain signed URLs
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
        """The provider's id of this request, for its support."""
        return next(
            (self.headers[name] for name in ("x-request-id", "request-id") if name in self.headers),
            None,
        )

    @property
    def excerpt(self) -> str:
        """The body's first characters, safe to show and to store."""
        return excerpt(self.text)


@dataclass(frozen=True)
class CharacterReply:
    """A character that the provider created ([D]).

    Args:
        username: For prompts, as `@username`.
        id: The provider's id of it, if reported.
        display_name: Its display name, if reported.
        picture_url: The URL of its picture, if reported.
    """

    username: str
    id: str | None = None
    display_name: str | None = None
    picture_url: str | None = field(default=None, repr=False)  # may be signed


@dataclass(frozen=True)
class Reply:
    """The state of a generation, as reported by a submission or a status query.

    Args:
        task_id: The id for queries; None if the reply has none.
        status: The normalised status; `unknown` is not final.
        progress: 0 to 100, if reported.
        outputs: The results, if any.
        characters: Created by a character task, or by a video with `character_create` ([A]).
        failure: The provider's error, if any; generations that haven't failed may have one, too.
        created_at: When the provider accepted it (Unix seconds), if plausible.
        completed_at: When it was completed (Unix seconds), likewise.
        expires_at: When the results expire (Unix seconds), likewise.
        other_ids: Further ids of it in the reply ([W]: an `id` next to `task_id`).
        business_id: The caller's own id, if the reply has it.
        word: The provider's status, if it is unknown.
        payload: The JSON of the reply.
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
    other_ids: tuple[str, ...] = ()
    business_id: str | None = None
    word: str | None = None
    payload: Any = field(default=None, repr=False, compare=False)  # may contain signed URLs

    @property
    def took(self) -> float | None:
        """Seconds from its acceptance by the provider to its completion, if reported."""
        if self.created_at is None or self.completed_at is None:
            return None
        took = self.completed_at - self.created_at
        return took if took > 0 else None

    @property
    def expiry(self) -> float | None:
        """When the results expire (Unix seconds), if that is after their completion."""
        if self.expires_at is None or self.completed_at is None:
            return None
        believable = is_moment(self.expires_at) and self.expires_at > self.completed_at
        return self.expires_at if believable else None

    @property
    def excerpt(self) -> str | None:
        """The reply's first characters, safe to show and to store; None without a payload."""
        if self.payload is None:
            return None
        try:
            return excerpt(json.dumps(self.payload, ensure_ascii=False))
        except RecursionError:  # nested just deeply enough to be parsed
            return None

    @property
    def in_words(self) -> str:
        """The status, for messages; the provider's own word if it is unknown."""
        return f'"{self.word}"' if self.word else self.status.replace("_", " ")

    def below(self, root: str) -> "Reply":
        """A copy with absolute URLs of its results.

        Args:
            root: The API's root, without `/v1`.
        """
        return replace(self, outputs=tuple(output.below(root) for output in self.outputs))


def read_reply(payload: Any) -> Reply | None:
    """Parse a generation from a reply's JSON; None if there is none.

    [W]: a `task_id` next to `id` is used for queries; numbers, strings and nulls may replace the
    documented types; the generation may be wrapped.

    If the status is unknown or missing, a reply with results is completed, and a reply with an
    error failed. So that no video is lost, results take precedence over a status such as `failed`
    or `cancelled` without a reason. `expired` isn't a failure of a generation that was completed or
    has results: it is paid, and a failed generation would be bought again.

    Example:
        >>> read_reply({"id": "video_1", "status": "queued", "progress": "0"}).task_id
        'video_1'
    """
    found = find_task(payload)
    if found is None:
        return None
    task, around = found.task, found.around
    ids = found.ids
    places = (task, *around)
    outputs = next((some for place in places if (some := read_outputs(place))), ())
    said = found.status
    if not ids and not outputs and not isinstance(said, str):
        return None
    status, word = read_status(said)
    timed = next((place for place in places if any(members(place, _CREATED + _COMPLETED))), task)
    completed_at = _moment(timed, _COMPLETED)
    failure = read_failure(task, around)
    status = _status(said, status, bool(outputs), failure, completed_at)
    if status == "failed" and not ids:  # the request itself may have failed
        return None
    if status == "failed":
        failure = failure or read_words(task, around)
    reported = (next(members(place, ("progress",)), None) for place in places)
    progress = number_of(next((value for value in reported if value is not None), None))
    return Reply(
        task_id=ids[0] if ids else None,
        status=status,
        progress=progress if progress is not None and 0 <= progress <= 100 else None,
        outputs=outputs,
        characters=_characters(task),
        failure=failure,
        created_at=_moment(timed, _CREATED),
        completed_at=completed_at,
        expires_at=_moment(timed, _EXPIRES),
        other_ids=ids[1:],
        business_id=_business_id(places),
        word=word if status == "unknown" else None,
        payload=payload,
    )


def _status(
    said: Any, status: Status, has_outputs: bool, failure: ErrorBody | None, completed: float | None
) -> Status:
    text = said.strip().lower() if isinstance(said, str) else None
    open_ = status == "unknown" or said is None or not text
    expired = status == "failed" and text is not None and "expired" in text
    if has_outputs and (open_ or expired or (status == "failed" and not failure)):
        return "completed"
    if expired and completed is not None:
        return "completed"
    return "failed" if failure and open_ else status


def _moment(task: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    moments = (moment_of(value) for value in members(task, names))
    return next((moment for moment in moments if moment is not None), None)


def _business_id(places: Sequence[Mapping[str, Any]]) -> str | None:
    """[D]: at the top level, or inside `metadata`."""
    for place in places:
        inside = parsed(next(members(place, ("metadata",)), None))
        for holder in (place, inside if isinstance(inside, dict) else {}):
            if found := text_of(next(members(holder, ("clientbusinessid",)), None)):
                return found
    return None


def _characters(payload: Mapping[str, Any]) -> tuple[CharacterReply, ...]:
    """[D] in `result.data`; [A] in `result` or at the top level, undocumented for videos."""
    result, data = payload.get("result"), payload.get("data")
    inside = result.get("data") if isinstance(result, dict) else None
    holders = [inside, result, payload, data]
    lists = [holder.get("characters") for holder in holders if isinstance(holder, dict)]
    first = next((items for items in lists if isinstance(items, list) and items), [])
    found = [
        CharacterReply(
            username,
            id=text_of(item.get("id")),
            display_name=text_of(item.get("display_name")),
            picture_url=text_of(item.get("profile_picture_url")),
        )
        for item in first
        if isinstance(item, dict) and (username := text_of(item.get("username")))
    ]
    return tuple(found)
