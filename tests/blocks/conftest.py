"""What every test of the blocks stands on."""

import pytest


@pytest.fixture(autouse=True)
def of_nobody(no_aws_settings: None) -> None:
    """The settings of no developer."""
