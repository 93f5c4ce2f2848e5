"""Standard output and error that survive a reader that closes them, or stops reading."""

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from typing_extensions import Buffer

_STALL_SECONDS = 5.0  # how long a run waits, once, for a reader that stopped reading
_AT_ONCE = 4096  # bytes: a writable pipe accepts these without blocking (PIPE_BUF)
_STDOUT, _STDERR = 1, 2
_GAP = b"\n[lines are missing here: they were not read in time]\n"


class LastingOutput(io.RawIOBase):
    """Writes to a file descriptor as long as possible, and drops the rest.

    A closed pipe, a full disk or a closed terminal doesn't end the program; output is dropped.
    While `waits` is off, output that isn't read within seconds is dropped, too.

    Args:
        descriptor: Of an open file; it stays open.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.waits = True
        self._descriptor = descriptor
        self._lost = False
        self._stalled = False

    @property
    def name(self) -> str:
        """The name that `TextIOWrapper` shows."""
        return f"<descriptor {self._descriptor}>"

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: Buffer, /) -> int:
        """Write all data, or drop what can't be written."""
        content = memoryview(data).cast("B")
        try:
            was_stalled, ready = self._stalled, self._is_ready()
            rest = memoryview(_GAP + bytes(content)) if was_stalled and ready else content
            while rest and self._is_ready():
                rest = rest[self._write_some(rest[:_AT_ONCE]) :]
        except OSError as error:
            self._lost = True
            self._report(error)
        return len(content)

    def _write_some(self, chunk: memoryview) -> int:
        try:
            return os.write(self._descriptor, chunk)
        except BlockingIOError:  # another program set the shared terminal to non-blocking mode
            return 0

    def _is_ready(self) -> bool:
        if self._lost:
            return False
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        seconds = None if self.waits else 0 if self._stalled else _STALL_SECONDS
        self._stalled = not poll.poll(None if seconds is None else seconds * 1000)
        return not self._stalled

    def _report(self, error: OSError) -> None:
        """Report lost output on standard error; a closed pipe isn't an error."""
        if error.errno != errno.EPIPE and self._descriptor == _STDOUT:
            print(f"The output is lost: {error.strerror}", file=sys.stderr)


def keep_output() -> None:
    """Replace standard output and error by robust streams that can encode any text.

    Streams that a test or another program replaced are not changed.
    """
    _open_missing()
    if sys.stdout is sys.__stdout__:
        sys.stdout = _lasting(_STDOUT, sys.__stdout__)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _lasting(_STDERR, sys.__stderr__)


@contextmanager
def unblocked() -> Iterator[None]:
    """Don't let a slow reader of the output delay a run that pays for videos."""
    streams = [getattr(stream, "buffer", None) for stream in (sys.stdout, sys.stderr)]
    lasting = [stream for stream in streams if isinstance(stream, LastingOutput)]
    for stream in lasting:
        stream.waits = False
    try:
        yield
    finally:
        for stream in lasting:
            stream.waits = True


def _lasting(descriptor: int, given: io.TextIOBase | None) -> io.TextIOWrapper:
    """Return a text stream for a descriptor, with the encoding of Python's original stream."""
    if given is None:  # it was closed, and its number may have been reused
        return Path(os.devnull).open("w", encoding="utf-8")
    raw = LastingOutput(descriptor)
    encoding = given.encoding or "utf-8"
    return io.TextIOWrapper(raw, encoding, errors="backslashreplace", write_through=True)


def _open_missing() -> None:
    """Occupy descriptors 0, 1 and 2: a socket with one of them would receive printed output."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STDERR:  # the lowest free number
        pass
    os.close(descriptor)
