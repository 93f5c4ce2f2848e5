"""Excerpts of replies, safe to show and to store: printable, without signatures and secrets."""

import re

from prefect_toapis.client.plain_text import one_line
from prefect_toapis.client.urls import without_queries

EXCERPT = 500  # characters of an unreadable reply that are kept

# More is read than kept, as secrets that are removed may be long. Every repetition is bounded or
# anchored to the start of a word, as the text may be hostile.
_MAX_READ = 20_000  # characters
_SECRET = re.compile(
    r"(?P<name>(?<![\w-])(?=[\w-]*?(?:token|secret|signature|password|passwd|api_?-?key|access_?-?key"
    r"|auth_?-?key|authorization|cookie|credential|(?<![a-z])(?:sig|jwt|session_?id)(?![a-z])))"
    r"[\w-]+[\"']?\s{0,9}(?:[:=]|%3[ad])\s{0,9})"
    r"(?:\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|(?:bearer\s+)?[^\s,;&<>{}\[\]]+)",
    re.IGNORECASE,
)
_FIELD = re.compile(  # the value of a form field, as on login pages
    r"(<input\b[^<>]{0,300}?\bvalue\s{0,9}=\s{0,9})(?:\\?\"[^\"<>]*\"|'[^'<>]*'|[^\s\"'<>]+)",
    re.IGNORECASE,
)
_JWT = re.compile(r"\beyJ[\w-]{5,1000}\.[\w-]{3,}(?:\.[\w-]*)?")
_BEARER = re.compile(r"\b(bearer\s+|sk-)[\w.~+/=-]{6,}", re.IGNORECASE)


def excerpt(text: str, length: int = EXCERPT) -> str:
    """The first characters of an untrusted text, safe to show and to store.

    URLs lose their queries, and members named like secrets their values.

    Args:
        text: A reply, JSON or not.
        length: In characters.

    Example:
        >>> excerpt('{"url": "https://cdn.example/a.mp4?sig=ab12", "token": "s3cr3t"}')
        '{"url": "https://cdn.example/a.mp4", "token": "[hidden]"}'
    """
    start = _SECRET.sub(r'\g<name>"[hidden]"', _FIELD.sub(r'\1"[hidden]"', _unsigned(text)))
    start = _JWT.sub("[hidden]", start)
    return one_line(_BEARER.sub(r"\1[hidden]", start))[:length]


def sentence(text: str, length: int = EXCERPT) -> str:
    r"""An error's text in a single line: URLs lose their queries, words are kept.

    Example:
        >>> sentence("Can't fetch\nhttps://a.example/b.png?sig=ab12")
        "Can't fetch https://a.example/b.png"
    """
    return one_line(_unsigned(text))[:length]


def _unsigned(text: str) -> str:
    return without_queries(text[:_MAX_READ])
