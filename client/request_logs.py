"""Filters that remove secrets from the log lines of HTTP libraries.

httpx and urllib3 log each URL; at DEBUG httpcore logs response headers, and botocore whole requests
and responses with signatures and tokens. Result URLs and redirect targets are signed. A filter
applies to a single logger, so it is added to each of these.
"""

import logging
import re

import httpx

from prefect_toapis.client.urls import without_queries, without_query

_HEADERS = re.compile(r"\[\(b['\"].*\)\]", re.DOTALL)  # as httpcore shows those of an answer
_NAME = re.compile(r"\((b'[^']*'|b\"[^\"]*\"), ")
_SECRET_HEADER = re.compile(
    r"((?:authorization|x-amz-security-token|x-amz-signature|cookie)['\"]?\s{0,9}[:=]\s{0,9})"
    r"(?:b?'[^'\n]*'|b?\"[^\"\n]*\"|[^\n}]+)",
    re.IGNORECASE,
)
# They log mainly signed strings, signatures and whole responses.
_OPAQUE = ("botocore.auth", "botocore.crt.auth", "botocore.endpoint", "botocore.parsers")
_FORMATTER = logging.Formatter()


def _shown(value: object) -> object:
    if isinstance(value, httpx.Request):
        value = value.url
    if isinstance(value, httpx.URL):
        return without_query(str(value))
    if not isinstance(value, str):
        return value
    is_url = ("://" in value or value.startswith("/")) and not re.search(r"\s", value)
    return without_query(value) if is_url else value


def _safe(text: str) -> str:
    text = _HEADERS.sub(lambda found: f"[{', '.join(_NAME.findall(found[0]))}]", text)
    return without_queries(_SECRET_HEADER.sub(r"\1[hidden]", text))


def without_secrets(record: logging.LogRecord) -> bool:
    """Redact a record: URLs lose their queries, response headers their values."""
    if isinstance(record.args, tuple):
        opaque = record.name in _OPAQUE
        record.args = tuple("[hidden]" if opaque else _shown(value) for value in record.args)
    message = record.getMessage()
    if (safe := _safe(message)) != message:
        record.msg, record.args = safe, None
    if record.exc_info:  # an exception's text may contain the URL, its frames the request
        record.exc_text = _safe(_FORMATTER.formatException(record.exc_info))
        record.exc_info = None
    return True


def filter_loggers(*packages: str) -> None:
    """Add the filter to all existing loggers of packages.

    Args:
        packages: Names such as `urllib3`, after their import.
    """
    prefixes = tuple(f"{package}." for package in packages)
    for name in list(logging.root.manager.loggerDict):
        if name in packages or name.startswith(prefixes):
            logging.getLogger(name).addFilter(without_secrets)


for _name in (
    *("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy"),
    *("httpcore.socks", *_OPAQUE),
):
    logging.getLogger(_name).addFilter(without_secrets)
