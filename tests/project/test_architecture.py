"""The architecture: allowed imports between folders, and what only some modules may use."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "prefect_toapis"

# Each may import those before it. The simulator is apart: it knows the client's models alone.
LAYERS = (
    "client",
    "planning",
    "errors",
    "records",
    "reports",
    "blocks",
    "tasks",
    "flows",
    "deployments",
    "receiver",
    "cli",
)
USE_THE_SIMULATOR = {"cli.demo", "cli.simulator"}
WITHOUT_PREFECT = {"client", "planning", "errors", "records", "simulator"}
PRIVATE_TO_PREFECT = re.compile(
    r"\bprefect\._|from prefect\._|\b(?:block|flow|task|state|context)\w*\._[a-z]"
)
TUNES_PYTHON = re.compile(r"setswitchinterval|gc\.(?:set_threshold|freeze)")


def modules() -> Iterator[tuple[str, Path]]:
    """Every module by its name below the package, such as `records.layout`, and its file."""
    for entry in sorted(PACKAGE.iterdir()):
        if not (entry.is_symlink() or entry.name == "errors.py"):
            continue
        target = entry.resolve()
        for file in [target] if target.is_file() else sorted(target.rglob("*.py")):
            name = file.relative_to(target.parent).with_suffix("")
            yield ".".join(part for part in name.parts if part != "__init__"), file


FILES = dict(modules())
TREES = {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in FILES.items()}


def imported(name: str, *, at_start: bool = False) -> Iterator[str]:
    """The modules that a module imports, in the package by their names below it.

    What is imported for type checkers alone is left out.

    Args:
        name: Of the module.
        at_start: Only what is imported when the module is, and not in functions.
    """
    tree = TREES[name]
    for_types = {
        inner
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in tree.body if at_start else ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from _ours(node) if node.module.startswith("prefect_toapis") else [node.module]


def _ours(node: ast.ImportFrom) -> Iterator[str]:
    below = (node.module or "").removeprefix("prefect_toapis").strip(".")
    for alias in node.names:
        inner = f"{below}.{alias.name}".strip(".")
        yield inner if inner in FILES else below


def folder_of(name: str) -> str:
    return name.partition(".")[0]


def test_every_folder_has_its_layer() -> None:
    assert {folder_of(name) for name in FILES} == {*LAYERS, "simulator"}


@pytest.mark.parametrize("name", FILES)
def test_a_module_imports_only_what_is_below_it(name: str) -> None:
    folder = folder_of(name)
    allowed = {"client", "simulator"} if folder == "simulator" else set(LAYERS)
    if folder != "simulator":
        allowed = {*LAYERS[: LAYERS.index(folder) + 1]}
    if name in USE_THE_SIMULATOR:
        allowed |= {"simulator"}
    ours = {other for other in imported(name) if other in FILES}
    assert {other for other in ours if folder_of(other) not in allowed} == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: {*imported(name, at_start=True)} & {*FILES} - {name} for name in FILES}
    while free := {name for name, others in graph.items() if not others & graph.keys()}:
        graph = {name: others for name, others in graph.items() if name not in free}
    assert graph == {}


@pytest.mark.parametrize("name", FILES)
def test_prefect_and_s3_are_imported_by_their_folders_alone(name: str) -> None:
    roots = {other.partition(".")[0] for other in imported(name)}
    if folder_of(name) in WITHOUT_PREFECT:
        assert "prefect" not in roots
    if folder_of(name) != "blocks":
        assert not roots & {"boto3", "botocore"}


@pytest.mark.parametrize("name", FILES)
def test_one_module_alone_reaches_inside_prefect(name: str) -> None:
    if name != "blocks.prefect_internals":
        assert not PRIVATE_TO_PREFECT.search(FILES[name].read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FILES)
def test_one_module_alone_tunes_the_interpreter(name: str) -> None:
    if name != "flows.interpreter_tuning":
        assert not TUNES_PYTHON.search(FILES[name].read_text(encoding="utf-8"))


def test_modules_are_named_like_none_of_the_standard_library() -> None:
    names = {name.rpartition(".")[2] for name in FILES} - {"__main__"}
    assert not names & set(sys.stdlib_module_names)


@pytest.mark.parametrize("name", FILES)
def test_a_module_can_be_read_at_one_sitting(name: str) -> None:
    assert len(FILES[name].read_text(encoding="utf-8").splitlines()) <= 450
