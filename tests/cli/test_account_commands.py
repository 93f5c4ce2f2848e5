"""`prefect-toapis balance`."""

import subprocess
from collections.abc import Callable

import pytest

from prefect_toapis.simulator import Simulator, SimulatorSettings

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_what_the_account_has_left_is_shown(run: Run) -> None:
    settings = SimulatorSettings(api_keys=("rich-key",), balance_credits=2000)
    with Simulator(settings) as simulator:
        ended = run("balance", TOAPIS_BASE_URL=simulator.url, TOAPIS_API_KEY="rich-key")
    assert ended.returncode == 0, ended.stderr
    assert "2,000 credits left ($10.00)" in ended.stdout
    assert "0 credits used" in ended.stdout


def test_an_unlimited_account_is_said_to_be(call: Run) -> None:
    assert "unlimited" in call("balance").stdout


@pytest.mark.parametrize("key", ["wrong-key", ""])
def test_a_key_that_is_none_is_said_without_a_traceback(call: Run, key: str) -> None:
    ended = call("balance", TOAPIS_API_KEY=key)
    assert ended.returncode == 1
    assert "key" in ended.stdout.lower()
    assert "Traceback" not in ended.stdout + ended.stderr
