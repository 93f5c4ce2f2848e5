"""Translates errors of S3 and boto3 into those of this package."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from prefect_toapis.client.errors import Facts
from prefect_toapis.client.urls import without_queries
from prefect_toapis.errors import (
    ObjectRefused,
    StoreAccessRefused,
    StoreError,
    StoreMissing,
    StoreUnavailable,
)

_UNAVAILABLE_CODES = frozenset(
    {
        "409",
        "412",
        "BandwidthLimitExceeded",
        "ConditionalRequestConflict",
        "InternalError",
        "OperationAborted",
        "PreconditionFailed",  # for a key reported as taken although it has no object
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
READ = "read"  # the operation that fetches an object
_UNAUTHENTICATED = 401
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_REDIRECTS = frozenset({302, 303, 308})  # never sent by S3
# Responses of S3 are XML or empty.
_PAGE = re.compile(
    rb"\s*(?:[^<\s]|<(?:\?[^>]*>\s*<)?(?:!doctype\s+html|html|head|body|script)\b)", re.IGNORECASE
)
_WITH_ETAG = frozenset({"GetObject", "HeadObject", "PutObject", "UploadPart"})
_REFUSED_CODES = frozenset(  # codes that some stores send without status 401 or 403
    {
        "AccessDenied",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
# Errors of a read caused by the bucket, the account or the request, not by the object.
_NOT_ABOUT_THE_OBJECT = frozenset(
    {
        "AccountProblem",
        "AllAccessDisabled",
        "AuthorizationHeaderMalformed",
        "InvalidBucketName",
        "InvalidSecurity",
        "NotSignedUp",
        "RequestExpired",
        "RequestTimeTooSkewed",
    }
) | (_REFUSED_CODES - {"AccessDenied"})

# By the names of the class and its ancestors, because boto3 is only imported on first use.
_BY_CLASS: dict[str, type[StoreError]] = {
    # Missing or unusable credentials.
    "CredentialRetrievalError": StoreAccessRefused,
    "LoginError": StoreAccessRefused,
    "MetadataRetrievalError": StoreAccessRefused,
    "NoAuthTokenError": StoreAccessRefused,
    "NoCredentialsError": StoreAccessRefused,
    "PartialCredentialsError": StoreAccessRefused,
    "ProfileNotFound": StoreAccessRefused,
    "RefreshWithMFAUnsupportedError": StoreAccessRefused,
    "SSOError": StoreAccessRefused,
    "TokenRetrievalError": StoreAccessRefused,
    "UnknownCredentialError": StoreAccessRefused,
    # The network: botocore's own ConnectionError, not Python's.
    "ConnectionError": StoreUnavailable,
    "HTTPClientError": StoreUnavailable,
    "IncompleteReadError": StoreUnavailable,
    "FlexibleChecksumError": StoreUnavailable,
}

GONE = frozenset({"404", "NoSuchKey"})
"""Error codes of objects that don't exist."""


class NotS3(Exception):
    """The endpoint isn't S3: a login page, a proxy, another service.

    Args:
        endpoint: The requested URL.
        what: How it responded.
    """

    def __init__(self, endpoint: str, what: str) -> None:
        host = urlsplit(endpoint).netloc.rpartition("@")[2]
        super().__init__(
            f"{host} does not respond like S3, but with {what}: check the endpoint URL, and "
            "whether a proxy or a login page intercepts requests"
        )


def page_in_place(operation: str, status: int, headers: Mapping[str, str], body: Any) -> str | None:
    """Return how a response shows that it isn't from S3; None if it may be.

    Args:
        operation: Such as `GetObject`.
        status: Of the HTTP response.
        headers: Of the HTTP response; case-insensitive.
        body: Its bytes; another type if it is streamed.

    Example:
        >>> page_in_place("PutObject", 302, {"location": "https://login.example/?t=1"}, b"")
        'a redirect to login.example'
    """
    if status >= 500 or status == 429:  # temporary, even if sent by a proxy
        return None
    if status in _REDIRECTS or (status in {301, 307} and _is_page(body)):
        return f"a redirect to {urlsplit(headers.get('location', '')).hostname or 'nowhere'}"
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    without_object = operation in _WITH_ETAG and status < 300 and not headers.get("etag")
    if _is_page(body) or (without_object and "html" in media_type):
        return f"HTTP {status} and {media_type[:40] or 'a page'}"
    return None


