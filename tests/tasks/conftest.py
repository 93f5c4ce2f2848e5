"""What every test of the tasks stands on."""

import pytest


@pytest.fixture(autouse=True)
def at_a_server(prefect_server: None, no_aws_settings: None) -> None:
    """A real Prefect server, and the settings of no developer."""
