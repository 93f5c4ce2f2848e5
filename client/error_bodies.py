"""Errors as the API and the gateways before it word them."""

from dataclasses import dataclass
from typing import Any

from prefect_toapis.client.json_values import text_of
from prefect_toapis.client.urls import without_queries


@dataclass(frozen=True)
class ErrorBody:
    """An error as the API words it."""

    message: str
    code: str | None = None
    kind: str | None = None  # the `type` field


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
        message = text_of(error.get("message"))
        code, kind = text_of(error.get("code")), text_of(error.get("type"))
        if not (message or code or kind):
            return None
        return ErrorBody(without_queries(message or code or kind or ""), code, kind)
    if text := text_of(error):
        return ErrorBody(without_queries(text))
    if payload.get("success") is False:
        return ErrorBody(without_queries(text_of(payload.get("message")) or "no reason given"))
    return None
