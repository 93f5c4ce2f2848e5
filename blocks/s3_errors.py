"""What S3 and boto3 raise, in the words of this package."""

import re
from collections.abc import Mapping
from typing import Any

from prefect_toapis.batches.errors import (
    StoreAccessRefused,
    StoreError,
    StoreMissing,
    StoreUnavailable,
)
from prefect_toapis.client.errors import Facts

_UNAVAILABLE_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "InternalError",
        "OperationAborted",
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
_REFUSED_CODES = frozenset(  # those that don't come with 401 or 403 everywhere
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

_NOT_S3 = (
    "Check the endpoint URL of the S3 Credentials and any proxy between: what answers isn't S3."
)

# By name along the class's ancestors, because boto3 is imported on first use only.
_BY_CLASS: dict[str, type[StoreError]] = {
    # No credentials, or none that can be used.
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


def translate(error: Exception, *, operation: str, uri: str, credentials: str) -> StoreError:
    """One of boto3's errors as one of ours.

    Args:
        error: What boto3 raised.
        operation: What was being done: "write".
        uri: To what: `s3://bucket/key`.
        credentials: Which credentials were in use, without secrets.

    Returns:
        `StoreMissing`, `StoreAccessRefused`, `StoreUnavailable` (safe to try again), or a plain
        `StoreError` where the configuration must be changed.

    Example:
        ```python
        raise translate(error, operation="write", uri="s3://b/k", credentials="profile x")
        ```
    """
    response: dict[str, Any] | None = getattr(error, "response", None)
    what = f"Can't {operation} {uri} with {credentials}"
    if type(error).__name__ == "ResponseParserError":  # its text is what was received
        return StoreError(f"{what}: its answer can't be understood", advice=_NOT_S3)
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
    reason = answer.get("Message") or "the store gives no reason"
    return _of_answer(code, status)(f"{what}: {reason}", **facts)


def assure_s3(answer: Mapping[str, Any], *, operation: str, uri: str) -> None:
    """Refuse what no S3 answers: a proxy's login page has status 200, too.

    Args:
        answer: As boto3 returns it.
        operation: What was being done: "write".
        uri: To what: `s3://bucket/key`.

    Raises:
        StoreError: It is a page of HTML without an ETag. Nothing was read or written.
    """
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if "etag" not in headers and "html" in headers.get("content-type", ""):
        what = f"Can't {operation} {uri}: a page of HTML answers in place of S3"
        raise StoreError(what, advice=_NOT_S3)


def error_code(error: Exception) -> str:
    """The code of S3's answer, "" if there was none.

    A HEAD has no body, so its code is the status: `"404"`.
    """
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def was_repeated(error: Exception) -> bool:
    """Whether boto3 sent the request again: its first may have been carried out unheard."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return bool(response.get("ResponseMetadata", {}).get("RetryAttempts"))


def _of_answer(code: str, status: int) -> type[StoreError]:
    if code == "NoSuchBucket":
        return StoreMissing
    if code in _UNAVAILABLE_CODES or status == 429 or (status >= 500 and status != 501):
        return StoreUnavailable
    if code in _REFUSED_CODES or code.startswith("KMS.") or status in {401, 403}:
        return StoreAccessRefused
    return StoreError


def _of_class(error: Exception) -> type[StoreError]:
    names = [ancestor.__name__ for ancestor in type(error).__mro__]
    if "SSLError" in names and "EOF" not in str(error):
        return StoreError  # a matter of certificates or protocols: trying again won't help
    return next((_BY_CLASS[name] for name in names if name in _BY_CLASS), StoreError)


def _reason(error: Exception) -> str:
    reason = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        reason += " (set the certificate authority as `ca_bundle` of the S3 Credentials)"
    return reason
