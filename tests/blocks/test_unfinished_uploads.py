"""What dead processes leave of their uploads."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from prefect_toapis.blocks import BucketStore, S3Credentials, VideoBucket
from prefect_toapis.errors import StoreAccessRefused


def begin(bucket: VideoBucket, key: str) -> None:
    store = bucket.credentials
    assert store
    store.get_client().create_multipart_upload(Bucket=bucket.bucket_name, Key=key)


def uploads(bucket: VideoBucket) -> list[str]:
    assert bucket.credentials
    client = bucket.credentials.get_client()
    found = client.list_multipart_uploads(Bucket=bucket.bucket_name).get("Uploads", [])
    return [upload["Key"] for upload in found]


async def test_old_ones_below_the_prefix_are_removed_and_young_ones_kept(
    aws_bucket: VideoBucket,
) -> None:
    inside, outside = "team/film/b/dog/video-1.mp4", "team/film/other/cat/video-1.mp4"
    begin(aws_bucket, inside)
    begin(aws_bucket, outside)
    store, began = BucketStore(aws_bucket), datetime(2010, 11, 10, tzinfo=timezone.utc)  # moto's
    assert await store.abort_unfinished("b/", began - timedelta(days=1)) == []
    assert await store.abort_unfinished("b/", began + timedelta(days=1)) == [inside]
    assert uploads(aws_bucket) == [outside]


async def test_a_store_that_does_not_list_uploads_has_none(bucket: VideoBucket) -> None:
    soon = datetime.now(timezone.utc) + timedelta(minutes=1)
    assert await BucketStore(bucket).abort_unfinished("b/", soon) == []


LONG_AGO, LATELY = "2026-01-01T00:00:00.000Z", "2026-01-02T11:59:00.000Z"
BEFORE = datetime(2026, 1, 2, tzinfo=timezone.utc)


class PagingStore(ThreadingHTTPServer):
    """A store that lists its uploads (key, when it began) one on a page, and its moods."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), PagingRequest)
        self.uploads: list[tuple[str, str]] = []
        self.gone: set[str] = set()
        self.refusal: tuple[int, str] | None = None
        self.aborted: list[str] = []


class PagingRequest(BaseHTTPRequestHandler):
    server: PagingStore

    def do_GET(self) -> None:
        store = self.server
        if store.refusal:
            return self._reply(store.refusal[0], _error(store.refusal[1]))
        after = parse_qs(urlsplit(self.path).query).get("key-marker", [""])[0]
        left = [upload for upload in store.uploads if upload[0] > after]
        shown = "".join(
            f"<Upload><Key>{key}</Key><UploadId>of-{key}</UploadId>"
            f"<Initiated>{began}</Initiated></Upload>"
            for key, began in left[:1]
        )
        more = f"<NextKeyMarker>{left[0][0]}</NextKeyMarker>" if len(left) > 1 else ""
        truncated = f"<IsTruncated>{str(len(left) > 1).lower()}</IsTruncated>"
        body = f"<ListMultipartUploadsResult>{truncated}{more}{shown}</ListMultipartUploadsResult>"
        return self._reply(200, body)

    def do_DELETE(self) -> None:
        key = urlsplit(self.path).path.removeprefix("/videos/")
        if key in self.server.gone:
            return self._reply(404, _error("NoSuchUpload"))
        self.server.aborted.append(key)
        return self._reply(204, "")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def _reply(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())


def _error(code: str) -> str:
    return f"<Error><Code>{code}</Code><Message>no</Message></Error>"


@pytest.fixture
def store() -> Iterator[PagingStore]:
    with PagingStore() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def paging(store: PagingStore) -> VideoBucket:
    credentials = S3Credentials(
        aws_access_key_id="AKIAEXAMPLE0000TEST1",
        aws_secret_access_key=SecretStr("s"),
        endpoint_url=f"http://127.0.0.1:{store.server_port}",
        addressing_style="path",
    )
    return VideoBucket(bucket_name="videos", credentials=credentials)


def test_only_old_ones_of_every_page_are_removed(store: PagingStore, paging: VideoBucket) -> None:
    store.uploads = [("b/1", LONG_AGO), ("b/2", LATELY), ("b/3", LONG_AGO)]
    assert paging.abort_unfinished("b/", BEFORE) == store.aborted == ["b/1", "b/3"]


def test_one_that_another_process_removed_does_not_keep_the_rest(
    store: PagingStore, paging: VideoBucket
) -> None:
    store.uploads = [("b/1", LONG_AGO), ("b/2", LONG_AGO)]
    store.gone = {"b/1"}
    assert paging.abort_unfinished("b/", BEFORE) == store.aborted == ["b/2"]


@pytest.mark.parametrize(
    ("status", "code"), [(501, "NotImplemented"), (405, "MethodNotAllowed"), (404, "404")]
)
def test_a_store_that_does_not_know_the_call_has_none(
    store: PagingStore, paging: VideoBucket, status: int, code: str
) -> None:
    store.refusal = status, code
    assert paging.abort_unfinished("b/", BEFORE) == []


def test_a_store_that_refuses_says_so(store: PagingStore, paging: VideoBucket) -> None:
    store.refusal = 403, "AccessDenied"
    with pytest.raises(StoreAccessRefused, match="abort uploads to"):
        paging.abort_unfinished("b/", BEFORE)
