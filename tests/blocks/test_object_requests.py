"""Single objects, by obstore: its errors read as boto3's, and it goes where boto3 would."""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET, create_server, socket
from struct import pack
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.stub import Stubber
from pydantic import SecretStr
from tests.certificates import Certificate, self_signed

from prefect_toapis.blocks import S3Credentials, VideoBucket
from prefect_toapis.blocks.object_store import bucket_region
from prefect_toapis.blocks.s3_errors import translate
from prefect_toapis.errors import StoreAccessRefused, StoreError, StoreUnavailable

KEYS: dict[str, Any] = {
    "aws_access_key_id": "AKIAEXAMPLE0000TEST1",
    "aws_secret_access_key": SecretStr("s"),
    "region_name": "eu-central-1",
    "addressing_style": "path",
}


class Scripted(ThreadingHTTPServer):
    """A store that answers everything in one way, and notes what it was asked."""

    daemon_threads = True

    def __init__(self, status: int = 200, body: str = "", **headers: str) -> None:
        super().__init__(("127.0.0.1", 0), ScriptedRequest)
        self.status, self.body = status, body
        self.headers = {"ETag": '"e"', **headers}
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def bucket(self, **credentials: Any) -> VideoBucket:
        access = S3Credentials(**{**KEYS, "endpoint_url": self.url, **credentials})
        return VideoBucket(bucket_name="videos", credentials=access)


class ScriptedRequest(BaseHTTPRequestHandler):
    server: Scripted
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        headers = {name.lower(): text for name, text in self.headers.items()}
        self.server.asked.append((self.command, self.path, headers))
        body = self.server.body.encode()
        self.send_response(self.server.status)
        for name, value in {"Content-Length": str(len(body)), **self.server.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_PUT = do_GET  # noqa: N815 - the base class's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextmanager
def serving(server: Scripted) -> Iterator[Scripted]:
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@contextmanager
def peer(treat: Callable[[socket], None]) -> Iterator[str]:
    """Give the URL of a server that accepts connections, and treats each in a way."""
    listening = create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            treat(connection)
            connection.close()

    Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.close()


def reset(connection: socket) -> None:
    connection.recv(65_536)
    connection.setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))


def cut(connection: socket) -> None:
    connection.recv(65_536)
    connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 100\r\n\r\nhalf')


def at(url: str) -> VideoBucket:
    return VideoBucket(bucket_name="videos", credentials=S3Credentials(**KEYS, endpoint_url=url))


OPERATIONS: dict[str, Callable[[VideoBucket], object]] = {
    "read": lambda bucket: bucket.read("a"),
    "look at": lambda bucket: bucket.head("a"),
    "write": lambda bucket: bucket.write("a", b"1", "text/plain"),
}
OF_BOTO3: dict[str, Callable[[Any], object]] = {
    "read": lambda client: client.get_object(Bucket="videos", Key="a"),
    "look at": lambda client: client.head_object(Bucket="videos", Key="a"),
    "write": lambda client: client.put_object(Bucket="videos", Key="a", Body=b"1"),
}


def both_texts(bucket: VideoBucket, operation: str) -> tuple[StoreError, StoreError]:
    """The error of an operation, and what boto3's own error would have been."""
    with pytest.raises(StoreError) as ours:
        OPERATIONS[operation](bucket)
    credentials = bucket.credentials or S3Credentials()
    client = credentials.get_client()
    client.meta.events.unregister("needs-retry.s3", unique_id="retry-config-s3")  # saves seconds
    with pytest.raises((ClientError, BotoCoreError)) as theirs:
        OF_BOTO3[operation](client)
    about = {"uri": bucket.uri("a"), "credentials": credentials.describe()}
    return ours.value, translate(theirs.value, operation=operation, **about)


def assert_same(ours: StoreError, theirs: StoreError) -> None:
    assert type(ours) is type(theirs)
    assert (str(ours), ours.code) == (str(theirs), theirs.code)
    assert ours.http_status == theirs.http_status


