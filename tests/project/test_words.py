"""The project speaks of itself alone, and a stranger can install it anywhere."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_pin_names_an_index_or_the_address_of_a_file() -> None:
    pins = (ROOT / "requirements-dev.txt").read_text()
    assert not re.search(r"https?://|--index|--find-links| @ ", pins)


def test_the_version_of_the_changelog_is_the_version_of_the_package() -> None:
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert f"## [{version[1]}]" in (ROOT / "CHANGELOG.md").read_text()


def test_every_script_of_the_readme_exists_and_can_be_run() -> None:
    readme = (ROOT / "README.md").read_text()
    scripts = set(re.findall(r"scripts/\w+", readme))
    assert {"scripts/demo", "scripts/test"} <= scripts
    for script in scripts:
        subprocess.run(["test", "-x", str(ROOT / script)], check=True)
