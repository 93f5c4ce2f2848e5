"""The public names: all are there, none is heavy before it is used."""

import ast
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import prefect_toapis
from prefect_toapis import errors as batch_errors
from prefect_toapis.client import errors as client_errors

ROOT = Path(__file__).parents[2]


def test_each_public_name_of_the_stub_can_be_imported() -> None:
    tree = ast.parse((ROOT / "src/prefect_toapis/__init__.pyi").read_text())
    named = {
        name.name: f"prefect_toapis.{node.module}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert sorted(named) == sorted(dir(prefect_toapis))
    for name, module in named.items():
        assert getattr(prefect_toapis, name) is getattr(import_module(module), name)


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