@pytest.mark.parametrize("operation", ["read", "write"])
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ExpiredToken"),
        (400, "InvalidStorageClass"),
        (403, "AccessDenied"),
        (403, "InvalidObjectState"),
        (403, "SignatureDoesNotMatch"),
        (404, "NoSuchBucket"),
        (409, "OperationAborted"),
        (412, "PreconditionFailed"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (501, "NotImplemented"),
        (503, "SlowDown"),
        (403, ""),
        (500, ""),
    ],
)
def test_a_refusal_reads_as_boto3_s(operation: str, status: int, code: str) -> None:
    body = f"<Error><Code>{code}</Code><Message>The reason.</Message></Error>" if code else ""
    with serving(Scripted(status, body)) as store:
        assert_same(*both_texts(store.bucket(), operation))


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_refusal_without_a_body_reads_as_boto3_s(status: int) -> None:
    with serving(Scripted(status)) as store:
        assert_same(*both_texts(store.bucket(), "look at"))


@pytest.mark.parametrize("store", ["s3_server", "moto_server"])
@pytest.mark.parametrize("operation", ["read", "write"])
def test_a_missing_bucket_reads_as_boto3_s(
    request: pytest.FixtureRequest, store: str, operation: str
) -> None:
    credentials: S3Credentials = request.getfixturevalue(store)
    bucket = VideoBucket(bucket_name="videos", credentials=credentials)
    ours, theirs = both_texts(bucket, operation)
    assert type(ours) is type(theirs)
    assert str(ours).partition(" (")[0] == str(theirs).partition(" (")[0]  # the request's id


@pytest.mark.parametrize("operation", list(OPERATIONS))
@pytest.mark.parametrize("treat", [reset, lambda _: None])
def test_a_lost_answer_reads_as_boto3_s(operation: str, treat: Callable[[socket], None]) -> None:
    with peer(treat) as url:
        ours, theirs = both_texts(at(url), operation)
    assert type(ours) is type(theirs) is StoreUnavailable
    assert str(ours) == str(theirs)


def test_a_refused_connection_reads_as_boto3_s() -> None:
    with peer(reset) as url:
        pass
    ours, theirs = both_texts(at(url), "write")
    assert type(ours) is type(theirs) is StoreUnavailable
    assert str(ours) == str(theirs)


def test_a_cut_object_is_not_taken_for_a_whole_one() -> None:
    with peer(cut) as url, pytest.raises(StoreUnavailable):
        at(url).read("a")


# A conditional create


def test_a_conditional_create_is_sent_once_unless_the_store_has_no_such_object() -> None:
    requests: list[bytes] = []

    def lost(connection: socket) -> None:
        requests.append(connection.recv(65_536))

    with peer(lost) as url, pytest.raises(StoreUnavailable):
        at(url).create("a", b"1", "text/plain", retry_seconds=0)
    sent = [request.split(b" ", 1)[0] for request in requests]
    assert sent.count(b"PUT") == 1
    assert b"GET" not in sent
    assert set(sent[1:]) == {b"HEAD"}  # was it carried out?


def test_a_create_that_is_refused_is_not_looked_for() -> None:
    body = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
    with serving(Scripted(403, body)) as store:
        with pytest.raises(StoreAccessRefused):
            store.bucket().create("a", b"1", "text/plain")
        assert [method for method, _, _ in store.asked] == ["PUT"]
        assert store.asked[0][2]["if-none-match"] == "*"


# Names, addresses, regions


@pytest.mark.parametrize(
    "key", ["a b#?.txt", "März/ü\u202f1.txt", "100%25.txt", "a+b&c=d.txt", "{x}~'(1)'.txt"]
)
@pytest.mark.parametrize("store", ["bucket", "aws_bucket"])
def test_keys_are_kept_as_they_are(request: pytest.FixtureRequest, store: str, key: str) -> None:
    bucket: VideoBucket = request.getfixturevalue(store)
    bucket.write(key, key.encode(), "text/plain")
    assert bucket.read(key) == key.encode()
    assert bucket.head(key)
    assert bucket.list_keys() == [key]
    found = bucket._s3.get_object(Bucket=bucket.bucket_name, Key=f"team/film/{key}")
    assert found["Body"].read() == key.encode()


