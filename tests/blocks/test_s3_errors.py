"""What boto3 raises becomes an error that says what to do."""

from typing import Any

import pytest
from botocore import exceptions as boto

from prefect_toapis.blocks.s3_errors import error_code, translate
from prefect_toapis.client.errors import Transient
from prefect_toapis.errors import StoreAccessRefused, StoreError, StoreMissing, StoreUnavailable


def answer(
    code: str, status: int, message: str = "the reason", operation: str = "PutObject"
) -> Any:
    meta = {"HTTPStatusCode": status, "RequestId": "REQ1"}
    return boto.ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": meta},  # type: ignore[typeddict-item]  # a real answer has more, and needs none of it
        operation,
    )


def translated(error: Exception) -> StoreError:
    return translate(error, operation="write", uri="s3://videos/a", credentials="profile studio")


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("NoSuchBucket", 404, StoreMissing),
        ("AccessDenied", 403, StoreAccessRefused),
        ("AllAccessDisabled", 403, StoreAccessRefused),
        ("InvalidAccessKeyId", 403, StoreAccessRefused),
        ("SignatureDoesNotMatch", 403, StoreAccessRefused),
        ("RequestTimeTooSkewed", 403, StoreAccessRefused),
        ("ExpiredToken", 400, StoreAccessRefused),
        ("InvalidToken", 400, StoreAccessRefused),
        ("KMS.DisabledException", 400, StoreAccessRefused),
        ("403", 403, StoreAccessRefused),
        ("Unauthorized", 401, StoreAccessRefused),
        ("InternalError", 500, StoreUnavailable),
        ("SlowDown", 503, StoreUnavailable),
        ("ServiceUnavailable", 503, StoreUnavailable),
        ("RequestTimeout", 400, StoreUnavailable),
        ("TooManyRequests", 429, StoreUnavailable),
        ("502", 502, StoreUnavailable),
        ("NotImplemented", 501, StoreError),
        ("InvalidArgument", 400, StoreError),
        ("InvalidStorageClass", 400, StoreError),
        ("PermanentRedirect", 301, StoreError),
        ("EntityTooLarge", 400, StoreError),
    ],
)
def test_an_answer_of_the_store_is_of_this_kind(
    code: str, status: int, kind: type[StoreError]
) -> None:
    error = translated(answer(code, status))
    assert type(error) is kind
    assert error.http_status == status
    assert error.request_id == "REQ1"


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (boto.NoCredentialsError(), StoreAccessRefused),
        (boto.PartialCredentialsError(provider="env", cred_var="x"), StoreAccessRefused),
        (boto.ProfileNotFound(profile="x"), StoreAccessRefused),
        (boto.CredentialRetrievalError(provider="p", error_msg="m"), StoreAccessRefused),
        (boto.TokenRetrievalError(provider="sso", error_msg="m"), StoreAccessRefused),
        (boto.UnauthorizedSSOTokenError(), StoreAccessRefused),
        (boto.EndpointConnectionError(endpoint_url="http://x"), StoreUnavailable),
        (boto.ConnectTimeoutError(endpoint_url="http://x"), StoreUnavailable),
        (boto.ReadTimeoutError(endpoint_url="http://x"), StoreUnavailable),
        (boto.ConnectionClosedError(endpoint_url="http://x"), StoreUnavailable),
        (boto.ProxyConnectionError(proxy_url="http://x"), StoreUnavailable),
        (boto.ResponseStreamingError(error="reset"), StoreUnavailable),
        (boto.IncompleteReadError(actual_bytes=1, expected_bytes=2), StoreUnavailable),
        (
            boto.SSLError(endpoint_url="https://x", error=OSError("UNEXPECTED_EOF")),
            StoreUnavailable,
        ),
        (
            boto.SSLError(endpoint_url="https://x", error=OSError("CERTIFICATE_VERIFY_FAILED")),
            StoreError,
        ),
        (
            boto.SSLError(endpoint_url="https://x", error=OSError("WRONG_VERSION_NUMBER")),
            StoreError,
        ),
        (boto.InvalidRegionError(region_name="no where"), StoreError),
        (boto.NoRegionError(), StoreError),
        (boto.ParamValidationError(report="bad"), StoreError),
        (boto.ConfigParseError(path="/x"), StoreError),
        (ValueError("Invalid endpoint"), StoreError),
    ],
)
def test_an_error_without_an_answer_is_of_this_kind(
    raised: Exception, kind: type[StoreError]
) -> None:
    assert type(translated(raised)) is kind


def test_only_what_may_pass_by_itself_is_tried_again() -> None:
    assert isinstance(translated(answer("SlowDown", 503)), Transient)
    assert not isinstance(translated(answer("AccessDenied", 403)), Transient)


def test_the_message_names_operation_place_credentials_and_reason() -> None:
    error = translated(answer("AccessDenied", 403, "no s3:PutObject"))
    assert str(error).startswith(
        "Can't write s3://videos/a with profile studio: no s3:PutObject "
        "(HTTP 403, AccessDenied, request REQ1). Nothing was spent."
    )


def test_a_status_given_as_code_is_not_said_twice() -> None:
    assert translated(answer("403", 403, "Forbidden", "HeadObject")).code is None


def test_a_bad_certificate_points_to_the_ca_bundle() -> None:
    error = translated(
        boto.SSLError(
            endpoint_url="https://x", error=OSError("CERTIFICATE_VERIFY_FAILED: self-signed")
        )
    )
    assert "`ca_bundle`" in str(error)


def test_a_long_report_of_boto3_becomes_one_line() -> None:
    assert "\n" not in str(translated(boto.ParamValidationError(report="one\n  two")))


@pytest.mark.parametrize(
    ("raised", "code"), [(answer("NoSuchKey", 404), "NoSuchKey"), (ValueError("x"), "")]
)
def test_the_code_of_an_answer(raised: Exception, code: str) -> None:
    assert error_code(raised) == code
