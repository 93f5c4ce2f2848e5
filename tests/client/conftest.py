"""What the tests of the client share."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from prefect_toapis.client.retrying import RetryPolicy
from prefect_toapis.client.transport import ToAPIsClient
from prefect_toapis.simulator import Simulator


@pytest.fixture(autouse=True)
def no_proxy_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer has set up must not decide a test."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[ToAPIsClient]:
    """A client of the simulator that tries again soon, and for long."""
    retry = RetryPolicy(budget=20, first=0.01, longest=0.05)
    async with ToAPIsClient(SecretStr(simulator.api_key), simulator.url, retry=retry) as client:
        yield client


@pytest.fixture
async def hasty(simulator: Simulator) -> AsyncIterator[ToAPIsClient]:
    """A client of the simulator that soon gives up."""
    retry = RetryPolicy(budget=0.05, first=0.01)
    async with ToAPIsClient(SecretStr(simulator.api_key), simulator.url, retry=retry) as client:
        yield client