@pytest.mark.parametrize("key", ["a//b.txt", "/a.txt", "a\x1fb.txt"])
def test_keys_that_others_gave_are_taken_as_they_are(aws_bucket: VideoBucket, key: str) -> None:
    whole = VideoBucket(bucket_name=aws_bucket.bucket_name, credentials=aws_bucket.credentials)
    whole.write(key, b"1", "text/plain")
    assert list(whole.list_entries()) == [key]
    found = whole.head(key)
    assert found
    assert (found.size, found.content_type) == (1, "text/plain")
    assert whole.read(key) == b"1"
    with pytest.raises(ValueError, match="exceeds the limit"):
        whole.read(key, most=0)
    with pytest.raises(StoreError, match="the key has empty parts"):
        whole.create(key, b"2", "text/plain")


def test_an_object_is_described_with_its_metadata(aws_bucket: VideoBucket) -> None:
    content = b"123"
    client = aws_bucket._s3
    client.put_object(
        Bucket=aws_bucket.bucket_name,
        Key="team/film/a",
        Body=content,
        ContentType="video/mp4",
        Metadata={"Task-Id": "t"},
        CacheControl="no-cache",
    )
    found = aws_bucket.head("a")
    assert found
    assert (found.size, found.content_type, found.metadata["task-id"]) == (3, "video/mp4", "t")
    assert found.etag
    assert '"' not in found.etag


@pytest.mark.parametrize(
    ("style", "address"),
    [
        ("path", "http://s3.example/videos/a"),
        ("virtual", "http://videos.s3.example/a"),
        ("auto", "http://s3.example/videos/a"),
    ],
)
def test_the_bucket_is_where_boto3_would_look_for_it(
    monkeypatch: pytest.MonkeyPatch, style: str, address: str
) -> None:
    with serving(Scripted(body="1")) as store:
        monkeypatch.setenv("HTTP_PROXY", store.url)
        monkeypatch.setenv("http_proxy", store.url)
        bucket = store.bucket(endpoint_url="http://s3.example", addressing_style=style)
        assert bucket.read("a") == b"1"
        assert bucket.read_part("a", 0, 1) == b"1"  # by boto3
        asked = [path for _, path, _ in store.asked]
        assert asked == [address, address]
        assert "/eu-central-1/s3/aws4_request" in store.asked[0][2]["authorization"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("AWS_ALLOW_INVALID_CERTIFICATES", "true"),
        ("AWS_BUCKET", "other"),
        ("AWS_CONDITIONAL_PUT", "disabled"),
        ("AWS_DISABLE_TAGGING", "true"),
        ("AWS_ENDPOINT", "http://127.0.0.1:9"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9"),
        ("AWS_REGION", "us-west-2"),
        ("AWS_REQUEST_PAYER", "true"),
        ("AWS_S3_EXPRESS", "true"),
        ("AWS_SESSION_TOKEN", "another"),
        ("AWS_SKIP_SIGNATURE", "true"),
        ("AWS_SSE_BUCKET_KEY_ENABLED", "true"),
        ("AWS_UNSIGNED_PAYLOAD", "true"),
        ("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true"),
    ],
)
def test_the_block_decides_not_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with serving(Scripted()) as store:
        bucket = store.bucket().model_copy(update={"tags": {"team": "film"}})
        assert bucket.create("a", b"1", "text/plain")
        [(method, path, headers)] = store.asked
    assert (method, path, headers["if-none-match"]) == ("PUT", "/videos/a", "*")
    assert headers["x-amz-tagging"] == "team=film"
    assert headers["x-amz-content-sha256"] == hashlib.sha256(b"1").hexdigest()
    assert "/eu-central-1/s3/aws4_request" in headers["authorization"]
    assert not {"x-amz-security-token", "x-amz-request-payer"} & set(headers)
    assert not any("bucket-key" in header for header in headers)


@pytest.mark.parametrize("known", [True, False])
def test_s3_says_which_region_a_bucket_is_in(*, known: bool) -> None:
    client = S3Credentials(**KEYS).get_client()
    with Stubber(client) as stub:
        meta: Any = {"HTTPHeaders": {"x-amz-bucket-region": "eu-west-1"} if known else {}}
        stub.add_client_error("head_bucket", "403", http_status_code=403, response_meta=meta)
        stub.add_response("head_bucket", {"ResponseMetadata": meta})
        for _ in range(2):
            assert bucket_region(client, "videos") == ("eu-west-1" if known else None)


