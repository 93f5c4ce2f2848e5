"""What the tests of batches share: one purchase, as many buyers as a test likes."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any, Literal

import pytest
from pydantic import SecretStr

from prefect_toapis.client.account import Account, account
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.errors import StoreUnavailable
from prefect_toapis.planning.plan import Shot, single_shot
from prefect_toapis.planning.settings import PurchaseSettings, RetrySettings, RunSettings
from prefect_toapis.records.attempts import Submissions
from prefect_toapis.records.layout import attempt_key, record_folder
from prefect_toapis.records.purchases import Buyer
from prefect_toapis.records.store import Entry
from prefect_toapis.simulator import Simulator

SENT = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
PAST_WINDOW = timedelta(seconds=121)
LONG_WINDOW = 3  # seconds: more than a busy machine needs, with four look-ups a second


@pytest.fixture(autouse=True)
def no_proxy_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer has set up must not decide a test."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@dataclass
class MemoryStore:
    """A store over a dict.

    Args:
        conditional: False: it ignores the condition of `create`, as some stores do.
        broken: Which operations on which keys it can't do now.
    """

    contents: dict[str, bytes] = field(default_factory=dict)
    types: set[str] = field(default_factory=set)
    conditional: bool = True
    broken: Callable[[str, str], bool] = lambda _operation, _key: False
    modified: dict[str, datetime] = field(default_factory=dict)

    def uri(self, key: str = "") -> str:
        return f"s3://videos/{key}"

    async def read(self, key: str) -> bytes | None:
        await self._enter("read", key)
        return self.contents.get(key)

    async def write(self, key: str, content: bytes, content_type: str) -> None:
        await self._enter("write", key)
        self._put(key, content, content_type)

    async def create(self, key: str, content: bytes, content_type: str) -> bool:
        await self._enter("create", key)
        if self.conditional and key in self.contents:
            return False
        self._put(key, content, content_type)
        return True

    async def list_keys(self, prefix: str) -> list[str]:
        await self._enter("list", prefix)
        return [key for key in self.contents if key.startswith(prefix)]

    async def list_entries(self, prefix: str) -> dict[str, Entry]:
        return {
            key: Entry(len(self.contents[key]), self.modified.get(key, SENT))
            for key in await self.list_keys(prefix)
        }

    async def list_folders(self, prefix: str) -> list[str]:
        below = [key[len(prefix) :] for key in await self.list_keys(prefix)]
        return list({key.partition("/")[0]: None for key in below if "/" in key})

    def _put(self, key: str, content: bytes, content_type: str) -> None:
        self.contents[key] = content
        self.types.add(content_type)

    async def _enter(self, operation: str, key: str) -> None:
        await asyncio.sleep(0)  # others get their turn here, as with a real one
        if self.broken(operation, key):
            raise StoreUnavailable("the store is out of order")


def settings_of(
    failed_shots: Literal["transient", "all", "none"] = "transient", **purchases: Any
) -> RunSettings:
    return RunSettings(
        retries=RetrySettings(failed_shots=failed_shots), purchases=PurchaseSettings(**purchases)
    )


@dataclass
class Purchase:
    """One provider, one store and one shot; as many buyers as a test likes."""

    simulator: Simulator
    api: Account
    store: MemoryStore = field(default_factory=MemoryStore)
    shot: Shot = field(
        default_factory=lambda: single_shot(VideoRequest(prompt="A dog"), "s3://videos")
    )

    def asking(self, prompt: str) -> "Purchase":
        self.shot = single_shot(VideoRequest(prompt=prompt), "s3://videos")
        return self

    def buyer(
        self,
        tick: timedelta = timedelta(0),
        run: str = "run-1",
        api: Submissions | None = None,
        **how: Any,
    ) -> Buyer:
        """A buyer whose clock goes on by a tick each time it is looked at."""
        ticks = count()
        return Buyer(
            api or self.api,
            self.store,
            settings_of(**how),
            run=run,
            now=lambda: SENT + next(ticks) * tick,
        )

    def later_buyer(self, **how: Any) -> Buyer:
        """A buyer whose clock is past every look-up window."""
        settings = settings_of(**{"lookup_window_seconds": 0.5, **how})
        return Buyer(self.api, self.store, settings, now=lambda: SENT + PAST_WINDOW)

    def waiting_buyer(self, run: str = "run-1", **how: Any) -> Buyer:
        """A buyer with a real clock, and looks up often."""
        settings = settings_of(lookup_window_seconds=LONG_WINDOW, **how)
        return Buyer(self.api, self.store, settings, run=run)

    def record(self, attempt: int = 1) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.store.contents[self.key(attempt)])
        return found

    def leave(self, state: str, **known: Any) -> None:
        """A record as another run has left it."""
        left = {
            "shot_id": self.shot.shot_id,
            "attempt": 1,
            "business_id": self.business_id,
            "state": state,
            "request": {"model": "sora-2", "prompt": self.shot.request.prompt},
            "sent_at": SENT.isoformat(),
        }
        self.store.contents[self.key()] = json.dumps(left | known).encode()

    def key(self, attempt: int = 1) -> str:
        return attempt_key(record_folder(self.shot.batch, self.shot.shot_id), attempt)

    @property
    def business_id(self) -> str:
        return self.shot.business_id(1)

    @property
    def sent(self) -> int:
        return len(self.simulator.ledger.submissions)

    @property
    def paid(self) -> list[str | None]:
        return [submission.business_id for submission in self.simulator.ledger.paid]


@pytest.fixture
def purchase(simulator: Simulator) -> Iterator[Purchase]:
    retry = RetryPolicy(budget=0.2, first=0.01)
    with account(SecretStr(simulator.api_key), simulator.url, retry=retry) as api:
        yield Purchase(simulator, api)
