"""The type of a media file, by its first bytes, and whether the API accepts it as an upload."""

import re
from typing import Literal

Kind = Literal["video", "image"]

HEAD = 32  # bytes at the start of a file that identify its type

_MAGIC: dict[Kind, dict[str, re.Pattern[bytes]]] = {
    "video": {
        "video/quicktime": re.compile(rb"....ftypqt  ", re.DOTALL),
        # AVIF and HEIC images and M4A audio use the same container.
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
# [D]: the types and sizes that may be uploaded.
_SUPPORTED: dict[Kind, str] = {"image": "JPEG, PNG, WebP or GIF", "video": "MP4, WebM or MOV"}
_MEGABYTES: dict[Kind, int] = {"image": 10, "video": 50}


def media_type(head: bytes, kind: Kind) -> str | None:
    """The media type of a file, such as `video/mp4`; None if it is not of that kind.

    Args:
        head: The file's first bytes, at least `HEAD`.
        kind: The expected kind.

    Example:
        >>> media_type(b"GIF89a...", "image")
        'image/gif'
    """
    return next((name for name, magic in _MAGIC[kind].items() if magic.match(head)), None)


def media_fault(head: bytes, size: int, kind: Kind) -> str | None:
    """Why the API rejects a file as an upload ([D]); None if it accepts it.

    Args:
        head: The file's first bytes, at least `HEAD`.
        size: Of the whole file, in bytes.
        kind: The kind of upload.

    Example:
        >>> media_fault(b"GIF89a...", 11_000_000, "image")
        '11.0 MB exceeds the 10 MB limit for images'
    """
    if fault := size_fault(size, kind):
        return fault
    if media_type(head, kind) is None:
        return f"it is not a supported {kind} type: {_SUPPORTED[kind]}"
    return None


def size_fault(size: int, kind: Kind) -> str | None:
    """Why the API rejects an upload of this size ([D]); None if it accepts it.

    Args:
        size: In bytes.
        kind: The kind of upload.
    """
    if size == 0:
        return "it is empty"
    limit = _MEGABYTES[kind]
    if size > limit * 1024 * 1024:
        return f"{size / 1_000_000:.1f} MB exceeds the {limit} MB limit for {kind}s"
    return None
