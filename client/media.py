"""What a file is, by its first bytes, and whether it may be uploaded."""

import re
from typing import Literal

Kind = Literal["video", "image"]

HEAD = 32  # bytes from the start of a file that tell its type

_MAGIC: dict[Kind, dict[str, re.Pattern[bytes]]] = {
    "video": {
        "video/quicktime": re.compile(rb"....ftypqt  ", re.DOTALL),
        # AVIF and HEIC pictures and M4A sound come in the same container.
        "video/mp4": re.compile(
            rb"....(ftyp(?!avi[fs]|hei[cx]|hevc|mif1|msf1|M4A )"
            rb"|styp|moov|moof|mdat|free|skip|wide|uuid|sidx|pnot)",
            re.DOTALL,
        ),
        "video/webm": re.compile(rb"\x1a\x45\xdf\xa3"),
    },
    "image": {
        "image/jpeg": re.compile(rb"\xff\xd8\xff"),
        "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
        "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
        "image/gif": re.compile(rb"GIF8[79]a"),
    },
}
SUFFIXES = {
    "video/quicktime": "mov",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
}
_TAKEN: dict[Kind, str] = {"image": "JPEG, PNG, WebP or GIF", "video": "MP4, WebM or MOV"}  # [D]
_MEGABYTES: dict[Kind, int] = {"image": 10, "video": 50}  # [D]


def media_type(head: bytes, kind: Kind) -> str | None:
    """The media type of a file, such as `video/mp4`; None if it is no file of that kind.

    Args:
        head: The file's first bytes, `HEAD` of them or more.
        kind: What it should be.

    Example:
        >>> media_type(b"GIF89a...", "image")
        'image/gif'
    """
    return next((name for name, magic in _MAGIC[kind].items() if magic.match(head)), None)


def media_fault(head: bytes, size: int, kind: Kind) -> str | None:
    """Why the API takes no such upload ([D]); None if it takes it.

    Args:
        head: The file's first bytes, `HEAD` of them or more.
        size: Of the whole file, in bytes.
        kind: What it is uploaded as.

    Example:
        >>> media_fault(b"GIF89a...", 11_000_000, "image")
        'it has 11.0 MB; an image may have 10 MB at most'
    """
    if fault := size_fault(size, kind):
        return fault
    if media_type(head, kind) is None:
        return f"it is no {kind} that the API takes: {_TAKEN[kind]}"
    return None


def size_fault(size: int, kind: Kind) -> str | None:
    """Why no file of this size may be uploaded ([D]); None if it may.

    Args:
        size: In bytes.
        kind: What it is uploaded as.
    """
    if size == 0:
        return "it is empty"
    most = _MEGABYTES[kind]
    if size > most * 1024 * 1024:
        article = "an image" if kind == "image" else "a video"
        return f"it has {size / 1_000_000:.1f} MB; {article} may have {most} MB at most"
    return None
