"""`prefect-toapis webhooks`: runs the webhook receiver as a server."""

import logging
import socket
from typing import Annotated

import uvicorn
from cyclopts import App, Parameter
from prefect.logging.configuration import setup_logging
from prefect.settings import PREFECT_API_URL
from starlette.types import ASGIApp

from prefect_toapis.cli.command_output import command_output
from prefect_toapis.receiver import secrets_from_environment, webhook_app
from prefect_toapis.receiver.connections import SECONDS, TimedProtocol
from prefect_toapis.receiver.secrets_from_env import PREVIOUS_SECRET, SECRET

_GRACE_SECONDS = 10  # longer than any response takes
_BACKLOG = 2048

webhooks = App(name="webhooks", help="Receive the provider's webhooks.")


@webhooks.command
def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8780,
    secret_variable: str = SECRET,
    previous_secret_variable: str = PREVIOUS_SECRET,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Receive the provider's webhooks at /webhook, and emit them as Prefect events.

    It serves plain HTTP: run it behind an HTTPS proxy that forwards only /webhook; /health and
    /metrics are for internal use. The secret is read from the environment.

    Args:
        host: The address to listen on.
        port: The port to listen on; 0 for any free port.
        secret_variable: The environment variable with the secret.
        previous_secret_variable: The environment variable with the previous secret, for a day
            after a change.
        json: Print a JSON object once it is running.
    """
    with command_output(json=json) as output:
        app = webhook_app(secrets_from_environment(secret_variable, previous_secret_variable))
        _require_a_server()
        listening = _listen(host, port)
        _show_our_log()
        bound = listening.getsockname()
        url = f"http://{_shown(bound[0])}:{bound[1]}/webhook"
        output.facts(url=url)
        output.show(f"Receiving webhooks at {url}. Stop with Ctrl-C.")
        output.end()
        _serve(app, listening)


def _require_a_server() -> None:
    if not PREFECT_API_URL.value():
        raise ValueError("PREFECT_API_URL is not set: set it to the URL of the Prefect server")


def _listen(host: str, port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only if the protocol is given, as by getaddrinfo.
    [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    )
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def _serve(app: ASGIApp, listening: socket.socket) -> None:
    config = uvicorn.Config(
        app,
        http=TimedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=round(SECONDS["head"]),
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:  # raised again by uvicorn after a graceful shutdown
        return


def _show_our_log() -> None:
    setup_logging()
    logging.getLogger("prefect_toapis").setLevel(logging.INFO)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
