"""A Prefect API that refuses or doesn't answer is a sentence, whatever the command."""

import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from prefect.exceptions import PrefectHTTPStatusError

from prefect_toapis.cli.api_failures import api_failure

Run = Callable[..., "subprocess.CompletedProcess[str]"]


class _Refusing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"exception_message": "Unauthorized"}'
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - named by http.server

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture(scope="module")
def refusing() -> Iterator[str]:
    """The address of an API that refuses every request, as one with another auth string does."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


@pytest.mark.parametrize(
    "command", ["generate spec.yaml", "reconcile lisbon", "balance", "gallery lisbon", "setup"]
)
def test_wrong_credentials_of_prefect_are_a_sentence(run: Run, refusing: str, command: str) -> None:
    ended = run(*command.split(), PREFECT_API_URL=refusing, PREFECT_API_AUTH_STRING="admin:wrong")
    told = " ".join((ended.stdout + ended.stderr).split())
    assert ended.returncode == 1
    assert f"The Prefect API at {refusing} refuses these credentials (HTTP 401)." in told
    assert "Check PREFECT_API_AUTH_STRING" in told
    assert "Traceback" not in told
    assert "admin:wrong" not in told
    if "spec.yaml" in command:
        assert "Nothing was bought." in told


def test_a_server_that_is_not_there_is_a_sentence(run: Run) -> None:
    ended = run("generate", "spec.yaml", PREFECT_API_URL="http://127.0.0.1:1/api")
    told = " ".join((ended.stdout + ended.stderr).split())
    assert ended.returncode == 1
    assert "No Prefect server answers" in told
    assert "Nothing was bought." in told
    assert "Traceback" not in told


def status_error(status: int) -> PrefectHTTPStatusError:
    request = httpx.Request("GET", "http://127.0.0.1:4200/api/health")
    response = httpx.Response(status, request=request)
    return PrefectHTTPStatusError("went wrong", request=request, response=response)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (status_error(401), "refuses these credentials (HTTP 401)"),
        (status_error(403), "refuses these credentials (HTTP 403)"),
        (status_error(500), "answered with an error: went wrong"),
        (httpx.ConnectError("All connection attempts failed"), "No Prefect server answers: All"),
        (httpx.ReadTimeout(""), "No Prefect server answers: ReadTimeout."),
        (RuntimeError("Failed to reach API at http://x/api/"), "No Prefect server answers"),
    ],
)
def test_each_failure_of_the_api_is_told(error: Exception, told: str) -> None:
    assert told in (api_failure(error) or "")


@pytest.mark.parametrize("error", [ValueError("no"), RuntimeError("no"), KeyError("no")])
def test_other_errors_are_not_about_the_api(error: Exception) -> None:
    assert api_failure(error) is None
