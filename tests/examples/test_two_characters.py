"""The example with two clips, run as it stands."""

import importlib.util
from pathlib import Path
from types import ModuleType

from prefect_toapis import RunSettings, Scene, ToAPIsCredentials, VideoBucket
from prefect_toapis.simulator import Simulator

EXAMPLE = Path(__file__).parents[2] / "examples" / "two_characters.py"
CLIP = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("two_characters", EXAMPLE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def counts(simulator: Simulator) -> tuple[int, int, int]:
    kinds = [one.kind for one in simulator.ledger.paid]
    return kinds.count("character"), kinds.count("video"), len(simulator.ledger.uploads)


def test_two_clips_are_two_characters_and_twelve_videos_whatever_everything_is_called(
    prefect_server: None,
    simulator: Simulator,
    credentials: ToAPIsCredentials,
    bucket: VideoBucket,
    quick: RunSettings,
    tmp_path: Path,
) -> None:
    example = loaded()
    told = {"credentials": credentials, "bucket": bucket, "settings": quick}
    turbo, baron = tmp_path / "turbo.mp4", tmp_path / "baron.mp4"
    turbo.write_bytes(CLIP + b"turbo")
    baron.write_bytes(CLIP + b"baron")

    manifest = example.two_characters(str(turbo), str(baron), **told)
    assert manifest.shots("stored") == manifest.shots() == 12
    assert counts(simulator) == (2, 12, 2)
    both = {row.prompt.count("@") for row in manifest.rows if row.cast == "both"}
    assert both == {2}

    scenes = [
        Scene(name=f"now called {number}", prompt=one.prompt)
        for number, one in enumerate(example.SCENES)
    ]
    elsewhere = [turbo.rename(tmp_path / "cat.bin.mp4"), baron.rename(tmp_path / "dog.mov")]
    again = example.two_characters(*map(str, elsewhere), scenes, **told)
    assert again.shots("stored") == again.shots() == 12
    assert {row.scene for row in again.rows} == {"now called 0", "now called 1"}
    assert counts(simulator) == (2, 12, 2)
