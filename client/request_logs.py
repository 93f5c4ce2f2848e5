"""What httpx and httpcore log of requests, without what must not be shown.

httpx logs each URL that it asks for, and at DEBUG httpcore logs the headers of each answer: a
result's URL is signed, and so is where a redirect leads. Filters hold for single loggers, so each
that these two have is named here.
"""

import logging
import re

import httpx

from prefect_toapis.client.urls import without_queries, without_query

_HEADERS = re.compile(r"\[\(b['\"].*\)\]", re.DOTALL)  # as httpcore shows those of an answer
_NAME = re.compile(r"\((b'[^']*'|b\"[^\"]*\"), ")


def _shown(value: object) -> object:
    if isinstance(value, (httpx.URL, httpx.Request)):
        return without_query(str(value.url if isinstance(value, httpx.Request) else value))
    return without_queries(value) if isinstance(value, str) else value


def without_secrets(record: logging.LogRecord) -> bool:
    """Let a record pass: URLs without queries, of an answer's headers the names alone."""
    if isinstance(record.args, tuple):
        record.args = tuple(map(_shown, record.args))
    if isinstance(record.msg, str):
        names = _HEADERS.sub(lambda found: f"[{', '.join(_NAME.findall(found[0]))}]", record.msg)
        record.msg = without_queries(names)
    return True


for _name in (
    *("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy"),
    "httpcore.socks",
):
    logging.getLogger(_name).addFilter(without_secrets)