def translate(error: Exception, *, operation: str, uri: str, credentials: str) -> StoreError:
    """Translate an error of boto3.

    Args:
        error: Raised by boto3.
        operation: What was attempted: "write".
        uri: Of the object or bucket: `s3://bucket/key`.
        credentials: Describes the credentials in use, without secrets.

    Returns:
        `StoreMissing`, `StoreAccessRefused`, `ObjectRefused` (only this object can't be read),
        `StoreUnavailable` (safe to retry), or a plain `StoreError` if the configuration must be
        changed.

    Example:
        ```python
        raise translate(error, operation="write", uri="s3://b/k", credentials="profile x")
        ```
    """
    response: dict[str, Any] | None = getattr(error, "response", None)
    what = f"Can't {operation} {uri} with {credentials}"
    if type(error).__name__ == "ResponseParserError":  # its text is the whole body
        error = NotS3(uri, "what is not S3's XML")
    if response is None:
        return _of_class(error)(f"{what}: {_reason(error)}")
    answer, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
    code, status = str(answer.get("Code", "")), int(meta.get("HTTPStatusCode", 0))
    facts: Facts = {}
    if status:
        facts["http_status"] = status
    if code and code != str(status):
        facts["code"] = code
    if meta.get("RequestId"):
        facts["request_id"] = str(meta["RequestId"])
    reason = without_queries(str(answer.get("Message") or "")) or "the store gives no reason"
    kind = _of_answer(code, status)
    if operation == READ and _is_about_the_object(kind, code, status):
        return ObjectRefused(f"{what}: {reason}", uri, **facts)
    return kind(f"{what}: {reason}", **facts)


def is_temporary(error: Exception) -> bool:
    """Return whether a request may succeed later, and may have been carried out nevertheless."""
    response: dict[str, Any] | None = getattr(error, "response", None)
    if response is None:
        return _of_class(error) is StoreUnavailable
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return _of_answer(error_code(error), status) is StoreUnavailable


def error_code(error: Exception) -> str:
    """Return the error code of S3's response, "" if there was none.

    A response to HEAD has no body, so its code is the status: `"404"`.
    """
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def _is_page(body: Any) -> bool:
    return (
        isinstance(body, bytes)
        and _PAGE.match(body[:1_000].removeprefix(b"\xef\xbb\xbf")) is not None
    )


def _of_answer(code: str, status: int) -> type[StoreError]:
    if code == "NoSuchBucket":
        return StoreMissing
    if code in _UNAVAILABLE_CODES or status == 429 or (status >= 500 and status != 501):
        return StoreUnavailable
    if code in _REFUSED_CODES or code.startswith("KMS.") or status in {401, 403}:
        return StoreAccessRefused
    return StoreError


def _is_about_the_object(kind: type[StoreError], code: str, status: int) -> bool:
    """Return whether only this object is refused: archived, denied, or of another KMS key."""
    by_kind = kind in {StoreAccessRefused, StoreError} and code not in _NOT_ABOUT_THE_OBJECT
    return by_kind and _CLIENT_ERROR <= status < _SERVER_ERROR and status != _UNAUTHENTICATED


def _of_class(error: Exception) -> type[StoreError]:
    names = [ancestor.__name__ for ancestor in type(error).__mro__]
    if "SSLError" in names and "EOF" not in str(error):
        return StoreError  # caused by certificates or protocols: a retry doesn't help
    return next((_BY_CLASS[name] for name in names if name in _BY_CLASS), StoreError)


def _reason(error: Exception) -> str:
    reason = re.sub(r"\s+", " ", without_queries(str(error))).strip() or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        reason += " (set the certificate authority as `ca_bundle` of the S3 Credentials)"
    return reason
