"""Reading a file of this machine that a user named: a regular file, up to a size."""

import os
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_OF_THE_SYSTEM = ("/proc/", "/sys/")  # their files look regular, and their content has no end


def read_file(path: str | os.PathLike[str], most: int) -> bytes:
    """The content of a regular file.

    Nothing else is opened: opening a pipe waits for its writer, and a device has no end.

    Args:
        path: Of the file; `~` is the user's own folder.
        most: How long it may be, in bytes.

    Raises:
        FileNotFoundError: There is none.
        OSError: It can't be read.
        ValueError: It isn't a regular file, or is longer; says so in words, without the path.

    Example:
        >>> read_file("/dev/zero", most=100)
        Traceback (most recent call last):
        ValueError: it is a device, not a file
    """
    place = _expanded(path)
    if fault := _kind_fault(place, place.stat()):
        raise ValueError(fault)
    with open(place, "rb", opener=_without_waiting) as file:
        facts = os.fstat(file.fileno())  # it may have become something else meanwhile
        if fault := _kind_fault(place, facts) or length_fault(facts.st_size, most):
            raise ValueError(fault)
        content = file.read(most + 1)
    if fault := length_fault(len(content), most):
        raise ValueError(fault)
    if content and not facts.st_size:
        raise ValueError("it is a file of the system, whose length isn't known")
    return content


def file_size(path: str) -> int:
    """The length of a regular file, in bytes; raises as `read_file`.

    Example:
        >>> file_size("/dev/null")
        Traceback (most recent call last):
        ValueError: it is a device, not a file
    """
    place = _expanded(path)
    facts = place.stat()
    if fault := _kind_fault(place, facts):
        raise ValueError(fault)
    return facts.st_size


def file_fault(path: str) -> str | None:
    """Why there is no regular file at a path, without the path; None if there is one.

    Example:
        >>> file_fault("/dev/null")
        'it is a device, not a file'
    """
    try:
        file_size(path)
    except FileNotFoundError:
        return "there is no such file"
    except (OSError, ValueError) as error:
        return why_unreadable(error)
    return None


def length_fault(length: int, most: int) -> str | None:
    """Why a file of this length isn't read, both in bytes; None if it may be.

    Example:
        >>> length_fault(12_000_000, 8_000_000)
        'it has 12.0 MB, and may have 8 MB at most'
    """
    if length <= most:
        return None
    return (
        f"it has {max(length, most + 50_000) / 1e6:.1f} MB, and may have {most / 1e6:g} MB at most"
    )


def why_unreadable(error: OSError | ValueError) -> str:
    """What an error of `read_file` says, without the path."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _expanded(path: str | os.PathLike[str]) -> Path:
    if "\0" in os.fspath(path):
        raise ValueError("a path holds no NUL")
    if "://" in os.fspath(path):  # which `Path` would make another text of, its password in it
        raise ValueError("it is a URL; give the path of a file")
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError("there is no such user on this machine, or no folder of theirs") from None


def _kind_fault(place: Path, facts: os.stat_result) -> str | None:
    if not stat.S_ISREG(facts.st_mode):
        return f"it is {_KINDS.get(stat.S_IFMT(facts.st_mode), 'something else')}, not a file"
    if os.path.realpath(place).startswith(_OF_THE_SYSTEM):
        return "it is a file of the system, whose length isn't known"
    return None


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
