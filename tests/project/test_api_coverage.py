"""The page that says what of the API is covered tells the truth."""

import ast
import re
from pathlib import Path

import pytest

from prefect_toapis.client import errors
from prefect_toapis.client.requests import CharacterRequest, RemixRequest, VideoRequest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "api-coverage.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| what |")
]
COVERED = [row for row in ROWS if row[2] != "not used yet"]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_row_has_four_cells_and_a_test_or_says_that_it_is_not_used() -> None:
    assert len(COVERED) > 60
    for row in ROWS:
        assert len(row) == 4, row
        assert (row[2] == "not used yet") == (row[3] == "-"), row


@pytest.mark.parametrize("row", COVERED, ids=lambda row: row[0])
def test_a_row_names_code_and_a_test_that_exist(row: list[str]) -> None:
    file, symbol = quoted(row[2])
    assert re.search(rf"(?<!\w){re.escape(symbol)}(?!\w)", (ROOT / file).read_text("utf-8"))
    (node,) = quoted(row[3])
    path, _, name = node.partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert name in {one.name for one in ast.walk(tree) if isinstance(one, functions)}


def test_every_field_that_is_sent_is_on_the_page() -> None:
    models = (VideoRequest, CharacterRequest, RemixRequest)
    fields = {name for model in models for name in model.model_fields}
    missing = {name for name in fields if not re.search(rf"\b{name}\b", PAGE)}
    assert not missing


def test_every_error_of_the_api_is_on_the_page() -> None:
    kinds = {one.__name__ for one in errors.APIError.__subclasses__()}
    assert not {name for name in kinds if f"`{name}`" not in PAGE}
