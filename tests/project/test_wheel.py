"""What is built is what stands in the folders."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = tuple(
    path.name for path in sorted((ROOT / "src/prefect_toapis").iterdir()) if path.is_symlink()
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel made from it, as an index would get them."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    return folder


def tracked(*folders: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}


def test_the_wheel_holds_each_file_of_the_folders_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    top = {
        f"prefect_toapis/{name}"
        for name in ("__init__.py", "__init__.pyi", "errors.py", "py.typed")
    }
    assert inside == {f"prefect_toapis/{name}" for name in tracked(*FOLDERS)} | top


def test_the_sdist_holds_what_the_wheel_is_made_of_and_the_tests(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert tracked(*FOLDERS, "tests") <= inside
    assert {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml"} <= inside


def test_each_folder_is_linked_into_the_package_for_editable_installs() -> None:
    links = {
        path.name: path.resolve()
        for path in (ROOT / "src" / "prefect_toapis").iterdir()
        if path.is_symlink()
    }
    assert links == {name: ROOT / name for name in FOLDERS}
