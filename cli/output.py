"""Standard output and error that nothing can break: their reader may go, or stop to read."""

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from typing_extensions import Buffer

_PATIENCE_SECONDS = 5.0  # how long a run waits, once, for a reader that has stopped to read
_AT_ONCE = 4096  # bytes: a pipe that takes any takes these without blocking (PIPE_BUF)
_STDOUT, _STDERR = 1, 2
_LEFT_OUT = b"\n[lines are missing here: they were not read in time]\n"


class LastingOutput(io.RawIOBase):
    """Writes to a file descriptor for as long as that is possible, and drops the rest.

    A pipe that nothing reads any more, a full disk and a closed terminal end no program: what is
    written to them is lost. While `waits` is off, so is what a reader leaves unread for seconds.

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
        """As `TextIOWrapper` shows it."""
        return f"<descriptor {self._descriptor}>"

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The file descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: Buffer, /) -> int:
        """Write all of it, or drop what can't be written."""
        content = memoryview(data).cast("B")
        try:
            was_stalled, ready = self._stalled, self._is_ready()
            rest = memoryview(_LEFT_OUT + bytes(content)) if was_stalled and ready else content
            while rest and self._is_ready():
                rest = rest[self._write_some(rest[:_AT_ONCE]) :]
        except OSError as error:
            self._lost = True
            self._report(error)
        return len(content)

    def _write_some(self, some: memoryview) -> int:
        try:
            return os.write(self._descriptor, some)
        except BlockingIOError:  # another program has set the shared terminal to this mode
            return 0

    def _is_ready(self) -> bool:
        if self._lost:
            return False
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        seconds = None if self.waits else 0 if self._stalled else _PATIENCE_SECONDS
        self._stalled = not poll.poll(None if seconds is None else seconds * 1000)
        return not self._stalled

    def _report(self, error: OSError) -> None:
        """On standard error, if that is another; a reader that is gone is no fault."""
        if error.errno != errno.EPIPE and self._descriptor == _STDOUT:
            print(f"The output is lost: {error.strerror}", file=sys.stderr)


def keep_output() -> None:
    """Make standard output and error last, and able to show any text.

    Those of a test or of another program's are left alone.
    """
    _open_missing()
    if sys.stdout is sys.__stdout__:
        sys.stdout = _lasting(_STDOUT, sys.__stdout__)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _lasting(_STDERR, sys.__stderr__)


@contextmanager
def unblocked() -> Iterator[None]:
    """Let nothing here wait for a slow reader of the output, as videos are being paid for."""
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
    """A text stream for a descriptor, in the encoding of the one that Python made."""
    if given is None:  # it was closed, and its number may be another file's by now
        return Path(os.devnull).open("w", encoding="utf-8")
    raw = LastingOutput(descriptor)
    encoding = given.encoding or "utf-8"
    return io.TextIOWrapper(raw, encoding, errors="backslashreplace", write_through=True)


def _open_missing() -> None:
    """Give 0, 1 and 2 to nothing: a socket that had one of them would get what is printed."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STDERR:  # the lowest that is free
        pass
    os.close(descriptor)
