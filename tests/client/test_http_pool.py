"""What carries submissions tells "not sent" from "no reply", whatever a socket does meanwhile."""

import asyncio
import json
import select
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import pytest
from pydantic import SecretStr
from tests.certificates import Certificate, self_signed

from prefect_toapis.client import transport
from prefect_toapis.client.errors import NotSent, SubmissionUnknown, Unavailable
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.client.transport import ToAPIsClient

DOG = VideoRequest(prompt="A dog")
TASK = json.dumps({"id": "video_1", "status": "queued"}).encode()
ACCEPTED = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(TASK), TASK)
PATIENCE = 20  # seconds
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s" % (len(TASK), TASK)

Step = Callable[["Peer", socket.socket], None]


class Peer:
    """A server that takes a step after another on each connection.

    Args:
        steps: On each connection.
        tls: None for plain HTTP.
        listens: Whether connections are accepted before it serves.
    """

    def __init__(
        self, *steps: Step, tls: ssl.SSLContext | None = None, listens: bool = True
    ) -> None:
        self.posts: list[str] = []
        self.connections: list[socket.socket] = []
        self.closed = threading.Event()
        self._steps, self._tls = steps, tls
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        if listens:
            self._socket.listen()
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._socket.getsockname()[1]}"

    def read(self, connection: socket.socket) -> None:
        """Read a submission to its end, and note its business id."""
        request = b""
        while b"\r\n\r\n" not in request:
            request += received(connection)
        head, _, body = request.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += received(connection)
        assert head.startswith(b"POST ")
        self.posts.append(json.loads(body)["client_business_id"])

    @contextmanager
    def serving(self) -> Iterator["Peer"]:
        """Serve in a thread, until the end."""
        self._socket.listen()
        thread = threading.Thread(target=self._serve)
        thread.start()
        try:
            yield self
        finally:
            self._socket.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in (self._socket, *self.connections):
                connection.close()

    def _serve(self) -> None:
        with suppress(OSError):  # the end
            while True:
                connection, _ = self._socket.accept()
                connection.settimeout(PATIENCE)
                with suppress(OSError):
                    self._take_steps(connection)

    def _take_steps(self, connection: socket.socket) -> None:
        self.connections.append(connection)
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True)
            self.connections[-1] = connection
        for step in self._steps:
            step(self, connection)


def received(connection: socket.socket) -> bytes:
    if piece := connection.recv(65536):
        return piece
    raise ConnectionError("the client hung up")


def read(peer: Peer, connection: socket.socket) -> None:
    peer.read(connection)


def let_it_be_sent(_: Peer, connection: socket.socket) -> None:
    """Wait until a request is there, without reading it."""
    select.select([connection], [], [], PATIENCE)


def close(peer: Peer, connection: socket.socket) -> None:
    connection.close()
    peer.closed.set()


def end(_: Peer, connection: socket.socket) -> None:
    """Send that nothing more comes; closing with something unread would reset."""
    connection.shutdown(socket.SHUT_WR)


def reset(_: Peer, connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def send(content: bytes) -> Step:
    return lambda _, connection: connection.sendall(content)


def send_undisguised(content: bytes) -> Step:
    """Past TLS."""
    return lambda _, connection: socket.socket.sendall(connection, content)


@asynccontextmanager
async def client_of(peer: Peer, budget: float = 20) -> AsyncIterator[ToAPIsClient]:
    """A client that would soon send again what may be sent again."""
    retry = RetryPolicy(budget=budget, first=0.01, longest=0.05)
    async with ToAPIsClient(SecretStr("test-key"), peer.url, retry=retry) as client:
        yield client


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.public))
    return certificate


# Not sent


async def test_a_refused_connection_means_not_sent_and_it_is_sent_later() -> None:
    peer = Peer(read, send(ACCEPTED), listens=False)
    async with client_of(peer) as client:
        submission = asyncio.create_task(client.submit(DOG, "mine-1"))
        for _ in range(1000):
            await asyncio.sleep(0.01)
            if client.submissions.state.failures:
                break
        assert client.submissions.state.failures
        with peer.serving():
            assert (await submission).task_id == "video_1"
    assert peer.posts == ["mine-1"]


async def test_a_connection_that_stays_refused_means_not_sent() -> None:
    peer = Peer(listens=False)
    async with client_of(peer, budget=0) as client:
        with pytest.raises(NotSent, match="ConnectError") as raised:
            await client.submit(DOG, "mine-1")
    assert raised.value.money == "not spent"


@pytest.mark.parametrize(
    "steps",
    [(send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), end), (let_it_be_sent, close), (reset,)],
    ids=["no TLS", "closed", "reset"],
)
async def test_a_failed_handshake_means_not_sent(steps: tuple[Step, ...]) -> None:
    with Peer(*steps).serving() as peer:
        peer.url = peer.url.replace("http:", "https:")
        async with client_of(peer, budget=0) as client:
            with pytest.raises(NotSent, match="ConnectError"):
                await client.submit(DOG, "mine-1")


