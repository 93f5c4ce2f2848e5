"""Webhook events of a Prefect server reach the accounts that wait in this process."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.events.filters import EventFilter, EventResourceFilter
from prefect.settings import PREFECT_API_URL, temporary_settings

from prefect_toapis.client.webhooks import Ended, Webhook
from prefect_toapis.receiver.app import prefect_event
from prefect_toapis.tasks.webhook_listener import WebhookListener, webhook_listener

SHORT = 0.05  # seconds


class Account:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def notice(self, task_id: str) -> None:
        self.told.append(task_id)


class Relay:
    """Stands before the Prefect server, and can be cut."""

    def __init__(self, port: int) -> None:
        self._behind = port
        self._open: list[socket.socket] = []
        self._is_cut = False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._start(self._accept)

    def cut(self) -> None:
        self._is_cut = True
        for one in self._open:
            _end(one)

    def mend(self) -> None:
        self._is_cut = False

    def close(self) -> None:
        _end(self._listening)
        self.cut()

    def _start(self, work: Callable[..., None], *given: Any) -> None:
        threading.Thread(target=work, args=given, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self._is_cut:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._behind))
            self._open += [client, server]
            self._start(self._copy, client, server)
            self._start(self._copy, server, client)

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while content := source.recv(65536):
                target.sendall(content)
        except OSError:
            pass
        for one in (source, target):
            _end(one)


def _end(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:  # it has ended already
        return


@pytest.fixture
def relay() -> Iterator[Relay]:
    """The server that `webhook_listener` sees, while the tests speak to it directly."""
    url = PREFECT_API_URL.value()
    assert url
    standing = Relay(int(url.removesuffix("/api").rpartition(":")[2]))
    yield standing
    standing.close()


async def until(condition: Callable[[], object]) -> None:
    for _ in range(1500):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it does not become true")


async def listening(relay: Relay, *accounts: Account) -> WebhookListener:
    listener = WebhookListener(first_pause=SHORT)
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{relay.port}/api"}):
        for account in accounts:
            await listener.listen(account)
    await until(lambda: listener.connected)
    return listener


async def tell(task_id: str) -> None:
    """What the receiver does."""
    webhook = Webhook(f"evt_{task_id}", "generation.completed")
    event = prefect_event(webhook, Ended(task_id, "completed"), time.time())
    await post(event.model_dump(mode="json"))


async def post(event: dict[str, Any]) -> None:
    async with get_client() as client:
        await client.request("POST", "/events", json=[event])


async def kept(task_id: str) -> None:
    """Prefect's database has it; until then, who comes to listen isn't told of it."""
    about = EventFilter(resource=EventResourceFilter(id=[f"toapis.generation.{task_id}"]))
    async with get_client() as client:
        for _ in range(300):
            if (await client.read_events(about, limit=1)).events:
                return
            await asyncio.sleep(0.1)
    raise AssertionError("the event is not there")


def a_task() -> str:
    return f"tsk_{uuid4().hex}"


async def test_every_account_is_told_by_one_subscription(relay: Relay) -> None:
    first, second, task = Account(), Account(), a_task()
    listener = await listening(relay, first, second)
    assert not listener.has_ended(task)
    await tell(task)
    await until(lambda: task in first.told and task in second.told)
    assert first.told.count(task) == second.told.count(task) == 1
    assert listener.has_ended(task)  # for who comes to wait for it only now


async def test_after_a_loss_it_hears_again_and_what_prefect_keeps_of_meanwhile(
    relay: Relay,
) -> None:
    account, before, meanwhile, after = Account(), a_task(), a_task(), a_task()
    listener = await listening(relay, account)
    await tell(before)
    await until(lambda: before in account.told)
    relay.cut()
    await until(lambda: not listener.connected)
    await tell(meanwhile)
    await kept(meanwhile)
    relay.mend()
    await until(lambda: listener.connected)
    await tell(after)
    await until(lambda: after in account.told)
    await until(lambda: meanwhile in account.told)


async def test_a_server_that_is_away_at_first_is_heard_when_it_comes(relay: Relay) -> None:
    account, task = Account(), a_task()
    relay.cut()
    waiting = asyncio.ensure_future(listening(relay, account))
    await asyncio.sleep(3 * SHORT)
    assert not waiting.done()
    relay.mend()
    listener = await waiting
    assert listener.connected
    await tell(task)
    await until(lambda: task in account.told)


async def test_an_event_of_no_generation_harms_nothing(relay: Relay) -> None:
    account, task = Account(), a_task()
    await listening(relay, account)
    odd = {
        "event": "toapis.generation.completed",
        "resource": {"prefect.resource.id": "somebody.else"},
        "occurred": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "payload": {"task_id": [1]},
        "id": str(uuid4()),
    }
    await post(odd)
    await tell(task)
    await until(lambda: task in account.told)
    assert all(isinstance(one, str) for one in account.told)


def test_there_is_one_for_each_server_and_none_where_no_server_is_named() -> None:
    ours = webhook_listener()
    assert ours
    assert webhook_listener() is ours
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert webhook_listener() is not ours
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert webhook_listener() is None
