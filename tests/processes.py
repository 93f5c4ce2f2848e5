"""Processes that tests start: none outlives its test, however that ends."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import Popen
from typing import TypeVar

T = TypeVar("T", str, bytes)


@contextmanager
def ended(process: "Popen[T]") -> "Iterator[Popen[T]]":
    """Give a process, and kill it with all that it has started, if it still runs at the end.

    `with Popen(...)` would wait for a process that a failed test has sent no signal.
    """
    try:
        yield process
    finally:
        if process.poll() is None:
            for pid in [*_started_by(process.pid), process.pid]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()


def hear_interrupts() -> None:
    """Let the processes of the tests hear Ctrl-C.

    In the background of a shell (`scripts/test &`) SIGINT is ignored, which children inherit.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _started_by(pid: int) -> Iterator[int]:
    with suppress(FileNotFoundError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, children.read_text().split()):
                yield from _started_by(child)
                yield child
