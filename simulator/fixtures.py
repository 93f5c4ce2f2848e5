"""The simulator as a pytest fixture, for the tests of your own flows.

Name the module in your conftest.py; it needs pytest, and the package's extra `demo`. It is no
plugin that pytest finds by itself, because then it would be imported into every test run.

Example:
    ```python
    pytest_plugins = ["prefect_toapis.simulator.fixtures"]
    ```
"""

from collections.abc import Iterator

import pytest

from prefect_toapis.simulator.dialects import Dialect
from prefect_toapis.simulator.server import Simulator
from prefect_toapis.simulator.settings import SimulatorSettings


@pytest.fixture
def toapis_simulator_dialect() -> Dialect:
    """How `toapis_simulator` words its replies: as documented. Override or parametrize it.

    Example:
        ```python
        @pytest.fixture(params=["documented", "gateway", "random"])
        def toapis_simulator_dialect(request):
            return request.param
        ```
    """
    return "documented"


@pytest.fixture
def toapis_simulator_seed() -> int:
    """Of what `toapis_simulator` draws, a random dialect for one: 0. Override it for another."""
    return 0


@pytest.fixture
def toapis_simulator_settings(
    toapis_simulator_dialect: Dialect, toapis_simulator_seed: int
) -> SimulatorSettings:
    """How `toapis_simulator` behaves: fast, and without rate limits. Override it for another one.

    Example:
        ```python
        @pytest.fixture
        def toapis_simulator_settings():
            return SimulatorSettings(render_seconds=0.2, balance_credits=50)
        ```
    """
    return SimulatorSettings(
        account_group=None,
        render_seconds=0.2,
        dialect=toapis_simulator_dialect,
        seed=toapis_simulator_seed,
    )


@pytest.fixture
def toapis_simulator(
    toapis_simulator_settings: SimulatorSettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Simulator]:
    """The ToAPIs video API on localhost, a new one for each test.

    `TOAPIS_API_KEY` and `TOAPIS_BASE_URL` lead to it, so that a flow finds it where it is given no
    credentials and no block named "default" is saved.

    Example:
        ```python
        def test_each_product_is_bought_once(toapis_simulator):
            adverts(["teapot", "lamp"])
            assert len(toapis_simulator.ledger.paid) == 2
        ```
    """
    with Simulator(toapis_simulator_settings) as running:
        monkeypatch.setenv("TOAPIS_API_KEY", running.api_key)
        monkeypatch.setenv("TOAPIS_BASE_URL", running.url)
        yield running
