"""How many inputs a fuzzing session tried; `scripts/fuzz` loads it as a plugin of pytest."""

import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

INPUTS: Counter[str] = Counter()
"""By what they were inputs to."""

settings.register_profile(
    "fuzz",
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "1000")),
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Add this session's inputs, and the tests that they made fail, to the file of totals."""
    if path := os.environ.get("FUZZ_TOTALS"):
        file = Path(path)
        totals = Counter(json.loads(file.read_text())) if file.exists() else Counter[str]()
        totals.update(INPUTS)
        totals["failed"] += session.testsfailed
        file.write_text(json.dumps(totals))


def summary(totals: dict[str, int]) -> str:
    """What was tried and found, in a sentence."""
    tried = {what: count for what, count in totals.items() if what != "failed"}
    each = ", ".join(f"{count:,} {what}" for what, count in sorted(tried.items()))
    found = totals.get("failed", 0) or "no"
    return f"{sum(tried.values()):,} inputs ({each}); {found} failing tests"


if __name__ == "__main__":
    print(summary(json.loads(Path(sys.argv[1]).read_text())))  # noqa: T201
