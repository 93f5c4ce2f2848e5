"""Runs a subject in a process of its own, and says what it took."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.job import Job


@dataclass(frozen=True)
class Run:
    """What one run of a subject took.

    Args:
        wall: Seconds from the start of its process to its end.
        cpu: Its CPU, in seconds: user and system, imports and the way out included.
        peak: The most memory that it had while it worked, in MB.
        idle: What it had before, when everything was imported.
        told: What else it measured, or who ran it.
    """

    wall: float
    cpu: float
    peak: float
    idle: float
    told: dict[str, Any] = field(default_factory=dict)


def run_subject(subject: str, job: Job, environment: Mapping[str, str]) -> Run:
    """Run `benchmarks.subjects.<subject>` on a job, and wait for its end.

    Raises:
        RuntimeError: It failed; with the end of what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        report, log = Path(folder, "report.json"), Path(folder, "log")
        told_where = {"NO_PROXY": "127.0.0.1", **environment, **job.environment(report)}
        with log.open("w") as out:
            began = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", f"benchmarks.subjects.{subject}"],
                env=os.environ | told_where,
                stdout=out,
                stderr=out,
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{subject} failed:\n{log.read_text()[-5000:]}")
        told = json.loads(report.read_text())
    cpu = usage.ru_utime + usage.ru_stime
    return Run(wall, cpu, told.pop("peak"), told.pop("idle"), told)


def interleaved(
    subjects: Sequence[str], rounds: int, run: Callable[[str], Run]
) -> dict[str, list[Run]]:
    """The runs of each subject: one of each in turn, so that a busy minute hits all alike."""
    runs: dict[str, list[Run]] = {subject: [] for subject in subjects}
    for number in range(rounds):
        for subject in subjects:
            one = run(subject)
            runs[subject].append(one)
            print(
                f"  {number + 1}/{rounds} {subject}: {one.wall:.1f} s, CPU {one.cpu:.1f} s, "
                f"peak {one.peak:.0f} MB",
                flush=True,
            )
    return runs


def middle(runs: Sequence[Run], figure: Callable[[Run], float]) -> float:
    """The median of a figure."""
    return median(figure(one) for one in runs)
