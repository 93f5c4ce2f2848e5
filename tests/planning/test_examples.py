"""The examples in the docstrings of client, planning, records and reports are true."""

import doctest
import importlib
import pkgutil

import pytest

import prefect_toapis.client
import prefect_toapis.planning
import prefect_toapis.records
import prefect_toapis.reports

MODULES = [
    module.name
    for package in (
        prefect_toapis.client,
        prefect_toapis.planning,
        prefect_toapis.records,
        prefect_toapis.reports,
    )
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_right(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples_to_try() -> None:
    tried = [doctest.testmod(importlib.import_module(name)).attempted for name in MODULES]
    assert sum(tried) > 20
