"""Parsing of error bodies of the API and of gateways before it."""

import html
import re
from dataclasses import dataclass
from typing import Any

from prefect_toapis.client.json_values import canonical, text_of
from prefect_toapis.client.plain_text import one_line
from prefect_toapis.client.urls import without_queries

SHOWN = 2000  # characters of a text from elsewhere
_CODE = 100  # characters of a code
_SAYS_NOTHING = {  # empty values, or success reported as an error ([W])
    *("0", "200", "ok", "okay", "success", "succeed", "succeeded", "successful", "none"),
    *("null", "nil", "undefined", "false", "true", "noerror", "na", "completed", "done"),
}
_READ = 20_000  # characters of a text that are read: some errors are whole pages


@dataclass(frozen=True)
class ErrorBody:
    """A parsed error body."""

    message: str
    code: str | None = None
    kind: str | None = None  # the `type` field


def read_error(payload: Any) -> ErrorBody | None:
    """The error in a reply's JSON; None if there is none.

    [W]: an error may be a plain string, have no code, or be in another field.

    Example:
        >>> read_error({"error": {"code": 402, "message": "No balance"}})
        ErrorBody(message='No balance', code='402', kind=None)
    """
    if not isinstance(payload, dict):
        return None
    error = payload.get("error")
    if isinstance(error, dict):
        message = text_of(error.get("message"))
        code, kind = as_code(text_of(error.get("code"))), as_code(text_of(error.get("type")))
        if all(text is None or says_nothing(text) for text in (message, code, kind)):
            return None
        return ErrorBody(readable(message or code or kind or ""), code, kind)
    if (text := text_of(error)) and not says_nothing(text):
        return ErrorBody(readable(text))
    if payload.get("success") is False:
        return ErrorBody(readable(text_of(payload.get("message")) or "no reason given"))
    return None


def says_nothing(text: str) -> bool:
    """Whether the text of an error or a code means that there is no error."""
    return canonical(text) in _SAYS_NOTHING


def readable(text: str, limit: int = SHOWN) -> str:
    r"""Untrusted text made safe to show: a single printable line, URLs without queries.

    Args:
        text: Of any length.
        limit: The maximum length in characters.

    Example:
        >>> readable("Not \x1b[31mhere:\n https://x.example/a?sig=s3cr3t")
        'Not \\x1b[31mhere: https://x.example/a'
    """
    return one_line(without_queries(text[:_READ]), limit)


def as_code(text: str | None) -> str | None:
    """A code, safe to show; None if it is blank."""
    return (readable(text, _CODE) or None) if text else None


def is_page(text: str) -> bool:
    """Whether a body is HTML or XML, from a gateway or a proxy rather than the API."""
    return re.match(r"[\s\ufeff]*<[!?a-zA-Z]", text[:1000]) is not None


def text_of_page(page: str) -> str:
    """The text of a page of HTML or XML, without tags, scripts and styles.

    Example:
        >>> readable(text_of_page("<title>No</title><script>x()</script><p>balance &amp; more"))
        'No balance & more'
    """
    parts: list[str] = []
    hidden = ""  # the element whose content isn't text
    for tag, text in re.findall(r"<([^<>]*)>|([^<>]+)", page[:_READ].lstrip("\ufeff")):
        name = tag.split(maxsplit=1)[0].lower() if tag.strip() else ""
        if hidden:
            hidden = "" if name == f"/{hidden}" else hidden
        elif name in {"script", "style"}:
            hidden = name
        else:
            parts.append(text or " ")
    return html.unescape("".join(parts))
