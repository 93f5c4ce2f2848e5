"""Finding the provider's reason for a failure in a reply of any shape ([W])."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prefect_toapis.client.error_bodies import ErrorBody, says_nothing
from prefect_toapis.client.excerpts import sentence
from prefect_toapis.client.json_values import members, number_of, parsed, text_of

# Members that contain an error; texts in the others may also report success.
_ERRORS = (
    *("error", "errors", "failreason", "failurereason", "failedreason", "failure", "failmessage"),
    *("failmsg", "failuremessage", "errormessage", "errormsg", "errmsg", "errordetail"),
    *("errordetails", "errorreason", "errordescription", "lasterror", "exception", "err"),
)
_TEXTS = (
    *("reason", "statusmessage", "statusmsg", "taskstatusmsg", "taskstatusmessage"),
    *("statusreason", "statusdetail", "statusdetails", "message", "msg", "detail", "details"),
    *("description", "reasons"),
)
_IN_AN_ERROR = (
    *("message", "msg", "detail", "details", "reason", "description", "error", "errormessage"),
    *("errormsg", "text", "title", "errors"),
)
_CODES = ("code", "errorcode", "errcode", "failcode", "failurecode")
_INSIDE = ("result", "taskresult", "output", "status", "response", "metadata", "data", "baseresp")
_A_URL = re.compile(r"https?://\S+", re.IGNORECASE)  # [W] a result's, in `fail_reason`
_DEPTH = 4


def read_failure(task: Mapping[str, Any], around: Sequence[Mapping[str, Any]]) -> ErrorBody | None:
    """The error that a reply gives for a generation, in a member that is named as one.

    Args:
        task: The generation's object in the reply.
        around: The objects that wrap it, the innermost first.

    Example:
        >>> read_failure({"status": "oops", "fail_reason": "Too dark"}, [])
        ErrorBody(message='Too dark', code=None, kind=None)
    """
    return _first(_places(task, around), _ERRORS)


def read_words(task: Mapping[str, Any], around: Sequence[Mapping[str, Any]]) -> ErrorBody | None:
    """The text or code of a reply about a generation that is known to have failed."""
    if found := _first(_places(task, around), _TEXTS):
        return found
    codes = (_code_beside(place) for place in _places(task, around))
    code = next((code for code in codes if code), None)
    return ErrorBody(code, code) if code else None


def _places(
    task: Mapping[str, Any], around: Sequence[Mapping[str, Any]]
) -> Iterator[Mapping[str, Any]]:
    yield task
    for value in members(task, _INSIDE):
        inner = parsed(value)
        if isinstance(inner, dict):
            yield inner
    yield from around


def _first(places: Iterator[Mapping[str, Any]], names: tuple[str, ...]) -> ErrorBody | None:
    for place in places:
        for value in members(place, names):
            if (error := _error(value)) is not None:
                return ErrorBody(error.message, error.code or _code_beside(place), error.kind)
    return None


def _error(value: Any, depth: int = 0) -> ErrorBody | None:
    """The error in a value: a text, an object, or a list of either."""
    value = parsed(value)
    if depth > _DEPTH:
        return None
    if isinstance(value, list):
        return next((found for item in value[:9] if (found := _error(item, depth + 1))), None)
    if not isinstance(value, dict):
        text = _saying(value)
        return ErrorBody(text) if text else None
    code, kind = _code(value, _CODES), _code(value, ("type", "kind"))
    for inner in members(value, _IN_AN_ERROR):
        if found := _error(inner, depth + 1):
            return ErrorBody(found.message, code or found.code, kind or found.kind)
    return ErrorBody(code or kind or "", code, kind) if code or kind else None


def _code(holder: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    texts = (_saying(value) for value in members(holder, names))
    return next((text for text in texts if text), None)


def _code_beside(place: Mapping[str, Any]) -> str | None:
    """The code next to an error; a numeric `code` belongs to the request."""
    plain = _code(place, _CODES[:1])
    return _code(place, _CODES[1:]) or (plain if plain and number_of(plain) is None else None)


def _saying(value: Any) -> str | None:
    """A text, safe to show; None if it is empty or reports success."""
    text = text_of(value)
    if text is None or says_nothing(text) or _A_URL.fullmatch(text):
        return None
    return sentence(text) or None
