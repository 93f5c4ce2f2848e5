"""What `import prefect_toapis` adds to `import prefect`."""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from statistics import median

from benchmarks.report import Outcome, Row, at_most

WAYS = {
    "import prefect": "import prefect",
    "from prefect import flow": "from prefect import flow",
    "import prefect_toapis": "import prefect, prefect_toapis",
    "from prefect_toapis import generate_videos": (
        "import prefect; from prefect_toapis import generate_videos"
    ),
}


@dataclass(frozen=True)
class Size:
    """How often each import is made, in a process of its own."""

    rounds: int = 15


FULL = Size()
QUICK = Size(2)


def run(size: Size) -> Outcome:
    """Measure it; the first round compiles, and warms the disk's cache."""
    took: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as compiled:
        for number in range(size.rounds + 1):
            for way, code in WAYS.items():
                seconds = _seconds(code, compiled)
                if number:
                    took[way].append(seconds)
    prefect, flow, bare, flows = (median(took[way]) for way in WAYS)
    rows = [
        at_most("import prefect_toapis, over import prefect", bare - prefect, 0.25, "s"),
        at_most("from prefect_toapis import generate_videos, likewise", flows - prefect, 0.3, "s"),
        Row("from prefect import flow, likewise", flow - prefect, "s"),
        Row("import prefect", prefect, "s"),
    ]
    return Outcome("start", f"median of {size.rounds} processes each, in turn", rows, took)


def _seconds(code: str, compiled: str) -> float:
    timed = f"import time; a = time.perf_counter(); {code}; print(time.perf_counter() - a)"
    environment = os.environ | {"PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
    ran = subprocess.run(
        [sys.executable, "-c", timed], env=environment, capture_output=True, text=True, check=True
    )
    return float(ran.stdout)
