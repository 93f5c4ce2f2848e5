"""The exit codes of every command."""

FAILED = 1
"""The command failed, or some shots of the batch aren't stored."""
INVALID = 2
"""The command line is invalid, or the batch has faults: nothing was submitted."""
INTERRUPTED = 130
"""Ctrl-C."""
TERMINATED = 143
"""SIGTERM."""
