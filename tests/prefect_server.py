"""A Prefect server that can be stopped, killed and started again, with the same database."""

import random
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.environments import unmeasured
from tests.prefect_database import with_database

PREFECT = [sys.executable, "-m", "prefect", "--no-prompt"]
_SECONDS = 120
_DATABASE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"


def port_of_its_own() -> int:
    """A free port that the system gives to no other server while this one takes seconds to start.

    Those that it gives to whoever asks for any begin at 32768.
    """
    while True:
        port = random.randint(20_000, 30_000)
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class PrefectServer:
    """A server of its own.

    Args:
        home: Where its database is.
        settings: The environment that it runs in.
    """

    home: Path
    settings: dict[str, str]
    process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        self.port: int = port_of_its_own()

    @property
    def api(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def environment(self) -> dict[str, str]:
        """For whoever uses it."""
        return self.settings | {"PREFECT_HOME": str(self.home), "PREFECT_API_URL": self.api}

    def start(self) -> None:
        """Start it, and wait until it answers."""
        if _DATABASE not in self.settings and not (self.home / "prefect.db").exists():
            with_database(self.home)
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        with (self.home / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                [*PREFECT, "server", "start", *where],
                env=unmeasured(self.environment),
                cwd=self.home,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, (self.home / "server.log").read_text()
            time.sleep(0.2)

    def stop(self) -> None:
        """Let it end what it does."""
        if self.process:
            self.process.terminate()
            self.process.wait(60)

    def kill(self) -> None:
        """What it has in memory is lost."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.api}/health", trust_env=False).is_success
        except httpx.HTTPError:
            return False
