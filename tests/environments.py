"""The environments of processes that tests start."""

import os
from collections.abc import Mapping

_SET_UP = ("PREFECT_", "AWS_", "TOAPIS_", "PYTEST_")
COVERAGE = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")  # what has it measure a process


def of_a_user() -> dict[str, str]:
    """Nothing of what a developer has set up for Prefect, AWS or this package."""
    return {name: text for name, text in os.environ.items() if not name.startswith(_SET_UP)}


def unmeasured(environment: Mapping[str, str]) -> dict[str, str]:
    """Its coverage isn't taken: a process imports Prefect first, and that takes half as long again.

    For processes that run the same code as tests of this process, or Prefect's.
    """
    return {name: text for name, text in environment.items() if name not in COVERAGE}
