"""What the API answered: parsed leniently, because the live service is less tidy than its pages.

Nothing here decides; it only says what a reply holds. [W] of the reference lists what was met.
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
from prefect_toapis.client.result_urls import Output, read_outputs
from prefect_toapis.client.status_words import Status, read_status
from prefect_toapis.client.wrapped_tasks import find_task

__all__ = ["Answer", "CharacterReply", "Output", "Reply", "Status", "read_reply"]

_CREATED = ("createdat", "createtime", "created", "submittedat", "submittime")
_COMPLETED = ("completedat", "finishedat", "completetime", "finishtime", "endedat", "completed")
_EXPIRES = ("expiresat", "expiretime", "expireat", "expirationtime", "expiration")


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
        """The body's first characters, safe to show and to keep."""
        return excerpt(self.text)


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
        failure: The provider's error, where it names one; one that isn't failed may have one, too.
        created_at: When the provider took it (Unix seconds), where that can be believed.
        completed_at: When it was done (Unix seconds), likewise.
        expires_at: When the results are gone (Unix seconds), likewise.
        other_ids: Further ids that the reply gives for it ([W]: an `id` beside `task_id`).
        business_id: The caller's own id, where the reply carries one.
        word: The provider's word for the status, where it isn't known.
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
    payload: Any = field(default=None, repr=False, compare=False)  # may hold signed URLs

    @property
    def took(self) -> float | None:
        """Seconds from the provider's taking it to its completion, where that is told."""
        if self.created_at is None or self.completed_at is None:
            return None
        took = self.completed_at - self.created_at
        return took if took > 0 else None

    @property
    def expiry(self) -> float | None:
        """When the results are gone (Unix seconds), if that lies after their completion."""
        if self.expires_at is None or self.completed_at is None:
            return None
        believable = is_moment(self.expires_at) and self.expires_at > self.completed_at
        return self.expires_at if believable else None

    @property
    def excerpt(self) -> str | None:
        """The reply's first characters, safe to show and to keep; None if it isn't known."""
        if self.payload is None:
            return None
        try:
            return excerpt(json.dumps(self.payload, ensure_ascii=False))
        except RecursionError:  # what was nested just deeply enough to be read
            return None

    @property
    def in_words(self) -> str:
        """The status, for people; the provider's own word for one that isn't known."""
        return f'"{self.word}"' if self.word else self.status.replace("_", " ")

    def below(self, root: str) -> "Reply":
        """The same, with the URLs of its results absolute.

        Args:
            root: The API's root, without `/v1`.
        """
        return replace(self, outputs=tuple(one.below(root) for one in self.outputs))


def read_reply(payload: Any) -> Reply | None:
    """A generation from a reply's JSON; None if it tells nothing of one.

    [W]: a `task_id` beside `id` is the one to query; numbers, strings and nulls may stand where
    the page shows something else; the generation may be wrapped.

    Where the status isn't known or missing, a reply with results is completed, and one with an
    error failed. A video that is there must not be lost: results count more than a word such as
    `failed` or `cancelled` without a reason. And `expired` is no failure of what was completed or
    gives results: that is paid, and a failure would be bought again.

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
    outputs = next((some for one in places if (some := read_outputs(one))), ())
    said = found.status
    if not ids and not outputs and not isinstance(said, str):
        return None
    status, word = read_status(said)
    timed = next((one for one in places if any(members(one, _CREATED + _COMPLETED))), task)
    completed_at = _moment(timed, _COMPLETED)
    failure = read_failure(task, around)
    status = _status(said, status, bool(outputs), failure, completed_at)
    if status == "failed" and not ids:  # it may be the request that failed, and is no answer then
        return None
    if status == "failed":
        failure = failure or read_words(task, around)
    told = (next(members(one, ("progress",)), None) for one in places)
    progress = number_of(next((one for one in told if one is not None), None))
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
    return next((one for one in moments if one is not None), None)


def _business_id(places: Sequence[Mapping[str, Any]]) -> str | None:
    """[D]: at the top level, or inside `metadata`."""
    for place in places:
        inside = parsed(next(members(place, ("metadata",)), None))
        for holder in (place, inside if isinstance(inside, dict) else {}):
            if found := text_of(next(members(holder, ("clientbusinessid",)), None)):
                return found
    return None


def _characters(payload: Mapping[str, Any]) -> tuple[CharacterReply, ...]:
    """[D] in `result.data`; [A] in `result` or at the top, as nothing says where a video's are."""
    result, data = payload.get("result"), payload.get("data")
    inside = result.get("data") if isinstance(result, dict) else None
    holders = [inside, result, payload, data]
    lists = [one.get("characters") for one in holders if isinstance(one, dict)]
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
