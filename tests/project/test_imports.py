"""Dependencies point one way: cli -> flows -> tasks -> blocks -> batches -> client."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import prefect_toapis
from prefect_toapis.batches import errors as batch_errors
from prefect_toapis.client import errors as client_errors

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "client": set[str](),
    "batches": {"client"},
    "blocks": {"client", "batches"},
    "tasks": {"client", "batches", "blocks"},
    "flows": {"client", "batches", "blocks", "tasks"},
    "receiver": {"client", "batches"},
    "simulator": {"client"},
    "deployments": {"client", "batches", "blocks", "tasks", "flows"},
    "cli": {"client", "batches", "blocks", "tasks", "flows", "deployments", "receiver"},
}
MAY_IMPORT_THE_SIMULATOR = {"cli/demo.py", "cli/simulator.py"}
WITHOUT_PREFECT = ("client", "batches", "simulator")
WITHOUT_S3 = tuple(folder for folder in MAY_IMPORT if folder != "blocks")


def modules() -> list[str]:
    return [
        str(path.relative_to(ROOT))
        for folder in MAY_IMPORT
        for path in sorted((ROOT / folder).glob("*.py"))
    ]


def imported(module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "prefect_toapis":
                yield from (f"prefect_toapis.{name.name}" for name in node.names)


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_what_lies_below_it(module: str) -> None:
    folder = module.partition("/")[0]
    allowed = MAY_IMPORT[folder] | {folder}
    if module in MAY_IMPORT_THE_SIMULATOR:
        allowed |= {"simulator"}
    ours = {name.split(".")[1] for name in imported(module) if name.startswith("prefect_toapis.")}
    assert ours <= allowed


@pytest.mark.parametrize("module", modules())
def test_prefect_and_s3_stay_in_their_rooms(module: str) -> None:
    folder = module.partition("/")[0]
    roots = {name.partition(".")[0] for name in imported(module)}
    if folder in WITHOUT_PREFECT:
        assert "prefect" not in roots
    if folder in WITHOUT_S3:
        assert not roots & {"boto3", "botocore"}


def test_modules_are_named_like_none_of_the_standard_library() -> None:
    names = {Path(module).stem for module in modules()} - {"__init__", "__main__"}
    assert not names & set(sys.stdlib_module_names)


@pytest.mark.parametrize("module", modules())
def test_a_module_is_short_enough_to_be_read_in_one_go(module: str) -> None:
    assert len((ROOT / module).read_text().splitlines()) <= 450


def test_the_public_names_are_imported_from_where_type_checkers_find_them() -> None:
    tree = ast.parse((ROOT / "src/prefect_toapis/__init__.py").read_text())
    seen_by_checkers = {
        name.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prefect_toapis.")
        for name in node.names
    }
    assert sorted(seen_by_checkers) == dir(prefect_toapis)
    for name, module in seen_by_checkers.items():
        assert getattr(prefect_toapis, name) is getattr(import_module(module or ""), name)


def test_every_error_can_be_imported_from_the_package() -> None:
    for module in (client_errors, batch_errors):
        errors = [
            one
            for one in vars(module).values()
            if isinstance(one, type) and issubclass(one, client_errors.ToAPIsError)
        ]
        assert {one.__name__ for one in errors} <= {*dir(prefect_toapis)}


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    misspelt = "generate_video"
    with pytest.raises(AttributeError, match="no attribute 'generate_video'"):
        getattr(prefect_toapis, misspelt)


def test_a_manifest_in_s3_can_be_read_by_who_imports_nothing_else() -> None:
    code = "from prefect_toapis import Manifest; Manifest.load('s3://no-such-bucket-0/b')"
    nowhere = {**os.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}
    keys = {"AWS_ACCESS_KEY_ID": "AKIA0", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-west-1"}
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, env=nowhere | keys, capture_output=True, text=True, check=False)
    assert "StoreUnavailable: Can't read s3://no-such-bucket-0/b/manifest.jsonl" in ran.stderr


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    code = "import sys, prefect_toapis; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"prefect", "boto3", "httpx", "pydantic", "av"} & set(ran.stdout.split())


PRIVATE = re.compile(r"\bprefect\._|from prefect\._|\b(?:block|flow|task|state|context)\w*\._[a-z]")


@pytest.mark.parametrize("module", modules())
def test_private_names_of_prefect_stay_in_one_module(module: str) -> None:
    if module != "blocks/prefect_internals.py":
        assert not PRIVATE.search((ROOT / module).read_text())
