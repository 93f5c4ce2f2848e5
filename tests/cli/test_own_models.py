"""The page about models, walked through as it is written: from an entry to a stored video."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.provider_clock import ProviderClock

from prefect_toapis import VideoBucket
from prefect_toapis.simulator import Simulator, SimulatorSettings

Run = Callable[..., "subprocess.CompletedProcess[str]"]

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "models.md").read_text(encoding="utf-8")
FILES = re.compile(r"^```yaml title=\"([^\"]+)\"\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPEC, CATALOGUE = "trams.yaml", "own-models.yaml"


@pytest.fixture
def simulator(clock: ProviderClock) -> Iterator[Simulator]:
    """A provider with a model that the package doesn't know."""
    settings = SimulatorSettings(
        api_keys=("test-key",), account_group=None, render_seconds=0.2, offered_models=("wan-9",)
    )
    with Simulator(settings, clock=clock) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The reader's, with the files of the page and a picture."""
    for name, content in FILES.findall(PAGE):
        (tmp_path / name).write_text(content, encoding="utf-8")
    pictures = Path(__file__).parents[2] / "docs" / "img"
    (tmp_path / "tram.png").write_bytes((pictures / "gallery.png").read_bytes())
    return tmp_path


def commands() -> Iterator[list[str]]:
    """What the page types after its export."""
    typed = PAGE.partition(f"$ export TOAPIS_CATALOGUE={CATALOGUE}\n")[2]
    for line in re.findall(r"^\$ prefect-toapis (.*)$", typed, re.MULTILINE):
        yield line.split()


def test_a_model_of_an_own_file_is_shown_planned_and_bought_once(
    call: Run, folder: Path, simulator: Simulator, bucket: VideoBucket
) -> None:
    shown, planned, made = [call(*typed, TOAPIS_CATALOGUE=CATALOGUE) for typed in commands()]
    assert "wan-9 (Wan)" in shown.stdout
    assert "Not resolution=1080p and duration=8: 1080p videos are 5 seconds long." in shown.stdout
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert made.returncode == 0, made.stdout + made.stderr
    assert "1 of 1 shots stored" in made.stdout
    [paid] = simulator.ledger.paid
    assert len(simulator.ledger.submissions) == 1
    assert paid.body["audio"] is False
    assert paid.body["image"].startswith(simulator.media_url)
    assert paid.body["metadata"] == {"resolution": "1080p"}
    assert [key for key in bucket.list_keys("trams/") if key.endswith("/video-1.mp4")]


def test_its_rules_are_checked_before_anything_is_bought(
    call: Run, folder: Path, simulator: Simulator
) -> None:
    spec = folder / SPEC
    spec.write_text(spec.read_text("utf-8").replace("duration: 5", "duration: 8"), encoding="utf-8")
    ended = call("generate", SPEC, TOAPIS_CATALOGUE=CATALOGUE)
    assert ended.returncode != 0
    assert "1080p videos are 5 seconds long" in re.sub(r"\s+", " ", ended.stdout + ended.stderr)
    assert simulator.ledger.submissions == []
