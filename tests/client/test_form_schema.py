"""How the models that people fill in are drawn by the Prefect UI."""

from typing import Annotated, Any, Literal

import pytest
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import validate
from pydantic import BaseModel, ConfigDict, Field

from prefect_toapis.client.form_schema import OrEmpty, form

NULL = {"title": "Empty", "type": "null"}


class Drink(BaseModel):
    """Something to drink."""

    model_config = ConfigDict(json_schema_extra=form("name"))

    size: int | None = Field(default=None, ge=1)
    name: str
    ice: bool = False
    kind: Literal["hot", "cold"] | None = None
    notes: list[str] | None = None


def serve(drinks: list[Drink], table: Annotated[str | None, OrEmpty()] = None) -> None: ...


def drawn() -> dict[str, Any]:
    return Drink.model_json_schema()["properties"]  # type: ignore[no-any-return]


def test_the_fields_that_matter_most_come_first() -> None:
    fields = drawn()
    assert sorted(fields, key=lambda name: fields[name]["position"]) == [
        "name",
        "size",
        "ice",
        "kind",
        "notes",
    ]


def test_an_optional_field_is_an_input_and_no_switch() -> None:
    size = drawn()["size"]
    assert (size["type"], size["minimum"]) == ("integer", 1)
    assert not {"anyOf", "default"} & size.keys()


def test_a_field_with_choices_keeps_its_switch_with_names() -> None:
    assert drawn()["kind"]["anyOf"] == [
        {"title": "Choose", "enum": ["hot", "cold"], "type": "string"},
        NULL,
    ]


def test_an_optional_parameter_of_a_flow_has_choices_with_names() -> None:
    table = parameter_schema(serve).properties["table"]
    assert table["anyOf"] == [{"title": "Enter", "type": "string"}, NULL]
    assert table["default"] is None


@pytest.mark.parametrize(
    ("drink", "fault"),
    [
        ({"name": "tea"}, ""),
        ({"name": "tea", "size": None, "kind": None, "notes": None}, ""),
        ({"name": "tea", "size": 2, "kind": "hot", "notes": ["milk"]}, ""),
        ({"name": "tea", "size": "large"}, "'large' is not of type"),
        ({"name": "tea", "kind": "warm"}, "'warm'"),
        ({"size": 2}, "'name' is a required property"),
    ],
)
def test_prefects_server_takes_what_the_model_takes(drink: dict[str, Any], fault: str) -> None:
    schema = parameter_schema(serve).model_dump_for_openapi()
    errors = validate({"drinks": [drink], "table": None}, schema, preprocess=True)
    said = " ".join(f"{e.message} {[c.message for c in e.context or ()]}" for e in errors)
    assert (fault in said) if fault else not errors, said
