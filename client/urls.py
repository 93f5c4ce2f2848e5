"""Pure functions over URLs: validation, redaction and normalisation.

User info, query and fragment of a URL may be secret, and each CDN names its signature parameters
differently. So URLs are shown and stored without any of them (`without_query`, and
`without_queries` for texts). Where the other parameters are needed, for the identity of a request
and for sending it again, only known signature parameters are removed (`without_signature`).
"""

import re
from urllib.parse import SplitResult, quote, unquote, unquote_plus, urlsplit, urlunsplit

from prefect_toapis.client.addresses import may_be_asked

DEFAULT_BASE_URL = "https://toapis.com"

# Every unanchored repetition is bounded, as the text may be hostile.
_WORD = re.compile(r"[^\s\"'<>]+")
# A question mark followed only by punctuation ends a sentence, and begins no query.
_QUERY = re.compile(r"[?#](?=[^?!.,;:)\]}\\]|[?!.,;:)\]}\\]+\w)|\\u00(?:3f|23)", re.IGNORECASE)
_USER_INFO = re.compile(r"(//|\\/\\/)[^\s\"'<>/\\]{1,2000}@")
# A password with a slash or a question mark: the text after the colon isn't a port.
_PASSWORD = re.compile(
    r"(//|\\/\\/)[^\s\"'<>/\\:@\[?#]{0,200}:(?!\d{1,5}(?!\w))[^\s\"'<>@]{1,2000}@"
)

_SIGNATURE_PREFIXES = ("x-amz-", "x-goog-", "x-oss-", "x-cos-")
_SIGNATURE_NAMES = {
    *("signature", "sig", "expires", "policy", "token", "security-token"),
    *("key-pair-id", "awsaccesskeyid", "googleaccessid", "ossaccesskeyid"),
    *("q-sign-algorithm", "q-ak", "q-sign-time", "q-key-time", "q-signature"),
    *("q-header-list", "q-url-param-list"),
    *("se", "sp", "sv", "sr", "st", "spr", "sip", "skoid", "sktid", "skt", "ske", "sks", "skv"),
}


def api_root(base_url: str) -> str:
    """The API's root, to which paths like `/v1/balance` are appended.

    Only the path is normalised.

    Args:
        base_url: As entered by a user, with or without `/v1` and trailing slashes.

    Raises:
        ValueError: It isn't a valid http(s) URL, or contains a user name.

    Example:
        >>> api_root("https://toapis.com/v1/")
        'https://toapis.com'
    """
    if fault := base_url_fault(base_url):
        raise ValueError(f"base_url: {fault} such as {DEFAULT_BASE_URL}")
    parts = urlsplit(base_url.strip())
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def base_url_fault(url: str) -> str | None:
    """Why a URL isn't a valid base URL of a service, without quoting it; None if it is.

    Args:
        url: As entered by a user. It may contain a password, even wrongly escaped, which httpx
            would send in place of the key, and botocore would log.

    Example:
        >>> base_url_fault("https://me:pass/word@toapis.com")
        'give an http(s) URL without user name and password,'
    """
    parts = _split(url.strip())
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        return "give an http(s) URL"
    if "@" in unquote(url) or "\\" in url or not _has_port_or_none(parts):
        return "give an http(s) URL without user name and password,"
    return None


def _has_port_or_none(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def path_segment(text: str) -> str:
    """Encode any text as a segment of a URL's path, such as a task id.

    Example:
        >>> path_segment("a/b?c"), path_segment("..")
        ('a%2Fb%3Fc', '%2E%2E')
    """
    quoted = quote(text, safe="", errors="replace")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")


def without_signature(url: str) -> str:
    """The URL without known signature parameters, user info and fragment.

    Two signed links to an object become equal. Unknown signature parameters stay, so the result is
    not safe to show.

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


def without_query(url: str) -> str:
    """The URL without query, fragment and user info, safe to show and to store.

    Args:
        url: Of any scheme.

    Example:
        >>> without_query("s3://studio/cat.png?versionId=3"), without_query("https://a:b@c.d/e#f")
        ('s3://studio/cat.png', 'https://c.d/e')
    """
    address = re.split(r"[?#]", _PASSWORD.sub(r"\1", url), maxsplit=1)[0]
    scheme, mark, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return "".join((scheme, mark, host.rpartition("@")[2], slash, path))


def without_queries(text: str) -> str:
    """Untrusted text made safe to show: its URLs lose query, fragment and user info.

    In raw JSON slashes, question marks and ampersands may be escaped. Relative URLs lose their
    query, too: the part after a question mark in a word with a slash.

    Example:
        >>> without_queries("see s3://b/k?sig=1, //me:pw@a.example/x and /v?t=2 (a/b?)")
        'see s3://b/k //a.example/x and /v (a/b?)'
    """
    return _USER_INFO.sub(r"\1", _WORD.sub(_without_query_in, _PASSWORD.sub(r"\1", text)))


def _without_query_in(word: re.Match[str]) -> str:
    query = _QUERY.search(word[0])
    if query is None:
        return word[0]
    before = word[0][: query.start()]
    is_url = "://" in before or ":\\/\\/" in before or ("/" in before and query[0] != "#")
    return before if is_url else word[0]


def why_not_public(url: str, *, private: bool = False) -> str | None:
    """Why the provider can't, or must not, fetch this URL; None if it may.

    [P]: reference media are public `http://`/`https://` URLs; base64 and `data:` are refused.

    Args:
        url: Of a reference. Its host isn't resolved, as there may be many thousands of them.
        private: Whether the API itself is at a private address; then references may be, too, but
            never at metadata services and link-local addresses.

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
        return "it has no host"
    if "\\" in parts.netloc or not parts.netloc.isprintable():  # parsers disagree about the host
        return "its host is ambiguous: give a URL without backslashes"
    if may_be_asked(host, private=private):
        return None
    return f"{host} can't be reached by the provider: give a public URL"


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None
