"""obstore's errors, as boto3's: so that each error of the store has one kind and one text.

obstore gives all it knows as text: the store's answer in the first paragraph, and how a request
failed without one in the second, as Rust prints it.
"""

import re
from typing import Any

from prefect_toapis.blocks.s3_errors import NotS3, page_in_place

_ANSWER = re.compile(r"Server returned non-2xx status code: (\d{3})[^:]*:? ?(.*)", re.DOTALL)
_URL = re.compile(r"Error performing [A-Z]+ ([^\s?]+)")
_ADDRESSES = re.compile(r"\w+://\S+")
_CERTIFICATE = re.compile(r"InvalidCertificate\(\s*(?:Other\(\s*OtherError\(\s*)?(\w+)")
_KIND = re.compile(r"HttpError \{\s*kind: (\w+)")
_SECOND_PARAGRAPH = "\n\nDebug source:"
_NO_LOCATION = "Received redirect without LOCATION"


def obstore_errors() -> tuple[type[Exception], ...]:
    """Return the errors that obstore raises for requests, for `except` clauses."""
    from obstore.exceptions import BaseError  # noqa: PLC0415 - 15 MB, so only when needed

    return BaseError, FileNotFoundError


def as_boto_error(error: Exception, operation: str, endpoint: str) -> Exception:
    """Return what boto3 would raise in place of an error of obstore.

    Args:
        error: Of one of `obstore_errors`.
        operation: As S3 names it: `PutObject`.
        endpoint: URL of the store.

    Example:
        ```python
        except obstore_errors() as error:
            raise as_boto_error(error, "PutObject", "https://s3.example") from None
        ```
    """
    text, _, details = str(error).partition(_SECOND_PARAGRAPH)
    if found := _ANSWER.search(text):
        return _refusal(int(found[1]), found[2].strip().encode(), operation, endpoint)
    if _NO_LOCATION in text:  # S3's answer for a bucket of another region
        return _client_error(301, b"", operation)
    if "MissingEtag" in details:
        return NotS3(endpoint, "an answer without an ETag")
    if "InvalidMultipartResponse" in details:
        return NotS3(endpoint, "what is not S3's XML")
    url = _URL.search(text)
    return _without_answer(text, details, url[1] if url else endpoint)


def _refusal(status: int, body: bytes, operation: str, endpoint: str) -> Exception:
    if page := page_in_place(operation, status, {}, body):
        return NotS3(endpoint, page)
    return _client_error(status, body, operation)


def _client_error(status: int, body: bytes, operation: str) -> Exception:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - 0.4 s, so only when needed
    from botocore.parsers import ResponseParserError, RestXMLParser  # noqa: PLC0415 - as above

    no_shape: Any = None  # errors have none, which the stubs don't know
    response = {"status_code": status, "headers": {}, "body": body}
    try:
        answer: Any = RestXMLParser().parse(response, no_shape)
    except ResponseParserError as error:
        return error
    return ClientError(answer, operation)


def _without_answer(text: str, details: str, url: str) -> Exception:
    from botocore import exceptions as boto  # noqa: PLC0415 - as above

    if found := _CERTIFICATE.search(details):
        why = f"CERTIFICATE_VERIFY_FAILED: {found[1]}"
        return boto.SSLError(endpoint_url=url, error=OSError(why))
    if "InvalidMessage" in details or "InvalidContentType" in details:
        return boto.SSLError(endpoint_url=url, error=OSError("the server doesn't use TLS"))
    kind = _KIND.search(details)
    if kind is None:
        return boto.HTTPClientError(error=_ADDRESSES.sub(url, text))
    if kind[1] == "Connect":
        return boto.EndpointConnectionError(endpoint_url=url)
    if kind[1] == "Timeout":
        return boto.ReadTimeoutError(endpoint_url=url)
    return boto.ConnectionClosedError(endpoint_url=url)
