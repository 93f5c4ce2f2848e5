"""A login page, a proxy or another service where S3 should be is called so, whatever it answers."""

import io
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from prefect_toapis.blocks import S3Credentials, VideoBucket
from prefect_toapis.blocks.s3_errors import page_in_place
from prefect_toapis.blocks.streaming import PART
from prefect_toapis.errors import StoreError, StoreMissing, StoreUnavailable

HTML = "<!DOCTYPE html><html><body><p>Sign in<br></body></html>"
XHTML = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body/></html>'


class Portal(ThreadingHTTPServer):
    """Answers everything in one way."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), PortalRequest)
        self.status, self.body = 200, HTML
        self.redirects: dict[str, str] = {}
        self.headers: dict[str, str] = {"Content-Type": "text/html; charset=utf-8"}
        self.asked: Counter[str] = Counter()


class PortalRequest(BaseHTTPRequestHandler):
    server: Portal
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked[self.command] += 1
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        if target := self.server.redirects.get(self.path):
            self.send_response(302)
            self.send_header("Location", target)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        body = self.server.body.encode()
        self.send_response(self.server.status)
        for name, value in {"Content-Length": str(len(body)), **self.server.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return None

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the base class's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@pytest.fixture
def portal() -> Iterator[Portal]:
    with Portal() as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def bucket(portal: Portal) -> VideoBucket:
    credentials = S3Credentials(
        aws_access_key_id="AKIAEXAMPLE0000TEST1",
        aws_secret_access_key=SecretStr("s"),
        endpoint_url=f"http://127.0.0.1:{portal.server_port}",
        addressing_style="path",
    )
    return VideoBucket(bucket_name="videos", credentials=credentials)


def operations(bucket: VideoBucket) -> dict[str, Any]:
    return {
        "read": lambda: bucket.read("a"),
        "read_part": lambda: bucket.read_part("a", 0, 10),
        "write": lambda: bucket.write("a", b"1", "text/plain"),
        "create": lambda: bucket.create("a", b"1", "text/plain"),
        "list": lambda: bucket.list_keys("a"),
        "head": lambda: bucket.head("a"),
        "upload": lambda: bucket.upload("a", io.BytesIO(b"1"), "video/mp4"),
        "long upload": lambda: bucket.upload("a", io.BytesIO(bytes(PART + 1)), "video/mp4"),
        "probe": bucket.probe,
    }


WITHOUT_HEAD = [name for name in operations(VideoBucket(bucket_name="any")) if name != "head"]


NOT_FOLLOWED = [name for name in WITHOUT_HEAD if name not in {"read", "long upload"}]


def failed(bucket: VideoBucket, operation: str) -> StoreError:
    with pytest.raises(StoreError) as raised:
        operations(bucket)[operation]()
    assert not isinstance(raised.value, (StoreUnavailable, StoreMissing))
    assert "does not respond like S3" in str(raised.value)
    assert "check the endpoint URL" in str(raised.value)
    assert "127.0.0.1" in str(raised.value)
    return raised.value


@pytest.mark.parametrize("operation", list(operations(VideoBucket(bucket_name="any"))))
@pytest.mark.parametrize("body", [HTML, XHTML, ""])
def test_a_page_with_status_200_is_no_answer_of_s3(
    portal: Portal, bucket: VideoBucket, operation: str, body: str
) -> None:
    portal.body = body
    failed(bucket, operation)
    # Once more for the message, to know what kind of page it is; nothing is written twice.
    assert portal.asked in [{"GET": 1}, {"HEAD": 1}, {"POST": 1, "GET": 1}, {"PUT": 1, "GET": 1}]


@pytest.mark.parametrize("operation", WITHOUT_HEAD)
@pytest.mark.parametrize("status", [401, 403, 404, 400, 412])
def test_a_page_with_an_error_is_no_refusal_and_no_missing_key(
    portal: Portal, bucket: VideoBucket, operation: str, status: int
) -> None:
    portal.status = status
    error = failed(bucket, operation)
    assert f"HTTP {status} and text/html" in str(error)


@pytest.mark.parametrize("operation", NOT_FOLLOWED)
def test_a_redirect_to_a_login_names_its_host_alone(
    portal: Portal, bucket: VideoBucket, operation: str
) -> None:
    portal.status, portal.body = 302, ""
    portal.headers = {"Location": "https://login.example/start?token=s3cr3t"}
    error = failed(bucket, operation)
    assert "a redirect to login.example" in str(error)
    assert "s3cr3t" not in str(error)


@pytest.mark.parametrize("operation", ["read", "head", "long upload"])
def test_a_redirect_that_is_followed_ends_at_a_page(
    portal: Portal, bucket: VideoBucket, operation: str
) -> None:
    portal.redirects = {"/videos/a": "/login", "/videos/a?uploads": "/login"}
    failed(bucket, operation)


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (200, "application/json", '{"ok": true}'),
        (403, "application/json", '{"message": "Missing Authentication Token"}'),
        (403, "text/plain", "Access denied by policy"),
        (200, "", "OK"),
    ],
)
def test_another_service_is_not_s3_either(
    portal: Portal, bucket: VideoBucket, status: int, content_type: str, body: str
) -> None:
    portal.status, portal.body, portal.headers = status, body, {"Content-Type": content_type}
    failed(bucket, "write")


def test_what_is_read_must_be_what_was_written(portal: Portal, bucket: VideoBucket) -> None:
    portal.headers = {"ETag": '"a"', "Content-Type": "text/html"}
    portal.body = ""
    assert "something else than was written" in str(failed(bucket, "probe"))


def test_a_page_of_a_gateway_that_is_down_may_pass(portal: Portal, bucket: VideoBucket) -> None:
    portal.status = 502
    with pytest.raises(StoreUnavailable):
        bucket.read("a")


@pytest.mark.parametrize(
    ("operation", "status", "headers", "body", "page"),
    [
        ("GetObject", 200, {"content-type": "text/html", "etag": '"a"'}, object(), False),
        ("GetObject", 200, {"content-type": "text/html"}, object(), True),
        ("GetObject", 200, {}, object(), False),
        ("PutObject", 200, {"content-type": "text/html", "etag": '"a"'}, b"", False),
        ("HeadObject", 404, {"content-type": "text/html"}, b"", False),
        ("CreateBucket", 200, {"content-type": "text/html"}, b"", False),
        ("GetObject", 404, {"content-type": "text/html"}, b"<Error><Code>NoSuchKey", False),
        ("GetObject", 404, {}, b'\xef\xbb\xbf<?xml version="1.0"?>\n<Error>', False),
        ("ListObjectsV2", 200, {}, b"\n \n<ListBucketResult/>", False),
        ("CompleteMultipartUpload", 200, {}, b"   <Complete/>", False),
        ("PutObject", 301, {}, b"<Error><Code>PermanentRedirect</Code></Error>", False),
        ("PutObject", 307, {"location": "https://s3.eu"}, b"<Error/>", False),
        ("PutObject", 301, {"location": "https://x.example"}, b"<html>moved", True),
        ("ListObjectsV2", 200, {}, b"<HTML>", True),
        ("ListObjectsV2", 200, {}, b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC', True),
        ("ListObjectsV2", 503, {}, b"<html>", False),
        ("ListObjectsV2", 429, {}, b"slow down", False),
    ],
)
def test_pages_are_told_from_answers(
    operation: str, status: int, headers: dict[str, str], body: Any, *, page: bool
) -> None:
    assert (page_in_place(operation, status, headers, body) is not None) is page
