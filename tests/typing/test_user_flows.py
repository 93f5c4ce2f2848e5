"""Type checkers find the mistakes in a user's flows, and nothing else."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FLOWS = Path(__file__).parent / "flows"
Lines = set[tuple[str, int]]


def marked() -> Lines:
    """The lines with mistakes."""
    return {
        (path.name, number)
        for path in FLOWS.glob("*.py")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if line.endswith("  # error")
    }


def checked_by(*command: str) -> str:
    """What a type checker prints of the flows."""
    ran = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    return ran.stdout


def test_mypy_reports_the_mistakes_alone() -> None:
    printed = checked_by("mypy", "--config-file", "tests/typing/mypy.ini", str(FLOWS))
    found = re.findall(r"^(.+?):(\d+): error: ", printed, re.MULTILINE)
    assert {(Path(file).name, int(line)) for file, line in found} == marked(), printed


def test_pyright_reports_the_mistakes_alone() -> None:
    printed = checked_by("pyright", "--outputjson", "--project", "tests/typing/pyright.json")
    found: list[dict[str, Any]] = json.loads(printed)["generalDiagnostics"]
    lines = {(Path(one["file"]).name, one["range"]["start"]["line"] + 1) for one in found}
    assert lines == marked(), printed
