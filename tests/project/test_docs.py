"""What the pages of the documentation name, exists."""

import ast
import importlib
import re
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from prefect_toapis.cli import app
from prefect_toapis.planning.spec import BatchSpec
from prefect_toapis.planning.spec_files import open_spec
from prefect_toapis.planning.spec_tables import Table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {str(path.relative_to(DOCS)): path.read_text("utf-8") for path in DOCS.rglob("*.md")}
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)

page = pytest.mark.parametrize("page", sorted(PAGES))


def blocks(name: str, language: str) -> list[str]:
    return [content for kind, _, content in FENCE.findall(PAGES[name]) if kind == language]


def prose_and_commands(name: str) -> str:
    """A page without what it is made to hold in other languages than English and shell."""
    kept = ("console", "text")
    return FENCE.sub(lambda found: found[3] if found[1] in kept else "", PAGES[name])


class Config(yaml.SafeLoader):
    """mkdocs.yml, whose tags name functions of its plugins."""


Config.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)


def in_nav(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for child in entry.values() if isinstance(entry, dict) else entry:
            yield from in_nav(child)


def test_every_page_is_in_the_nav_and_the_nav_names_pages_alone() -> None:
    config = yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), Config)
    assert sorted(in_nav(config["nav"])) == sorted(PAGES)


@page
def test_every_command_of_the_package_that_is_named_exists(page: str) -> None:
    named = set(re.findall(r"(?:\$ |`)prefect-toapis (\w[\w-]*)", PAGES[page]))
    assert named <= {*app}


@page
def test_every_option_of_a_command_is_one_that_its_help_tells(page: str) -> None:
    for command, rest in re.findall(r"^\$ prefect-toapis (\w+)(.*)$", PAGES[page], re.MULTILINE):
        _, called, _ = app.parse_commands([command, *rest.split()])
        arguments = called[-1].assemble_argument_collection()
        known = {name for argument in arguments for name in argument.names}
        assert set(re.findall(r"--[\w-]+", rest)) <= known, (command, rest)


@page
def test_every_file_of_the_checkout_that_is_named_exists(page: str) -> None:
    folders = (
        "scripts|examples|benchmarks|tests|client|planning|records|reports|blocks|tasks|flows"
        "|deployments|cli|receiver|simulator"
    )
    named = re.findall(rf"(?<![\w/.])((?:{folders})/[\w./-]*\w)", prose_and_commands(page))
    assert not [file for file in named if not (ROOT / file).exists()]


@page
def test_python_compiles_and_imports_only_what_exists(page: str) -> None:
    own = {title.removesuffix(".py") for _, title, _ in FENCE.findall(PAGES[page]) if title}
    for code in blocks(page, "python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module not in own:
                module = importlib.import_module(node.module)
                assert not [one.name for one in node.names if not hasattr(module, one.name)]
            if isinstance(node, ast.Import):
                for one in node.names:
                    importlib.import_module(one.name)


@page
def test_python_passes_only_parameters_that_exist(page: str) -> None:
    public = vars(importlib.import_module("prefect_toapis"))
    for code in blocks(page, "python"):
        for node in ast.walk(ast.parse(code)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            called = public.get(node.func.id)
            if called is None:
                continue
            fields = getattr(called, "model_fields", None) or called.parameters.properties
            assert {one.arg for one in node.keywords} <= set(fields), ast.unparse(node)


@page
def test_yaml_of_a_batch_has_only_fields_that_exist(page: str) -> None:
    for text in blocks(page, "yaml"):
        content = yaml.safe_load(text)
        if isinstance(content, dict) and set(content) & set(BatchSpec.model_fields):
            spec = open_spec(text.encode(), "spec.yaml")
            spec = spec.with_scenes(Table("prompts.csv")) if spec.table_path else spec
            assert spec.batch()[1] == []


@page
def test_settings_that_are_named_exist(page: str) -> None:
    for name in re.findall(r"(?<![\w.])settings(?:\.\w+)+", PAGES[page]):
        default_of(name)
    # `settings.polling.interval_seconds` (10): the number is the default
    for name, number in re.findall(r"`([\w.]+)` \(([\d,]+)\)", PAGES[page]):
        assert default_of(name) == float(number.replace(",", "")), name


def default_of(path: str) -> Any:
    return reduce(getattr, path.split("."), BatchSpec())
