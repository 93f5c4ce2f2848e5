"""The exit codes of every command."""

FAILED = 1
"""The command failed, or some shots of the batch aren't stored."""
INVALID = 2
"""The command line is invalid, or the batch has faults: nothing was submitted."""
INTERRUPTED = 130
"""Ctrl-C."""
TERMINATED = 143
"""SIGTERM."""

IN_WORDS = (
    "Exit codes: 0: done. 1: failed, or some shots of the batch aren't stored. 2: the command line "
    "or the batch is invalid, and nothing was submitted. 130: Ctrl-C. 143: SIGTERM. With --json, "
    "every command prints exactly one object, also when it fails."
)
