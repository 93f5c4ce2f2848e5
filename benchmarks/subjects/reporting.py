"""What a subject says of itself: memory, and the time that its work took."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.job import report_path

_RESET_PEAK = "5"  # proc(5), clear_refs


def memory(name: str) -> float:
    """A figure of /proc/self/status in MB: `VmRSS` is now, `VmHWM` the peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise LookupError(name)


@contextmanager
def measured() -> Iterator[dict[str, Any]]:
    """Around a subject's work; imports come before it. What is put into the dict is told, too."""
    told: dict[str, Any] = {"idle": memory("VmRSS"), "cpu_before": time.process_time()}
    Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
    began = time.perf_counter()
    yield told
    told["work_wall"] = time.perf_counter() - began
    told["work_cpu"] = time.process_time() - told["cpu_before"]
    told["peak"] = memory("VmHWM")
    report_path().write_text(json.dumps(told))
