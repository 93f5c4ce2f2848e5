"""What can be told from a URL by looking at it."""

import re
from urllib.parse import SplitResult, quote, unquote_plus, urlsplit, urlunsplit

from prefect_toapis.client.addresses import may_be_asked

DEFAULT_BASE_URL = "https://toapis.com"

_SIGNATURE_PREFIXES = ("x-amz-", "x-goog-", "x-oss-", "x-cos-")
_SIGNATURE_NAMES = {
    *("signature", "sig", "expires", "policy", "token", "security-token"),
    *("key-pair-id", "awsaccesskeyid", "googleaccessid", "ossaccesskeyid"),
    *("q-sign-algorithm", "q-ak", "q-sign-time", "q-key-time", "q-signature"),
    *("q-header-list", "q-url-param-list"),
    *("se", "sp", "sv", "sr", "st", "spr", "sip", "skoid", "sktid", "skt", "ske", "sks", "skv"),
}


def api_root(base_url: str) -> str:
    """The root that paths like `/v1/balance` are added to.

    Only the path is normalised: the host stays as typed.

    Args:
        base_url: As a user types it, with or without `/v1` and slashes.

    Raises:
        ValueError: It isn't an http(s) URL, or holds a user name.

    Example:
        >>> api_root("https://toapis.com/v1/")
        'https://toapis.com'
    """
    parts = urlsplit(base_url.strip())
    user_info = "@" in parts.netloc  # httpx would send it in place of the key
    if parts.scheme not in {"http", "https"} or not parts.hostname or user_info:
        shown = without_signature(base_url)
        raise ValueError(f"base_url={shown!r}: give an http(s) URL such as {DEFAULT_BASE_URL}")
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def path_segment(text: str) -> str:
    """Any text as one segment of a URL's path, such as an id of the provider's.

    Example:
        >>> path_segment("a/b?c"), path_segment("..")
        ('a%2Fb%3Fc', '%2E%2E')
    """
    quoted = quote(text, safe="", errors="replace")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")


def without_signature(url: str) -> str:
    """The URL without the parameters (and user info) that only prove a right to fetch it.

    Two signed links to one object become the same text, which is safe to store and to log.

    Example:
        >>> without_signature("https://cdn.example/cat.png?size=2&X-Amz-Signature=ab12")
        'https://cdn.example/cat.png?size=2'
    """
    address, _, query = url.partition("#")[0].partition("?")
    scheme, mark, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    kept = "&".join(part for part in query.split("&") if not _signs(part))
    shown = "".join((scheme, mark, host.rpartition("@")[2], slash, path))
    return f"{shown}?{kept}" if kept else shown


def _signs(parameter: str) -> bool:
    name = unquote_plus(parameter.partition("=")[0]).lower()
    return name in _SIGNATURE_NAMES or name.startswith(_SIGNATURE_PREFIXES)


def without_queries(text: str) -> str:
    """Text from elsewhere, made safe to show: the URLs in it lose their query.

    It may be raw JSON, where a slash or an ampersand may stand with a backslash.
    """
    return re.sub(r"(https?:(?:\\?/){2}[^\s\"'<>?]+)\?[^\s\"'<>]*", r"\1", text)


def why_not_public(url: str, *, private: bool = False) -> str | None:
    """Why the provider can't, or mustn't, fetch this URL; None if nothing speaks against it.

    [P]: reference media are public `http://`/`https://` URLs; base64 and `data:` are refused.

    Args:
        url: Of a reference. Its host is judged by its name alone: a batch has many thousands.
        private: Whether the API itself is at a private address; then references may be, too.
            Metadata services and link-local addresses never may.

    Example:
        >>> why_not_public("http://127.1/a.png")
        "127.1 can't be reached by the provider: give a public URL"
        >>> why_not_public("http://127.1/a.png", private=True) is None
        True
    """
    if url.startswith("data:"):
        return "data: URLs are no longer accepted: upload the file and give its http(s) URL"
    parts = _split(url)
    if (
        parts is None
        or not parts.scheme
        or (parts.scheme not in {"http", "https"} and "://" not in url)
    ):
        return "not a URL (base64 is no longer accepted): upload the file and give its http(s) URL"
    if parts.scheme not in {"http", "https"}:
        return f"{parts.scheme}:// can't be fetched by the provider: give an http(s) URL"
    return _why_not_asked(parts, private=private)


def _why_not_asked(parts: SplitResult, *, private: bool) -> str | None:
    host = parts.hostname
    if not host:
        return "it names no host"
    if "\\" in parts.netloc or not parts.netloc.isprintable():  # others read another host in it
        return "its host can't be told for sure: give a URL without backslashes"
    if may_be_asked(host, private=private):
        return None
    return f"{host} can't be reached by the provider: give a public URL"


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None