def test_checksums_are_sent_to_aws_alone() -> None:
    with serving(Scripted()) as store:
        store.bucket().write("a", b"1", "text/plain")
        [(_, _, headers)] = store.asked
    assert "x-amz-checksum-sha256" not in headers
    assert headers["user-agent"].startswith("prefect-toapis/")


# Certificates


@contextmanager
def serving_with_tls(server: Scripted, certificate: Certificate) -> Iterator[str]:
    server.socket = certificate.server.wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield server.url.replace("http:", "https:")


def test_a_ca_bundle_is_trusted_and_nothing_else(tmp_path: Path) -> None:
    own = self_signed(tmp_path)
    with serving_with_tls(Scripted(body="1"), own) as url:
        trusting = S3Credentials(**KEYS, endpoint_url=url, ca_bundle=str(own.public))
        assert VideoBucket(bucket_name="videos", credentials=trusting).read("a") == b"1"
        with pytest.raises(StoreError, match=r"CERTIFICATE_VERIFY_FAILED: \w+ .*`ca_bundle`") as no:
            at(url).read("a")
    assert not isinstance(no.value, StoreUnavailable)


def test_a_ca_bundle_of_the_environment_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = self_signed(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(own.public))
    with serving_with_tls(Scripted(body="1"), own) as url:
        assert at(url).read("a") == b"1"


def test_a_store_s_certificate_that_is_an_authority_s_is_refused_with_the_reason(
    tmp_path: Path,
) -> None:
    own = self_signed(tmp_path, authority=True)
    with serving_with_tls(Scripted(body="1"), own) as url:
        trusting = S3Credentials(**KEYS, endpoint_url=url, ca_bundle=str(own.public))
        with pytest.raises(StoreError, match="CaUsedAsEndEntity"):
            VideoBucket(bucket_name="videos", credentials=trusting).read("a")


def test_a_store_without_tls_is_not_asked_again_and_again() -> None:
    with serving(Scripted()) as store, pytest.raises(StoreError, match=r"TLS|SSL"):
        at(store.url.replace("http:", "https:")).write("a", b"1", "text/plain")


# Credentials


def test_credentials_that_can_t_be_renewed_are_boto3_s_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent, config, process = tmp_path / "spent", tmp_path / "config", tmp_path / "process.py"
    process.write_text(
        "import json, pathlib, datetime as dt\n"
        f"if pathlib.Path({str(spent)!r}).exists(): raise SystemExit('no more keys')\n"
        "soon = dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=1)\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': 'AKIA1', 'SecretAccessKey': 's',\n"
        "    'Expiration': soon.isoformat()}))\n"
    )
    config.write_text(f"[profile film]\ncredential_process = {sys.executable} {process}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with serving(Scripted(body="1")) as store:
        access = S3Credentials(profile_name="film", region_name="us-east-1", endpoint_url=store.url)
        bucket = VideoBucket(bucket_name="videos", credentials=access)
        assert bucket.read("a") == b"1"
        spent.touch()
        with pytest.raises(StoreAccessRefused, match="custom-process: no more keys") as raised:
            bucket.read("a")
    assert "Traceback" not in str(raised.value)


FORKS = """
import os, sys
from prefect_toapis import S3Credentials, VideoBucket
from prefect_toapis.errors import StoreError

def bucket():
    keys = dict(aws_access_key_id="a", aws_secret_access_key="s", region_name="us-east-1")
    return VideoBucket(
        bucket_name="videos", credentials=S3Credentials(**keys, endpoint_url=sys.argv[1])
    )

if sys.argv[2] == "used before":
    bucket().read("a")
if os.fork() == 0:
    try:
        print(bucket().read("a"), flush=True)
    except StoreError as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.parametrize(
    ("when", "printed"),
    [("used before", "S3 was used before this process was forked"), ("not used", "b'1'")],
)
def test_a_forked_process_says_so_in_place_of_waiting_for_ever(when: str, printed: str) -> None:
    with serving(Scripted(body="1")) as store:
        ended = subprocess.run(
            [sys.executable, "-c", FORKS, store.url, when],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    assert ended.stdout.startswith(printed)
