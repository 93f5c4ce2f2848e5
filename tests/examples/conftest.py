"""What every test of the examples stands on."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from prefect_toapis import RunSettings, ToAPIsCredentials, VideoBucket

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def of_nobody(no_aws_settings: None) -> None:
    """The settings of no developer."""


@pytest.fixture
def account(
    prefect_server: None, credentials: ToAPIsCredentials, bucket: VideoBucket, quick: RunSettings
) -> dict[str, Any]:
    """What the flows of the examples are told."""
    return {"credentials": credentials, "bucket": bucket, "settings": quick}


@pytest.fixture
def example() -> Callable[[str], ModuleType]:
    """Loads an example as it stands."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load
