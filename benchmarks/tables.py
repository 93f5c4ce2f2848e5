"""The kept results as the tables of docs/performance.md: `python -m benchmarks.tables`."""

import json
from collections.abc import Iterator
from typing import Any

from benchmarks.report import RESULTS, Row


def table(kept: dict[str, Any]) -> Iterator[str]:
    """One benchmark's, with what it was done on above."""
    machine = ", ".join(f"{name} {value}" for name, value in kept["machine"].items())
    yield f"{kept['size']}; {kept['at'][:10]}; {machine}"
    yield "| | target | measured | met |"
    yield "|---|---|---|---|"
    for row in kept["rows"]:
        del row["holds"]  # it follows from the rest
        yield f"| {' | '.join(Row(**row).cells)} |"


def main() -> None:
    """Print them all."""
    for path in sorted(RESULTS.glob("*.json")):
        print(f"\n### {path.stem}\n")
        print("\n".join(table(json.loads(path.read_text()))))


if __name__ == "__main__":
    main()
