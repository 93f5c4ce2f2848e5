"""The receiver under slow, idle, many and large requests, alone and behind the how-to's proxy."""

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import sleep, time

import httpx
import pytest
import uvicorn
from tests.certificates import self_signed
from tests.processes import ended
from tests.receiver.conftest import (
    NOW,
    SECRETS,
    Prefect,
    Served,
    an_event,
    no_settings_of_the_developer,
    prefect,
    receiver,
    signed,
)
from uvicorn.server import ServerState

from prefect_toapis.receiver import webhook_app
from prefect_toapis.receiver.connections import Phase, TimedProtocol, makes_room

__all__ = ["no_settings_of_the_developer", "prefect", "receiver"]  # fixtures

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "webhooks.md"
FAR_TOO_MUCH = 50_000_000
HEAD = b"POST /webhook HTTP/1.1\r\nHost: hooks\r\nContent-Length: 1000\r\n\r\n"
SLOW = {  # what a connection sends at once, and then a byte each half second
    "nothing": (b"", b""),
    "half a head": (b"POST /webhook HTTP/1.1\r\nHost:", b""),
    "a head byte by byte": (b"POST /webhook HTTP/1.1\r\nX-A: ", b"a"),
    "half a body": (HEAD + b"{", b""),
    "a body byte by byte": (HEAD, b" "),
    "the body of another path": (HEAD.replace(b"/webhook", b"/health"), b" "),
    "the body of a GET": (HEAD.replace(b"POST /webhook", b"GET /health"), b" "),
    "a body in chunks": (HEAD.replace(b"Content-Length: 1000", b"Transfer-Encoding: chunked"), b""),
    "nothing after an answer": (b"GET /health HTTP/1.1\r\nHost: hooks\r\n\r\n", b""),
}


async def until_ended(
    port: int, sent: bytes, more: bytes = b"", tls: ssl.SSLContext | None = None
) -> bytes:
    """What a connection got before the other side ended it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    writer.write(sent)

    async def trickle() -> None:
        while more:
            await asyncio.sleep(0.5)
            writer.write(more)

    trickling = asyncio.create_task(trickle())
    got = b""
    try:
        while part := await reader.read(65536):
            got += part
    except ConnectionError:
        pass
    finally:
        trickling.cancel()
        writer.transport.abort()
    return got


async def test_slow_connections_are_ended_and_lock_nobody_out(receiver: Served) -> None:
    kinds = [*SLOW.values(), *[SLOW["half a head"]] * 300, *[SLOW["a body byte by byte"]] * 100]
    slow = [asyncio.create_task(until_ended(receiver.port, *kind)) for kind in kinds]
    await asyncio.sleep(1)
    async with httpx.AsyncClient(base_url=receiver.url, trust_env=False) as client:
        assert (await client.get("/health")).status_code == 200
        assert "toapis_webhooks_waiting" in (await client.get("/metrics")).text
    assert not all(task.done() for task in slow)
    answers = await asyncio.wait_for(asyncio.gather(*slow), 60)
    of_kind = dict(zip(SLOW, answers, strict=False))
    assert of_kind["half a head"] == of_kind["nothing"] == b""
    assert of_kind["half a body"].startswith(b"HTTP/1.1 408 ")
    assert of_kind["a body byte by byte"].startswith(b"HTTP/1.1 408 ")
    assert of_kind["nothing after an answer"].startswith(b"HTTP/1.1 200 ")
    assert receiver.process.poll() is None


@dataclass
class A:
    """A connection that waits."""

    peer: str
    phase: Phase
    since: float


@pytest.mark.parametrize(
    ("connections", "ended"),
    [
        ([A("a", "head", 2), A("a", "head", 1), A("a", "body", 3)], 1),
        ([A("b", "head", 0), A("a", "head", 2), A("a", "body", 1)], 2),
        ([A("a", "answer", 0), A("a", "answer", 1), A("b", "head", 9)], 2),
        ([A("a", "answer", 0), A("b", "answer", 1)], None),
        ([], None),
    ],
)
def test_the_slowest_of_the_peer_with_most_slow_ones_makes_room(
    connections: Sequence[A], ended: int | None
) -> None:
    assert makes_room(connections) == (None if ended is None else connections[ended])


class Few(TimedProtocol):
    """As the receiver's, for three connections."""

    most_connections = 3


