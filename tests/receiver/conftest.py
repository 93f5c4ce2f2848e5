"""The receiver as an application, and as a process of its own."""

import hashlib
import hmac
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import SecretStr
from starlette.types import ASGIApp
from tests.environments import of_a_user
from tests.processes import ended

from prefect_toapis.client.webhooks import WebhookSecrets
from prefect_toapis.receiver import webhook_app
from prefect_toapis.receiver.forwarding import Bounds

SECRET = "whsec_of_the_tests"
SECRETS = WebhookSecrets(SecretStr(SECRET))
NOW = 1_783_953_302.0


@pytest.fixture(autouse=True)
def no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer has set up must not decide a test."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("TOAPIS_WEBHOOK_SECRET", "TOAPIS_WEBHOOK_PREVIOUS_SECRET"):
        monkeypatch.delenv(name, raising=False)


def signed(
    body: bytes, webhook_id: str = "evt_1", at: float = NOW, secret: str = SECRET
) -> dict[str, str]:
    """The headers of a webhook."""
    text = f"{webhook_id}.{int(at)}.".encode() + body
    signature = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    return {
        "X-ToAPIs-Webhook-Id": webhook_id,
        "X-ToAPIs-Webhook-Timestamp": str(int(at)),
        "X-ToAPIs-Webhook-Signature": f"v1={signature}",
    }


def an_event(kind: str = "generation.completed", **data: Any) -> bytes:
    """The body of a webhook."""
    about = {"task_id": "tsk_1", "client_business_id": "pt1-1", "task_type": "video"} | data
    return json.dumps({"type": kind, "created_at": NOW - 2, "data": about}).encode()


class Prefect(ThreadingHTTPServer):
    """Prefect's events API, in the moods that a real server is rarely in."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Events)
        self.batches: list[list[Any]] = []
        self.status = 204
        self.headers: dict[str, str] = {}
        self.content = b""
        self.token: tuple[int, bytes] = (404, b"")  # it has no CSRF tokens
        self.arrived = threading.Event()
        self.answers = threading.Event()
        self.answers.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api"

    @property
    def events(self) -> list[Any]:
        return [event for batch in self.batches for event in batch]


class _Events(BaseHTTPRequestHandler):
    server: Prefect
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.arrived.set()
        self.server.answers.wait(20)
        if self.server.status == 204:
            self.server.batches.append(content)
        self._reply(self.server.status, self.server.content)

    def do_GET(self) -> None:
        self._reply(*self.server.token)

    def _reply(self, status: int, content: bytes) -> None:
        self.send_response(status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def prefect() -> Iterator[Prefect]:
    """A Prefect server that does as it is told, and is this process's."""
    with Prefect() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with temporary_settings({PREFECT_API_URL: server.url}):
            yield server
        server.answers.set()
        server.shutdown()


@pytest.fixture
def bounds() -> Bounds:
    """Of `app`; a test gives others by parametrizing them."""
    return Bounds(send_seconds=5, wait_seconds=9)


@pytest.fixture
def app(bounds: Bounds) -> ASGIApp:
    return webhook_app(SECRETS, clock=lambda: NOW, bounds=bounds)


@pytest.fixture
def caller(app: ASGIApp) -> httpx.AsyncClient:
    """Speaks to the application as a server would, on the test's own loop."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://receiver")


@dataclass
class Served:
    """`prefect-toapis webhooks serve` in a process, which can be killed and started again."""

    environment: dict[str, str]
    log: Path
    port: int = 0
    process: "subprocess.Popen[bytes]" = field(init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator["Served"]:
        self.start()
        try:
            yield self
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
        finally:  # the process may be another by now
            with ended(self.process):
                pass

    def start(self) -> None:
        command = [sys.executable, "-u", "-m", "prefect_toapis.cli", "webhooks", "serve"]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port)],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=output,
            )
        assert self.process.stdout
        said = self.process.stdout.readline().decode()
        assert "Receiving webhooks at" in said, said + self.log.read_text()
        self.port = int(said.split("/webhook")[0].rpartition(":")[2])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)


@pytest.fixture
def receiver(prefect_server: None, tmp_path: Path) -> Iterator[Served]:
    """The receiver as a user starts it, with a real Prefect server."""
    own = of_a_user()
    environment = own | {
        "HOME": str(tmp_path),
        "DO_NOT_TRACK": "1",
        "COLUMNS": "200",
        "NO_PROXY": "127.0.0.1",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": PREFECT_API_URL.value() or "",
        "TOAPIS_WEBHOOK_SECRET": SECRET,
    }
    with Served(environment, tmp_path / "receiver.log").running() as running:
        yield running
