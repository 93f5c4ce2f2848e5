"""The simulator as a running server: in a thread, or blocking for the command line."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import Self

from prefect_toapis.simulator.app import api_app, media_app
from prefect_toapis.simulator.clips import Clips, require_encoder
from prefect_toapis.simulator.connections import OpenProtocol
from prefect_toapis.simulator.control import control_routes
from prefect_toapis.simulator.endpoints import Simulation
from prefect_toapis.simulator.faults import Faults
from prefect_toapis.simulator.ledger import Ledger
from prefect_toapis.simulator.limits import RateLimits
from prefect_toapis.simulator.media import Links, Signer
from prefect_toapis.simulator.provider import Provider
from prefect_toapis.simulator.settings import SimulatorSettings
from prefect_toapis.simulator.uploads import Uploads
from prefect_toapis.simulator.webhooks import Webhooks

_HOST = "127.0.0.1"
_POLL_SECONDS = 0.005
_ALIVE_SECONDS = 0.5  # how often a start looks whether the thread still lives
_KEEP_ALIVE_SECONDS = 75  # uvicorn's 5 s would now and then race with a client's next request
T = TypeVar("T")


class Simulator:
    """The ToAPIs video API on localhost, in a thread.

    Args:
        settings: How it behaves.
        port: Of the API; 0 for any free one.
        media_port: Of the result files, another origin than the API; 0 for any free one.
        clock: The time, in Unix seconds; a test may pass its own.

    Example:
        ```python
        with Simulator(SimulatorSettings(render_seconds=0.2)) as simulator:
            httpx.post(
                f"{simulator.url}/v1/videos/generations",
                headers={"Authorization": f"Bearer {simulator.api_key}"},
                json={"model": "sora-2", "prompt": "A dog"},
            )
            assert len(simulator.ledger.paid) == 1
        ```
    """

    def __init__(
        self,
        settings: SimulatorSettings | None = None,
        *,
        port: int = 0,
        media_port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or SimulatorSettings()
        self.faults = Faults()
        self.clips = Clips(self.settings.pad_to)
        self._ports = (port, media_port)
        self._urls: tuple[str, str] | None = None
        self._ledger = Ledger()
        wanted = self.settings.webhooks
        self._webhooks = (
            Webhooks(wanted, self.settings.seed, clock, self._ledger) if wanted else None
        )
        self._provider = Provider(self.settings, clock, self._ledger, self._webhooks)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def api_key(self) -> str:
        """The first of the keys that are accepted."""
        return self.settings.api_keys[0]

    @property
    def url(self) -> str:
        """The API's base URL."""
        return self._started_urls[0]

    @property
    def media_url(self) -> str:
        """The base URL of the result files."""
        return self._started_urls[1]

    @property
    def ledger(self) -> Ledger:
        """What was asked and what was paid, up to date."""
        self._provider.refund()
        return self._ledger

    def start(self) -> None:
        """Start to serve.

        Raises:
            OSError: A port is taken.
        """
        sockets = _listen(self._ports)
        api_port, media_port = (listening.getsockname()[1] for listening in sockets)
        self._urls = (f"http://{_HOST}:{api_port}", f"http://{_HOST}:{media_port}")
        signer = Signer()
        links = Links(self.media_url, signer)
        simulation = Simulation(
            api_keys=self.settings.api_keys,
            provider=self._provider,
            limits=RateLimits(self.settings.account_group),
            ledger=self._ledger,
            faults=self.faults,
            clips=self.clips,
            uploads=Uploads(self.media_url, self._ledger),
            signer=signer,
            links=links,
            api_url=self.url,
        )
        control = control_routes(self.faults, lambda: self.ledger)
        app = _TwoOrigins(
            api=api_app(simulation, control),
            media=media_app(simulation),
            media_port=media_port,
        )
        sending = partial(self._webhooks.run, links) if self._webhooks else None
        self._server = _Server(app, self.clips.close, sending)
        self._thread = threading.Thread(
            target=self._server.run, args=(sockets,), name="simulator", daemon=True
        )
        self._thread.start()
        while not self._server.ready.wait(_ALIVE_SECONDS):
            if not self._thread.is_alive():
                raise RuntimeError("The simulator could not start; see its thread's traceback")

    def stop(self) -> None:
        """Close every connection, those that are held too, and stop."""
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join()

    def send_test_webhook(self) -> None:
        """Send `endpoint.test` to the URL configured for the key, as a button of the provider's.

        Raises:
            RuntimeError: None is configured.
        """
        if self._webhooks is None:
            raise RuntimeError("The simulator has no webhooks in its settings")
        self._webhooks.test()

    def wait_for(self, condition: Callable[[], T], seconds: float = 10) -> T:
        """Wait until a condition is true, and return what it returned.

        Args:
            condition: Looks at the ledger or the faults.
            seconds: For how long at most.

        Raises:
            TimeoutError: It isn't true by then.

        Example:
            ```python
            simulator.wait_for(lambda: simulator.faults.held)
            ```
        """
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds:g} s")
            time.sleep(_POLL_SECONDS)
        return found

    async def await_for(self, condition: Callable[[], T], seconds: float = 10) -> T:
        """`wait_for` without blocking the event loop."""
        return await asyncio.to_thread(self.wait_for, condition, seconds)

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()

    @property
    def _started_urls(self) -> tuple[str, str]:
        if self._urls is None:
            raise RuntimeError("The simulator has not been started")
        return self._urls


def serve(
    settings: SimulatorSettings | None = None,
    *,
    port: int = 8765,
    media_port: int = 0,
    ready: Callable[[Simulator], None] = lambda _: None,
) -> None:
    """Run the simulator until Ctrl-C.

    Args:
        settings: How it behaves.
        port: Of the API.
        media_port: Of the result files; 0 for any free one.
        ready: Called once it serves.

    Raises:
        ImportError: PyAV or Pillow isn't installed.
        OSError: A port is taken.
    """
    require_encoder()
    with Simulator(settings, port=port, media_port=media_port) as simulator:
        ready(simulator)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


@dataclass(frozen=True)
class _TwoOrigins:
    """One server, two listening sockets: which of them a request came in by decides."""

    api: ASGIApp
    media: ASGIApp
    media_port: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.media if scope["server"][1] == self.media_port else self.api
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            return  # the simulator stops; its connections are closed already


class _Server(uvicorn.Server):
    def __init__(
        self,
        app: ASGIApp,
        close: Callable[[], None],
        meanwhile: Callable[[], Coroutine[Any, Any, None]] | None,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=OpenProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
        super().__init__(config)
        self.ready = threading.Event()
        self._close = close
        self._meanwhile = meanwhile
        self._working: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._meanwhile:
            self._working = asyncio.create_task(self._meanwhile())
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Uvicorn would wait for the requests that are held."""
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # the connections learn that they are lost
        self._close()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)
        if self._working:
            self._working.cancel()
            await asyncio.wait([self._working])


def _listen(ports: tuple[int, ...]) -> list[socket.socket]:
    listening: list[socket.socket] = []
    try:
        for port in ports:
            # asyncio sets TCP_NODELAY only where the protocol is named: without, 40 ms a reply.
            listening.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP))
            listening[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening[-1].bind((_HOST, port))
            listening[-1].listen(2048)
    except OSError:
        for opened in listening:
            opened.close()
        raise
    return listening
