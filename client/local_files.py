"""Reading local files that a user named: regular files, up to a maximum size."""

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
_SYSTEM_FOLDERS = ("/proc/", "/sys/")  # their files look regular, but may have no end


def read_file(path: str | os.PathLike[str], most: int) -> bytes:
    """Read a regular file.

    Other files are not opened: opening a pipe waits for its writer, and a device has no end.

    Args:
        path: Of the file; `~` is the user's home directory.
        most: The maximum size, in bytes.

    Raises:
        FileNotFoundError: The file doesn't exist.
        OSError: The file can't be read.
        ValueError: It isn't a regular file, or exceeds the size; the message omits the path.

    Example:
        >>> read_file("/dev/zero", most=100)
        Traceback (most recent call last):
        ValueError: it is a device, not a file
    """
    place = _expanded(path)
    if fault := _kind_fault(place, place.stat()):
        raise ValueError(fault)
    with open(place, "rb", opener=_without_waiting) as file:
        facts = os.fstat(file.fileno())  # it may have been replaced meanwhile
        if fault := _kind_fault(place, facts) or length_fault(facts.st_size, most):
            raise ValueError(fault)
        content = file.read(most + 1)
    if fault := length_fault(len(content), most):
        raise ValueError(fault)
    if content and not facts.st_size:
        raise ValueError("it is a system file of unknown length")
    return content


def file_size(path: str) -> int:
    """The size of a regular file, in bytes; raises as `read_file`.

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
    """Why a path is not a regular file, without the path; None if it is.

    Example:
        >>> file_fault("/dev/null")
        'it is a device, not a file'
    """
    try:
        file_size(path)
    except (OSError, ValueError) as error:
        return why_unreadable(error)
    return None


def length_fault(length: int, most: int) -> str | None:
    """Why a file of this length isn't read; None if it may be.

    Args:
        length: Of the file, in bytes.
        most: The maximum, in bytes.

    Example:
        >>> length_fault(12_000_000, 8_000_000)
        '12.0 MB exceeds the limit of 8 MB'
    """
    if length <= most:
        return None
    return f"{max(length, most + 50_000) / 1e6:.1f} MB exceeds the limit of {most / 1e6:g} MB"


def why_unreadable(error: OSError | ValueError) -> str:
    """Why a file can't be read, without its path, by an error of `read_file`.

    Example:
        >>> why_unreadable(PermissionError(13, "Permission denied", "cat.png"))
        'no permission to read it'
    """
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error)


def _expanded(path: str | os.PathLike[str]) -> Path:
    if not os.fspath(path).strip():
        raise ValueError("the path is empty")
    if "\0" in os.fspath(path):
        raise ValueError("a path can't contain NUL")
    if "://" in os.fspath(path):  # `Path` would change it so that a password isn't recognised
        raise ValueError("it is a URL, not the path of a file")
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError("there is no such user, or no home directory of theirs") from None


def _kind_fault(place: Path, facts: os.stat_result) -> str | None:
    if not stat.S_ISREG(facts.st_mode):
        return f"it is {_KINDS.get(stat.S_IFMT(facts.st_mode), 'something else')}, not a file"
    if os.path.realpath(place).startswith(_SYSTEM_FOLDERS):
        return "it is a system file of unknown length"
    return None


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
