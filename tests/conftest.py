"""Fixtures for every folder of tests."""

from collections.abc import Iterator

import pytest

from prefect_toapis.simulator import Simulator, SimulatorSettings


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A provider of its own for each test, fast and without rate limits."""
    settings = SimulatorSettings(api_keys=("test-key",), account_group=None, render_seconds=0.2)
    with Simulator(settings) as running:
        yield running
