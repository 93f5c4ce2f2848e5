"""The tree of errors as drawn, and as it is."""

import importlib
import pkgutil
import re

import prefect_toapis.client
import prefect_toapis.planning
import prefect_toapis.records
import prefect_toapis.reports
from prefect_toapis import errors
from prefect_toapis.client.errors import ToAPIsError, Transient

_LINE = re.compile(r"([│ ]*)([├└]── )?([A-Z]\w+)")


def drawn() -> set[tuple[str, str]]:
    """The edges (parent, child) of the tree in the docstring."""
    drawing = (errors.__doc__ or "").split("```")[1]
    edges: set[tuple[str, str]] = set()
    above: list[str] = []
    for line in drawing.strip().splitlines():
        match = _LINE.match(line)
        if match is None:  # a description goes on
            continue
        depth = len(match[1]) // 4 + bool(match[2])
        above = [*above[:depth], match[3]]
        if depth:
            edges.add((above[depth - 1], match[3]))
    return edges


def real(kind: type[ToAPIsError] = ToAPIsError) -> set[tuple[str, str]]:
    """The edges of the class tree, of this package's own classes."""
    edges: set[tuple[str, str]] = set()
    for below in kind.__subclasses__():
        if below.__module__.startswith("prefect_toapis."):
            edges |= {(kind.__name__, below.__name__)} | real(below)
    return edges


def test_the_tree_in_the_docstring_is_the_class_tree() -> None:
    for package in (
        prefect_toapis.client,
        prefect_toapis.planning,
        prefect_toapis.records,
        prefect_toapis.reports,
    ):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    assert drawn() == real()


def test_the_drawing_says_what_else_a_child_of_two_is() -> None:
    doc = errors.__doc__ or ""
    assert "also a StoreError" in doc
    assert "also Transient" in doc
    assert errors.StoreUnavailable.__bases__ == (errors.StoreError, Transient)
