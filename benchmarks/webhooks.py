"""How many webhooks a second the receiver hands to Prefect, and how soon it answers.

Load generator, receiver and a Prefect server of its own (SQLite) share this machine. The first
row is the rate that is to be held; the rates then double until one breaks: something wasn't taken
or isn't in Prefect's database, or p99 passes 250 ms. "lag" is by how much the generator's own
sleeps are late (p99): where it is large, the machine is busy with other things, and the
latencies say little about the receiver.

    python benchmarks/webhooks.py
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from uuid import uuid4

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness
from rich.console import Console
from rich.table import Table

SECRET = "whsec_of_the_benchmark"
HELD = (50, 30)  # events a second, seconds
HARDER_SECONDS = 5
HARDEST = 3200  # events a second
P99_SECONDS = 0.25
PERSISTED_SECONDS = 30  # for how long Prefect's database is waited for


@dataclass(frozen=True)
class Row:
    rate: int
    sent: int
    seconds: float
    taken: int
    kept: int
    latencies: list[float]
    lags: list[float]

    @property
    def holds(self) -> bool:
        return (
            self.taken == self.kept == self.sent and percentile(self.latencies, 99) <= P99_SECONDS
        )


def percentile(values: list[float], hundredth: int) -> float:
    return statistics.quantiles(values, n=100)[hundredth - 1]


def webhook(run: str, number: int) -> tuple[bytes, dict[str, str]]:
    """A signed webhook: body and headers."""
    webhook_id, timestamp = f"evt_{run}_{number}", str(int(time.time()))
    links = [{"url": f"https://files.example/{number}.mp4?signature={'x' * 800}"}]
    data = {
        "task_id": f"bench_{run}_{number}",
        "client_business_id": f"pt{number:026d}-1",
        "task_type": "video",
        "model": "sora-2",
        "status": "SUCCESS",
        "result": {"type": "video", "data": links},
    }
    event = {"id": webhook_id, "type": "generation.completed", "data": data}
    body = json.dumps(event | {"created_at": int(timestamp)}).encode()
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    signature = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    return body, {
        "X-ToAPIs-Webhook-Id": webhook_id,
        "X-ToAPIs-Webhook-Timestamp": timestamp,
        "X-ToAPIs-Webhook-Signature": f"v1={signature}",
    }


async def measure(url: str, prefect: PrefectClient, rate: int, seconds: int) -> Row:
    """Send at a fixed rate, whether or not answers come."""
    run, latencies, statuses = uuid4().hex[:8], list[float](), list[int]()
    lags: list[float] = []

    async def send(client: httpx.AsyncClient, number: int, due: float) -> None:
        body, headers = webhook(run, number)
        try:
            response = await client.post(f"{url}/webhook", content=body, headers=headers)
        except httpx.HTTPError:
            statuses.append(0)
        else:
            statuses.append(response.status_code)
        latencies.append(time.perf_counter() - due)  # what the generator is late counts too

    limits = httpx.Limits(max_connections=500, max_keepalive_connections=500)
    async with httpx.AsyncClient(limits=limits, timeout=10, trust_env=False) as client:
        start, sending = time.perf_counter(), list[asyncio.Task[None]]()
        for number in range(rate * seconds):
            due = start + number / rate
            wake = max(due, time.perf_counter())
            await asyncio.sleep(wake - time.perf_counter())
            lags.append(time.perf_counter() - wake)
            sending.append(asyncio.create_task(send(client, number, due)))
        await asyncio.gather(*sending)
        took = time.perf_counter() - start
    kept = await count_kept(prefect, run, statuses.count(204))
    return Row(rate, len(sending), took, statuses.count(204), kept, latencies, lags)


async def count_kept(prefect: PrefectClient, run: str, wanted: int) -> int:
    """How many events of a run Prefect's database has, once it has all that were taken."""
    only = {"resource": {"id_prefix": [f"toapis.generation.bench_{run}_"]}}
    deadline, kept = time.monotonic() + PERSISTED_SECONDS, 0
    while kept < wanted and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        counted = await prefect._client.post("/events/count-by/event", json={"filter": only})  # noqa: SLF001 - the client has no method for it
        kept = sum(one["count"] for one in counted.json())
    return kept


@contextlib.contextmanager
def receiver() -> Iterator[str]:
    """`prefect-toapis webhooks serve` in a process of its own; its URL."""
    environment = os.environ | {
        "PREFECT_API_URL": PREFECT_API_URL.value() or "",
        "TOAPIS_WEBHOOK_SECRET": SECRET,
        "NO_PROXY": "127.0.0.1",
        "COLUMNS": "200",
    }
    command = [sys.executable, "-u", "-m", "prefect_toapis.cli", "webhooks", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = process.stdout.readline()
        try:
            yield said.split(" at ")[1].split("/webhook")[0]
        finally:
            process.terminate()


async def rows(url: str) -> AsyncIterator[Row]:
    """The rate to be held, and harder ones until one breaks."""
    async with get_client() as prefect:
        await measure(url, prefect, 20, 2)  # connections and caches are made
        rate, seconds = HELD
        while rate <= HARDEST:
            row = await measure(url, prefect, rate, seconds)
            yield row
            if not row.holds:
                return
            rate, seconds = rate * 2, HARDER_SECONDS


async def main() -> None:
    """Print the table."""
    table = Table(title="Webhooks through the receiver into Prefect")
    names = (
        "events/s",
        "s",
        "sent",
        "taken",
        "in Prefect",
        "p50 ms",
        "p99 ms",
        "max ms",
        "lag ms",
        "holds",
    )
    for name in names:
        table.add_column(name, justify="right")
    with tempfile.TemporaryDirectory() as home:
        quiet = temporary_settings({PREFECT_HOME: home, PREFECT_SERVER_ANALYTICS_ENABLED: False})
        with quiet, prefect_test_harness(server_startup_timeout=120), receiver() as url:
            async for row in rows(url):
                p50, p99 = (percentile(row.latencies, part) for part in (50, 99))
                spread = (p50, p99, max(row.latencies), percentile(row.lags, 99))
                table.add_row(
                    *(f"{value}" for value in (row.rate, round(row.seconds, 1), row.sent)),
                    *(f"{value}" for value in (row.taken, row.kept)),
                    *(f"{1000 * seconds:.0f}" for seconds in spread),
                    "yes" if row.holds else "no",
                )
    Console().print(table)


if __name__ == "__main__":
    asyncio.run(main())