async def test_an_untrusted_certificate_means_not_sent(certificate: Certificate) -> None:
    with Peer(read, send(ACCEPTED), tls=certificate.server).serving() as peer:
        async with client_of(peer, budget=0) as client:
            with pytest.raises(NotSent, match="ConnectError"):
                await client.submit(DOG, "mine-1")
    assert len(peer.connections) == 1
    assert peer.posts == []


# No reply

NO_REPLY: dict[str, tuple[Step, ...]] = {
    "ended, unread": (let_it_be_sent, end),
    "reset, unread": (let_it_be_sent, reset),
    "ended": (read, end),
    "reset": (read, reset),
    "cut in the status line": (read, send(ACCEPTED[:8]), end),
    "cut in the headers": (read, send(ACCEPTED[:25]), end),
    "cut before the body": (read, send(ACCEPTED[: -len(TASK)]), end),
    "cut in the body": (read, send(ACCEPTED[:-1]), end),
    "cut in a body of chunks": (read, send(CHUNKED), end),
    "cut in a body without a length": (read, send(b"HTTP/1.1 200 OK\r\n\r\n" + TASK[:-1]), end),
    "reset in the headers": (read, send(ACCEPTED[:25]), reset),
    "reset in the body": (read, send(ACCEPTED[:-1]), reset),
    "no HTTP": (read, send(b"SSH-2.0-OpenSSH_9.2\r\n"), end),
}


@pytest.mark.parametrize("over", ["TCP", "TLS"])
@pytest.mark.parametrize("name", NO_REPLY)
async def test_a_lost_reply_is_unknown_and_nothing_is_sent_again(
    name: str, over: str, trusted: Certificate
) -> None:
    steps = NO_REPLY[name]
    with Peer(*steps, tls=trusted.server if over == "TLS" else None).serving() as peer:
        async with client_of(peer) as client:
            with pytest.raises(SubmissionUnknown) as raised:
                await client.submit(DOG, "mine-1")
    assert raised.value.money == "maybe spent"
    assert raised.value.business_id == "mine-1"
    assert len(peer.connections) == 1
    assert peer.posts == ["mine-1"] * (read in steps)


async def test_damaged_tls_after_a_submission_is_unknown_and_after_a_query_no_reply(
    trusted: Certificate,
) -> None:
    steps = (read, send_undisguised(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"), end)
    with Peer(*steps, tls=trusted.server).serving() as peer:
        async with client_of(peer) as client:
            with pytest.raises(SubmissionUnknown, match="SSLError"):
                await client.submit(DOG, "mine-1")
    assert len(peer.connections) == 1
    assert peer.posts == ["mine-1"]

    unread = (let_it_be_sent, *steps[1:])
    with Peer(*unread, tls=trusted.server).serving() as peer:
        async with client_of(peer, budget=0) as client:
            with pytest.raises(Unavailable, match="SSLError"):
                await client.status("video_1")


async def test_a_client_that_is_refused_after_the_handshake_is_unknown(
    trusted: Certificate,
) -> None:
    tls = trusted.server
    tls.verify_mode = ssl.CERT_REQUIRED  # with TLS 1.3 the client learns of it after sending
    with Peer(read, tls=tls).serving() as peer:
        async with client_of(peer) as client:
            with pytest.raises(SubmissionUnknown):
                await client.submit(DOG, "mine-1")
    assert len(peer.connections) == 1
    assert peer.posts == []


# Kept connections


@pytest.mark.parametrize("over", ["TCP", "TLS"])
async def test_a_connection_closed_while_idle_is_not_used(
    over: str, trusted: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "SUBMISSIONS_IDLE_SECONDS", PATIENCE)
    tls = trusted.server if over == "TLS" else None
    with Peer(read, send(ACCEPTED), close, tls=tls).serving() as peer:
        async with client_of(peer) as client:
            await client.submit(DOG, "mine-1")
            await asyncio.to_thread(peer.closed.wait, PATIENCE)
            await client.submit(DOG, "mine-2")
    assert len(peer.connections) == 2
    assert peer.posts == ["mine-1", "mine-2"]


@pytest.mark.parametrize("over", ["TCP", "TLS"])
@pytest.mark.parametrize("steps", [(let_it_be_sent, end), (let_it_be_sent, reset), (read, close)])
async def test_a_connection_closed_on_its_second_submission_is_unknown(
    steps: tuple[Step, ...], over: str, trusted: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "SUBMISSIONS_IDLE_SECONDS", PATIENCE)
    tls = trusted.server if over == "TLS" else None
    with Peer(read, send(ACCEPTED), *steps, tls=tls).serving() as peer:
        async with client_of(peer) as client:
            await client.submit(DOG, "mine-1")
            with pytest.raises(SubmissionUnknown):
                await client.submit(DOG, "mine-2")
    assert len(peer.connections) == 1, "the connection was kept, and no other one opened"
    assert peer.posts == ["mine-1"] + ["mine-2"] * (read in steps)
