"""The examples in the docstrings of the client are true."""

import doctest
import importlib
import pkgutil

import pytest

import prefect_toapis.client

MODULES = [
    module.name
    for module in pkgutil.iter_modules(prefect_toapis.client.__path__, "prefect_toapis.client.")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
