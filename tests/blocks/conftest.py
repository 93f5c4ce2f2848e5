"""S3 servers for the tests: rclone (a store of one's own) and moto (what only AWS answers)."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from prefect_toapis.blocks import S3Credentials, VideoBucket

KEY_ID = "AKIAEXAMPLE0000TEST1"
SECRET = "a-secret-of-the-tests"


@pytest.fixture(scope="session")
def s3_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where rclone keeps its buckets: each is a folder, each object a file."""
    return tmp_path_factory.mktemp("s3")


@pytest.fixture(scope="session")
def s3_server(s3_folder: Path) -> Iterator[S3Credentials]:
    """Credentials for a real S3 server that ignores If-None-Match, as many stores do."""
    port = free_port()
    with (s3_folder.parent / "rclone.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(str(Path(sys.executable).parent / "rclone"), "serve", "s3", str(s3_folder)),
                *("--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY_ID},{SECRET}"),
                *("--config", str(s3_folder.parent / "no-rclone.conf")),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        wait_for_port(port, process)
        yield credentials_for(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def bucket(s3_server: S3Credentials, s3_folder: Path) -> VideoBucket:
    """A fresh bucket of rclone's, with a prefix."""
    name = f"videos-{uuid4().hex[:12]}"
    # Not as a folder behind its back: rclone caches what it knows, and is 50 times slower without.
    s3_server.get_client().create_bucket(Bucket=name)
    return VideoBucket(bucket_name=name, prefix="team/film", credentials=s3_server)


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Credentials]:
    """Credentials for a server that answers as AWS does (STS too, at the same endpoint)."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield credentials_for(f"http://127.0.0.1:{port}")
    server.stop()


@pytest.fixture
def aws_bucket(moto_server: S3Credentials) -> VideoBucket:
    """A fresh bucket that answers as AWS does, with a prefix."""
    name = f"videos-{uuid4().hex[:12]}"
    moto_server.get_client().create_bucket(Bucket=name)
    return VideoBucket(bucket_name=name, prefix="team/film", credentials=moto_server)


def credentials_for(endpoint: str) -> S3Credentials:
    return S3Credentials(
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SecretStr(SECRET),
        endpoint_url=endpoint,
        region_name="us-east-1",
        addressing_style="path",
    )


@pytest.fixture(autouse=True)
def no_aws_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the developer has set up must not decide a test."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        assert process.poll() is None, "the server ended at once"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port}")