@asynccontextmanager
async def served(protocol: type[TimedProtocol]) -> AsyncIterator[int]:
    """The app on a socket, on the test's own loop: its port."""
    app, state = webhook_app(SECRETS, clock=lambda: NOW), ServerState()
    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None)
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol(config, state, {}, loop), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for connection in [*state.connections]:
            connection.transport.abort()


async def test_a_new_connection_takes_the_place_of_the_slowest(prefect: Prefect) -> None:
    async with served(Few) as port:
        slow = []
        for _ in range(6):
            slow.append(asyncio.create_task(until_ended(port, b"GET / HTTP/1.1\r\n")))
            await asyncio.sleep(0.05)
        ended, _ = await asyncio.wait(slow, return_when=asyncio.FIRST_COMPLETED, timeout=5)
        assert ended <= {*slow[:3]}
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False
        ) as client:
            assert (await client.get("/health")).status_code == 200
            answer = await client.post("/webhook", content=an_event(), headers=signed(an_event()))
            assert answer.status_code == 204
        await asyncio.gather(*slow)


@pytest.mark.parametrize(
    "head",
    [
        b"POST /webhook HTTP/1.1\r\nHost: hooks\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nHost: hooks\r\nContent-Length: 99999999999\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: hooks\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /nothing HTTP/1.1\r\nHost: hooks\r\nContent-Length: 99999999999\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-Long: ",
    ],
)
async def test_no_request_is_read_without_end(prefect: Prefect, head: bytes) -> None:
    sent = 0
    async with served(TimedProtocol) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        with suppress(ConnectionError):
            while sent < FAR_TOO_MUCH:
                writer.write(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
                sent += 0x8000
                await writer.drain()
                await asyncio.sleep(0)
        writer.transport.abort()
    assert sent < FAR_TOO_MUCH


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    sleep(0.05)
    return False


@contextmanager
def nginx(folder: Path, port: int, receiver: Served) -> Iterator[ssl.SSLContext]:
    """nginx with the configuration of the how-to, on another port and with another certificate."""
    program = shutil.which("nginx", path=f"{os.defpath}:/usr/sbin")
    assert program, "there is no nginx: install Debian's package `nginx-light`"
    certificate = self_signed(folder)
    block = HOW_TO.read_text().split("```nginx\n")[1].split("```")[0]
    for documented, of_the_test in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/certs/hooks.example.pem", f"{certificate.public}"),
        ("/etc/ssl/private/hooks.example.key", f"{certificate.key}"),
        ("127.0.0.1:8780", f"127.0.0.1:{receiver.port}"),
    ):
        assert block.count(documented) == 1
        block = block.replace(documented, of_the_test)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    own = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;"
        f"events {{}} http {{ access_log off; {own}\n{block} }}"
    )
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    with ended(process):
        while not listens(port):
            assert process.poll() is None, (folder / "error.log").read_text()
        yield certificate.trusting
        process.terminate()
        process.wait(20)


async def test_behind_the_proxy_of_the_how_to(
    receiver: Served, tmp_path: Path, unused_tcp_port: int
) -> None:
    port, body, now = unused_tcp_port, an_event(), time()
    with nginx(tmp_path, port, receiver) as tls:
        base = f"https://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base, verify=tls, trust_env=False) as client:

            async def webhook(content: bytes = body) -> int:
                headers = signed(body, at=now)
                return (await client.post("/webhook", content=content, headers=headers)).status_code

            assert await webhook() == 204
            assert await webhook(b"{}") == 401
            assert await webhook(b"x" * 65_537) == 413
            for path in ("/", "/health", "/metrics", "/webhook/", "/webhook%2f..%2fmetrics"):
                assert (await client.get(path)).status_code == 404
            kinds = [*SLOW.values(), *[SLOW["half a head"]] * 150, *[SLOW["half a body"]] * 50]
            slow = [asyncio.create_task(until_ended(port, *kind, tls=tls)) for kind in kinds]
            await asyncio.sleep(1)
            assert await webhook() == 204
            answers = await asyncio.wait_for(asyncio.gather(*slow), 60)
            assert await webhook() == 204
    of_kind = dict(zip(SLOW, answers, strict=False))
    assert of_kind["half a head"] == of_kind["a head byte by byte"] == b""
    assert of_kind["a body byte by byte"].startswith(b"HTTP/1.1 408 ")
