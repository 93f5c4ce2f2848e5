"""Error replies in the documented shape, and in shapes that gateways use ([W])."""

import html
import json
import random
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

ErrorShape = Literal[
    "documented",
    "empty",
    "string",
    "flat",
    "detail",
    "details",
    "errors",
    "msg",
    "text",
    "html",
]
"""`documented`: `{"error": {"code", "message", "type"}}`; `empty`: `{"error": {}}`, which says
nothing; `string`: `{"error": "..."}`; `flat`: `{"code", "message", "data": null}`; `detail`:
`{"detail": "..."}`; `details`: `{"detail": [{"loc", "msg", "type"}]}`; `errors`:
`{"errors": ["..."]}`; `msg`: `{"code": <status>, "msg": "..."}`; `text`: plain text; `html`: the
page of a proxy."""

ERROR_SHAPES: tuple[ErrorShape, ...] = get_args(ErrorShape)
_OF_NO_API: frozenset[ErrorShape] = frozenset({"empty", "text", "html"})
_OF_THE_API: tuple[ErrorShape, ...] = tuple(
    shape for shape in ERROR_SHAPES if shape not in _OF_NO_API
)
_WITH_CODE = frozenset({"documented", "flat"})


class ErrorReply(NamedTuple):
    """An error as it goes over the wire."""

    status: int
    content_type: str
    body: str


@dataclass(frozen=True)
class ErrorWording:
    """How an error is worded.

    Args:
        shape: Of its body.
        status: The HTTP status; None: the documented one.
        code: The code word; None: the documented one.
    """

    shape: ErrorShape = "documented"
    status: int | None = None
    code: str | None = None


GATEWAY_ERRORS: dict[str, ErrorWording] = {
    "insufficient_quota": ErrorWording("flat", 403, "insufficient_user_quota"),
    "content_policy_violation": ErrorWording("flat", 400, "sensitive_words_detected"),
}
"""How the dialect `gateway` words errors; all others are `flat`, with the documented code."""

_EMPTY_BALANCE = (
    ErrorWording(status=402),
    ErrorWording(status=402, code="insufficient_user_quota"),
    ErrorWording(status=403, code="insufficient_user_quota"),
    ErrorWording(status=403, code="insufficient_balance"),
    ErrorWording(status=429, code="insufficient_quota"),  # as OpenAI words it
    ErrorWording(status=429, code="insufficient_user_quota"),
)


def draw_error(code: str, drawn: random.Random) -> ErrorWording:
    """A wording of an error, at random.

    Args:
        code: The documented code.
        drawn: Decides.
    """
    shapes = _OF_THE_API if code == "task_not_found" else ERROR_SHAPES  # no proxy knows tasks
    shape = drawn.choice(shapes)
    if code != "insufficient_quota":
        return ErrorWording(shape)
    spoken = drawn.choice(_EMPTY_BALANCE)
    if spoken.status != 402 and shape == "empty":  # else nothing says what it is
        shape = "documented"
    return replace(spoken, shape=shape)


def error_reply(shape: ErrorShape, status: int, code: str, type_: str, message: str) -> ErrorReply:
    """An error in one of the shapes.

    Where the shape has no place for the code, the text begins with it, as gateways do it.

    Example:
        >>> error_reply("msg", 403, "no_access", "", "Not yours").body
        '{"code":403,"msg":"no_access: Not yours"}'
    """
    if shape == "text":
        return ErrorReply(status, "text/plain; charset=utf-8", f"{code}: {message}")
    if shape == "html":
        return ErrorReply(status, "text/html; charset=utf-8", _page(status, f"{code}: {message}"))
    said = _json(shape, status, code, type_, message)
    body = json.dumps(said, separators=(",", ":"), ensure_ascii=False)
    return ErrorReply(status, "application/json", body)


def _json(shape: ErrorShape, status: int, code: str, type_: str, message: str) -> dict[str, Any]:
    text = message if shape in _WITH_CODE else f"{code}: {message}"
    bodies: dict[ErrorShape, dict[str, Any]] = {
        "documented": {"error": {"code": code, "message": text, "type": type_}},
        "empty": {"error": {}},
        "string": {"error": text},
        "flat": {"code": code, "message": text, "data": None},
        "detail": {"detail": text},
        "details": {"detail": [{"loc": ["body"], "msg": text, "type": "value_error"}]},
        "errors": {"errors": [text]},
        "msg": {"code": status, "msg": text},
    }
    return bodies[shape]


def _page(status: int, text: str) -> str:
    return (
        f"<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n"
        f"<center><h1>{html.escape(text)}</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
