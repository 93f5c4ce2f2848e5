"""The cells of columns that are fields of a model, as a CSV file writes them."""

from typing import Any

import pytest

from prefect_toapis.planning.table_cells import cell_value, field_of

ROLES = '[{"url": "https://m.example/a.png", "role": "first_frame"}]'
CELLS: list[tuple[str, str, Any]] = [
    ("Negative_Prompt", "blur, rain", "blur, rain"),
    ("reference_images", "a.png | b.png", ["a.png", "b.png"]),
    ("audio", "true", True),
    ("Audio", "Yes", True),
    ("audio", "no", False),
    ("image_with_roles", ROLES, [{"url": "https://m.example/a.png", "role": "first_frame"}]),
]


@pytest.mark.parametrize(("column", "text", "value"), CELLS)
def test_a_cell_has_the_type_of_its_field(column: str, text: str, value: Any) -> None:
    assert cell_value(field_of(column), text) == value


@pytest.mark.parametrize("cell", ["[" * 100_000, '[{"url": ' * 5_000, "[1,", "{"])
def test_a_cell_that_is_no_json_or_too_deep_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        cell_value("image_with_roles", cell)
