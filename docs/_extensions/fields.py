"""Has the reference show a pydantic model with its fields: types, defaults and descriptions.

griffe reads the source without running it, and knows nothing of `Field`. This gives each model the
`__init__` that pydantic would, and lists under `Args:` what the fields say of themselves.
"""

import ast
from typing import Any

from griffe import (
    Attribute,
    Class,
    Docstring,
    Expr,
    ExprCall,
    ExprKeyword,
    Extension,
    Function,
    Module,
    Parameter,
    ParameterKind,
    Parameters,
)

MODELS = ("BaseModel", "Block", "CredentialsBlock")


class Fields(Extension):
    """Called by griffe once the whole package is read."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Look at each class of the package."""
        for module in _modules(pkg):
            for cls in module.classes.values():
                if not cls.is_alias and _is_model(cls):
                    _describe(cls)


def _modules(module: Module) -> list[Module]:
    return [module, *(one for child in module.modules.values() for one in _modules(child))]


def _is_model(cls: Class) -> bool:
    return any(str(base) in MODELS for one in [cls, *cls.mro()] for base in one.bases)


def _describe(cls: Class) -> None:
    found: dict[str, Attribute] = {}
    for one in [*reversed(cls.mro()), cls]:
        found |= {name: field for name, field in one.attributes.items() if _is_field(name, field)}
    init = Function("__init__", parameters=Parameters(*map(_parameter, found.values())))
    cls.set_member("__init__", init)
    texts = {name: text for name, field in found.items() if (text := _description(field))}
    if cls.docstring:
        cls.docstring.value = _with_args(cls.docstring, texts)


def _is_field(name: str, member: Attribute) -> bool:
    annotated = member.annotation is not None and not str(member.annotation).startswith("ClassVar")
    return annotated and "property" not in member.labels and not name.startswith("_")


def _parameter(field: Attribute) -> Parameter:
    return Parameter(
        field.name,
        annotation=field.annotation,
        kind=ParameterKind.keyword_only,
        default=_default(field.value),
    )


def _default(value: str | Expr | None) -> str | Expr | None:
    if not _is_call_of_field(value):
        return value
    factory = _keyword(value, "default_factory")
    return f"{factory}()" if factory else _keyword(value, "default")


def _description(field: Attribute) -> str | None:
    text = _keyword(field.value, "description") if _is_call_of_field(field.value) else None
    return str(ast.literal_eval(str(text))) if text else None


def _is_call_of_field(value: str | Expr | None) -> bool:
    return isinstance(value, ExprCall) and str(value.function) == "Field"


def _keyword(call: Any, name: str) -> str | Expr | None:
    given = [one for one in call.arguments if isinstance(one, ExprKeyword) and one.name == name]
    return given[0].value if given else None


def _with_args(docstring: Docstring, texts: dict[str, str]) -> str:
    """A docstring with a line under `Args:` for each field that it says nothing of."""
    before, args, after = docstring.value.partition("Args:\n")
    if not args:
        before, example, rest = docstring.value.partition("Example:\n")
        before, after = f"{before.rstrip()}\n\n", f"\n{example}{rest}" if example else ""
    told = {line.strip().partition(":")[0] for line in after.splitlines()}
    lines = [f"    {name}: {text}\n" for name, text in texts.items() if name not in told]
    return f"{before}Args:\n{''.join(lines)}{after}" if args or lines else docstring.value
