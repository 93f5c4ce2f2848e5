"""What stores do on bad days: a real HTTP server that misbehaves when told to."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from prefect_toapis.blocks import BucketStore, S3Credentials, VideoBucket
from prefect_toapis.errors import StoreUnavailable


class MoodyStore(ThreadingHTTPServer):
    """Objects in memory, in a store that supports `If-None-Match`, and its moods."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), MoodyRequest)
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.loses_replies = 0
        self.slow_downs = 0
        self.conflicts = 0  # so many conditional puts can't be decided yet
        self.carries_out_conflicts = False
        self.says_taken = False
        self.refuses_conditions = False
        self.puts = 0


class MoodyRequest(BaseHTTPRequestHandler):
    server: MoodyStore
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        store = self.server
        store.puts += 1
        content = self.rfile.read(int(self.headers["Content-Length"]))
        conditional = self.headers["If-None-Match"] == "*"
        if store.slow_downs:
            store.slow_downs -= 1
            return self._fail(503, "SlowDown")
        if conditional and store.refuses_conditions:
            return self._fail(501, "NotImplemented")
        if conditional and store.conflicts:
            store.conflicts -= 1
            if store.carries_out_conflicts:
                store.objects[self.path] = content, self.headers["x-amz-meta-call"] or ""
            return self._fail(409, "ConditionalRequestConflict")
        if conditional and (store.says_taken or self.path in store.objects):
            return self._fail(412, "PreconditionFailed")
        store.objects[self.path] = content, self.headers["x-amz-meta-call"] or ""
        if store.loses_replies:
            store.loses_replies -= 1
            self.close_connection = True
            return None
        return self._reply(200, b"")

    def do_GET(self) -> None:
        found = self.server.objects.get(self.path)
        if found is None:
            return self._fail(404, "NoSuchKey")
        return self._reply(200, found[0], {"x-amz-meta-call": found[1]})

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def _fail(self, status: int, code: str) -> None:
        self._reply(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())

    def _reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("ETag", '"e"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def store() -> Iterator[MoodyStore]:
    with MoodyStore() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def moody(store: MoodyStore) -> VideoBucket:
    credentials = S3Credentials(
        aws_access_key_id="AKIAEXAMPLE0000TEST1",
        aws_secret_access_key=SecretStr("s"),
        endpoint_url=f"http://127.0.0.1:{store.server_port}",
        addressing_style="path",
    )
    return VideoBucket(bucket_name="videos", credentials=credentials)


def test_create_knows_its_own_object_when_the_reply_was_lost(
    store: MoodyStore, moody: VideoBucket
) -> None:
    store.loses_replies = 1
    assert moody.create("record", b"mine", "text/plain") is True
    assert store.puts == 1


def test_create_does_not_take_another_ones_object_for_its_own(
    store: MoodyStore, moody: VideoBucket
) -> None:
    assert moody.create("record", b"theirs", "text/plain") is True
    store.slow_downs = 1
    assert moody.create("record", b"theirs", "text/plain") is False
    assert store.puts == 2  # it looks before it would try again


def test_a_conflict_that_passes_is_tried_again(store: MoodyStore, moody: VideoBucket) -> None:
    store.conflicts = 2
    assert moody.create("record", b"mine", "text/plain") is True
    assert store.puts == 3


def test_a_conflict_that_stays_is_unavailable_and_nothing_is_taken_for_lost(
    store: MoodyStore, moody: VideoBucket
) -> None:
    store.conflicts = 10_000
    with pytest.raises(StoreUnavailable, match="ConditionalRequestConflict") as raised:
        moody.create("record", b"mine", "text/plain", retry_seconds=0.5)
    assert raised.value.money == "not spent"
    assert store.puts == 3  # after 0.1 and 0.2 s
    assert store.objects == {}


async def test_the_budget_of_a_store_is_that_of_its_run(
    store: MoodyStore, moody: VideoBucket
) -> None:
    store.conflicts = 10_000
    with pytest.raises(StoreUnavailable):
        await BucketStore(moody, retry_seconds=0.05).create("record", b"mine", "text/plain")
    assert store.puts == 1


def test_a_conflict_that_was_lost_to_another_writer_is_no_conflict_any_more(
    store: MoodyStore, moody: VideoBucket
) -> None:
    assert moody.create("record", b"theirs", "text/plain") is True
    store.conflicts = 1
    assert moody.create("record", b"mine", "text/plain") is False
    assert moody.read("record") == b"theirs"


def test_a_creation_that_was_carried_out_in_spite_of_a_conflict_is_known_again(
    store: MoodyStore, moody: VideoBucket
) -> None:
    store.conflicts, store.carries_out_conflicts = 1, True
    assert moody.create("record", b"mine", "text/plain") is True


def test_a_key_is_taken_only_if_there_is_something_under_it(
    store: MoodyStore, moody: VideoBucket
) -> None:
    store.says_taken = True
    with pytest.raises(StoreUnavailable, match="PreconditionFailed"):
        moody.create("record", b"mine", "text/plain", retry_seconds=0.2)


def test_where_conditions_are_refused_create_looks_first(
    store: MoodyStore, moody: VideoBucket
) -> None:
    store.refuses_conditions = True
    assert moody.probe().conditional_create is False
    assert moody.create("record", b"first", "text/plain") is True
    assert moody.create("record", b"second", "text/plain") is False
    assert moody.read("record") == b"first"


def test_a_short_trouble_is_sat_out(store: MoodyStore, moody: VideoBucket) -> None:
    store.slow_downs = 1
    moody.write("a", b"1", "text/plain")
    assert moody.read("a") == b"1"


def test_a_store_that_stays_in_trouble_is_unavailable(
    store: MoodyStore, moody: VideoBucket
) -> None:
    store.slow_downs = 99
    with pytest.raises(StoreUnavailable, match="SlowDown"):
        moody.write("a", b"1", "text/plain")
    assert store.puts == 4
