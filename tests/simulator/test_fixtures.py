"""The fixture that the package offers, used as the page about it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.environments import of_a_user, unmeasured

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "testing.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r'^```python title="([^"]+)"\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL))


def run_pytest(folder: Path) -> tuple[int, str]:
    """The tests of a folder, in an environment with nothing of this package's."""
    own = unmeasured(of_a_user())
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env=own | {"HOME": str(folder), "DO_NOT_TRACK": "1", "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_the_files_of_the_page_pass_as_they_are_written(tmp_path: Path) -> None:
    assert set(FILES) == {"adverts.py", "conftest.py", "test_adverts.py"}
    for name, content in FILES.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    code, output = run_pytest(tmp_path)
    assert (code, "3 passed" in output) == (0, True), output


@pytest.mark.parametrize("plugin", [True, False])
def test_a_test_gets_a_provider_of_its_own_by_the_environment_and_only_where_it_asked(
    tmp_path: Path, plugin: bool
) -> None:
    conftest = 'pytest_plugins = ["prefect_toapis.simulator.fixtures"]' if plugin else ""
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_it.py").write_text(
        """
import os, sys
import httpx, pytest
from prefect_toapis.simulator import SimulatorSettings

@pytest.fixture
def toapis_simulator_settings():
    return SimulatorSettings(render_seconds=0, balance_credits=7)

@pytest.mark.parametrize("time", [1, 2])
def test_it(toapis_simulator, time):
    url, key = os.environ["TOAPIS_BASE_URL"], os.environ["TOAPIS_API_KEY"]
    assert (url, key) == (toapis_simulator.url, toapis_simulator.api_key)
    assert toapis_simulator.settings.balance_credits == 7
    reply = httpx.post(
        f"{url}/v1/videos/generations",
        headers={"Authorization": f"Bearer {key}"},
        json={"model": "sora-2", "prompt": "A dog"},
    )
    assert reply.status_code == 402
    assert len(toapis_simulator.ledger.submissions) == 1

def test_after_it():
    assert not {"TOAPIS_BASE_URL", "TOAPIS_API_KEY"} & set(os.environ)
"""
    )
    _, output = run_pytest(tmp_path)
    assert ("3 passed" if plugin else "fixture 'toapis_simulator' not found") in output, output


def test_the_dialect_is_a_fixture_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        'pytest_plugins = ["prefect_toapis.simulator.fixtures"]', encoding="utf-8"
    )
    (tmp_path / "test_it.py").write_text(
        """
import pytest

@pytest.fixture(params=["documented", "gateway"])
def toapis_simulator_dialect(request):
    return request.param

@pytest.fixture
def toapis_simulator_seed():
    return 7

def test_it(toapis_simulator, toapis_simulator_dialect):
    settings = toapis_simulator.settings
    assert (settings.dialect, settings.seed) == (toapis_simulator_dialect, 7)
    assert settings.account_group is None
"""
    )
    code, output = run_pytest(tmp_path)
    assert (code, "2 passed" in output) == (0, True), output
