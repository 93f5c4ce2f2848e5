"""Adjustments of a model's JSON schema for forms that are drawn from it."""

from collections.abc import Callable
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

_NULL = {"type": "null"}


def form(*first: str) -> Callable[[dict[str, Any]], None]:
    """The `json_schema_extra` of a model that is shown as a form.

    An optional field is shown as an input, not as a choice between "int" and "None"; if left
    empty, it isn't sent.

    Args:
        first: The fields at the top; the others follow in the order of their declaration.

    Example:
        ```python
        class Scene(BaseModel):
            model_config = ConfigDict(json_schema_extra=form("prompt"))
        ```
    """

    def draw(schema: dict[str, Any]) -> None:
        fields = schema.get("properties", {})
        order = [*first, *(name for name in fields if name not in first)]
        for name, field in fields.items():
            field["position"] = order.index(name)
            option = _only_option(field)
            if option is None:
                continue
            if "type" in option and "enum" not in option:
                del field["anyOf"], field["default"]  # a null is accepted without the default
                field.update(option)
            else:
                _name_choices(field, option)

    return draw


class OrEmpty:
    """Labels the choices of an optional parameter in a form, in place of "str" and "None".

    Example:
        ```python
        def reconcile(batch: Annotated[str | None, OrEmpty()] = None): ...
        ```
    """

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        drawn = handler(schema)
        if option := _only_option(drawn):
            _name_choices(drawn, option)
        return drawn


def _only_option(field: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of an optional field's value other than null."""
    options = [option for option in field.get("anyOf", []) if option != _NULL]
    return options[0] if len(options) == 1 and _NULL in field["anyOf"] else None


def _name_choices(field: dict[str, Any], option: dict[str, Any]) -> None:
    what = "Choose" if "enum" in option or "$ref" in option else "Enter"
    field["anyOf"] = [{"title": what, **option}, {"title": "Empty", **_NULL}]
