"""What a status query costs in CPU, over TLS: sixteen connection pools beside one."""

import asyncio
import ssl
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from unittest.mock import patch

from benchmarks.report import Outcome, Row, at_most
from pydantic import SecretStr
from tests.certificates import Certificate, self_signed

from prefect_toapis.client import http_pool, transport
from prefect_toapis.client.http_pool import REQUESTS_AT_ONCE
from prefect_toapis.client.transport import ToAPIsClient

_BODY = (
    b'{"id": "video_1", "object": "generation.task", "model": "sora-2", "status": "in_progress", '
    b'"progress": 40, "created_at": 1764000000, "metadata": {"client_business_id": "mine-1"}}'
)
_REPLY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-RateLimit-Category: async_query\r\n"
    b"X-RateLimit-Remaining: 499\r\nX-Request-Id: 1\r\nContent-Length: %d\r\n\r\n%s"
) % (len(_BODY), _BODY)


@dataclass(frozen=True)
class Size:
    """How much there is to do.

    Args:
        queries: How many in a run.
        latency: Seconds until the provider replies.
        rounds: How often each subject runs.
    """

    queries: int = 2000
    latency: float = 0.03
    rounds: int = 3


@dataclass(frozen=True)
class Subject:
    """A way to query.

    Args:
        pools: Among how many the connections are divided.
        at_once: How many queries.
        tls: Whether over TLS.
        kept: Whether connections are kept.
    """

    pools: int = http_pool.POOLS
    at_once: int = REQUESTS_AT_ONCE
    tls: bool = True
    kept: bool = True


FULL = Size()
QUICK = Size(queries=300, rounds=1)

SUBJECTS = {
    "sixteen pools, TLS": Subject(),
    "one pool, TLS": Subject(pools=1),
    "sixteen pools": Subject(tls=False),
    "one pool": Subject(pools=1, tls=False),
    "one at a time, TLS, connection kept": Subject(at_once=1),
    "one at a time, TLS, new connection": Subject(at_once=1, kept=False),
}


def run(size: Size) -> Outcome:
    """Measure it."""
    took: dict[str, list[float]] = {name: [] for name in SUBJECTS}
    with tempfile.TemporaryDirectory() as folder:
        certificate = self_signed(Path(folder))
        with _serving(certificate, size.latency) as urls:
            for _ in range(size.rounds):
                for name, subject in SUBJECTS.items():
                    took[name].append(_milliseconds(subject, urls[subject.tls], size, certificate))
    of = {name: median(runs) for name, runs in took.items()}
    rows = [
        at_most("CPU of a query, 64 at once over TLS", of["sixteen pools, TLS"], 0.8, "ms"),
        Row(
            "sixteen pools' CPU, to one's, TLS", of["sixteen pools, TLS"] / of["one pool, TLS"], "x"
        ),
        Row("sixteen pools' CPU, to one's", of["sixteen pools"] / of["one pool"], "x"),
        *(Row(f"CPU of a query: {name}", figure, "ms") for name, figure in of.items()),
    ]
    what = f"{size.queries} queries, replies after {size.latency * 1000:g} ms"
    return Outcome("status_query", f"{what}, median of {size.rounds}", rows, took)


def _milliseconds(subject: Subject, url: str, size: Size, certificate: Certificate) -> float:
    """The CPU of this process for a query."""
    idle = http_pool.QUERIES_IDLE_SECONDS if subject.kept else 0.0
    count = size.queries if subject.at_once > 1 else size.queries // 32
    with (
        patch.dict("os.environ", {"SSL_CERT_FILE": str(certificate.public), "NO_PROXY": "*"}),
        patch.object(http_pool, "POOLS", subject.pools),
        patch.object(transport, "QUERIES_IDLE_SECONDS", idle),
    ):
        return asyncio.run(_query(url, count, subject.at_once)) * 1000


async def _query(url: str, count: int, at_once: int) -> float:
    async with ToAPIsClient(SecretStr("key"), url) as client:

        async def some(number: int) -> None:
            for _ in range(number):
                await client.status("video_1")

        await asyncio.gather(*(some(2) for _ in range(at_once)))  # it connects, and warms up
        began = time.process_time()
        each = count // at_once
        await asyncio.gather(*(some(each) for _ in range(at_once)))
        return (time.process_time() - began) / (each * at_once)


@contextmanager
def _serving(certificate: Certificate, latency: float) -> Iterator[dict[bool, str]]:
    """The provider in a process of its own: its URLs, with TLS and without."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(certificate, latency, theirs), daemon=True)
    process.start()
    try:
        plain, tls = ours.recv()
        yield {False: f"http://127.0.0.1:{plain}", True: f"https://127.0.0.1:{tls}"}
    finally:
        process.terminate()
        process.join()


def _serve(certificate: Certificate, latency: float, started: Connection) -> None:
    asyncio.run(_provider(certificate.server, latency, started))


async def _provider(tls: ssl.SSLContext, latency: float, started: Connection) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(latency)
                writer.write(_REPLY)
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    servers = [
        await asyncio.start_server(answer, "127.0.0.1", 0, backlog=256),
        await asyncio.start_server(answer, "127.0.0.1", 0, backlog=256, ssl=tls),
    ]
    started.send([server.sockets[0].getsockname()[1] for server in servers])
    await asyncio.gather(*(server.serve_forever() for server in servers))
