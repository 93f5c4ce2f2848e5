"""A plain HTTP client of the simulator: these tests use none of ours."""

from collections.abc import Iterator

import httpx
import pytest

from prefect_toapis.simulator import Simulator, SimulatorSettings


@pytest.fixture
def api(simulator: Simulator) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {simulator.api_key}"}
    with httpx.Client(base_url=simulator.url, headers=headers) as client:
        yield client


@pytest.fixture(scope="module")
def instant() -> Iterator[Simulator]:
    """Completes a generation at once, and keeps its clips for all the tests of a module."""
    settings = SimulatorSettings(api_keys=("test-key",), account_group=None, render_seconds=0)
    with Simulator(settings) as running:
        yield running


@pytest.fixture
def settings() -> SimulatorSettings:
    """Of `swift`; a test gives others by parametrizing them."""
    return SimulatorSettings(account_group=None, render_seconds=0)


@pytest.fixture
def swift(settings: SimulatorSettings) -> Iterator[Simulator]:
    """Of its own for each test, and done with a generation at once."""
    with Simulator(settings) as running:
        yield running


@pytest.fixture
def swift_api(swift: Simulator) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {swift.api_key}"}
    with httpx.Client(base_url=swift.url, headers=headers) as client:
        yield client
