"""What subjects talk to, each in a process of its own, so that its CPU isn't counted."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from benchmarks.job import Job

from prefect_toapis.blocks import S3Credentials
from prefect_toapis.cli.local_s3 import local_s3, require_rclone
from prefect_toapis.simulator import SimulatorSettings

_START_SECONDS = 120
_AT_REST = 0.2  # seconds of CPU in two
# As the docs advise for large runs with SQLite.
_PREFECT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True)
class Provider:
    """A running simulator.

    Args:
        url: Of its API.
        api_key: That it accepts.
    """

    url: str
    api_key: str

    def ledger(self) -> dict[str, Any]:
        """What was asked and paid so far."""
        answer = httpx.get(f"{self.url}/_simulator/ledger", trust_env=False, timeout=60)
        told: dict[str, Any] = answer.json()
        return told

    def queries(self) -> int:
        """How many status queries came so far."""
        return sum(self.ledger()["queries"].values())


@dataclass(frozen=True)
class Services:
    """S3 and Prefect, for all runs of a benchmark.

    Args:
        store: Credentials for the S3 server.
        folder: Where its buckets are.
        prefect: The environment for who uses the Prefect server.
        server: The Prefect server's process.
    """

    store: S3Credentials
    folder: Path
    prefect: dict[str, str]
    server: int

    def server_cpu(self) -> float:
        """The CPU that the Prefect server used so far, in seconds."""
        fields = Path(f"/proc/{self.server}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rest(self) -> None:
        """Wait until the Prefect server has done what an earlier run left it."""
        used = -1.0
        while self.server_cpu() - used > _AT_REST:
            used = self.server_cpu()
            time.sleep(2)

    @contextmanager
    def job(self, provider: Provider | None, shots: int, **more: Any) -> Iterator[Job]:
        """A job with a bucket of its own, which is thrown away at the end."""
        name = f"benchmark-{uuid4().hex[:12]}"
        self.store.get_client().create_bucket(Bucket=name)
        secret = self.store.aws_secret_access_key
        assert secret
        yield Job(
            api=provider.url if provider else "",
            api_key=provider.api_key if provider else "",
            endpoint=self.store.endpoint_url or "",
            access_key=self.store.aws_access_key_id or "",
            secret_key=secret.get_secret_value(),
            bucket=name,
            shots=shots,
            **more,
        )
        shutil.rmtree(self.folder / name)


@contextmanager
def services() -> Iterator[Services]:
    """An S3 server and a Prefect server (SQLite), with databases of their own."""
    # It would hash every object to list it, which no other store does.
    os.environ["RCLONE_ETAG_HASH"] = ""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        (folder / "s3").mkdir()
        store = stack.enter_context(local_s3(folder / "s3"))
        prefect, server = stack.enter_context(_prefect_server(folder))
        yield Services(store, folder / "s3", prefect, server)


@contextmanager
def provider(settings: SimulatorSettings) -> Iterator[Provider]:
    """A simulator, until the end."""
    command = [sys.executable, "-m", "benchmarks.provider", settings.model_dump_json()]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        url, api_key = process.stdout.readline().split()
        try:
            yield Provider(url, api_key)
        finally:
            process.stdin.close()


@contextmanager
def openai_api(behind: Provider) -> Iterator[Provider]:
    """OpenAI's video API before a simulator, until the end."""
    command = [sys.executable, "-m", "benchmarks.openai_api", behind.url, behind.api_key]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url, api_key = process.stdout.readline().split()
        try:
            yield Provider(url, api_key)
        finally:
            process.terminate()


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """The files of a folder over plain HTTP (rclone), until the end: its URL."""
    port, log = _free_port(), folder.with_suffix(".log")
    command = [require_rclone(), "serve", "http", str(folder), "--addr", f"127.0.0.1:{port}"]
    with log.open("w") as said:
        server = subprocess.Popen([*command, "--config", ""], stdout=said, stderr=said)
        try:
            _wait_for(f"http://127.0.0.1:{port}/", log)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _prefect_server(folder: Path) -> Iterator[tuple[dict[str, str], int]]:
    home = folder / "prefect"
    home.mkdir()
    port = _free_port()
    api = f"http://127.0.0.1:{port}/api"
    environment = _PREFECT | {"PREFECT_HOME": str(home)}
    where = ["--host", "127.0.0.1", "--port", str(port)]
    start = partial(
        subprocess.Popen,
        [sys.executable, "-m", "prefect", "--no-prompt", "server", "start", *where],
        env=os.environ | environment,
        cwd=home,
    )
    with (home / "server.log").open("w") as log:
        server = start(stdout=log, stderr=log)
        try:
            _wait_for(f"{api}/health", home / "server.log")
            yield environment | {"PREFECT_API_URL": api}, server.pid
        finally:
            server.terminate()
            server.wait()


def _wait_for(url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if httpx.get(url, trust_env=False).is_success:
                return
        time.sleep(0.2)
    raise RuntimeError(f"a server did not start: {log.read_text()}")
