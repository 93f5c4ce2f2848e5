"""Uploads ([D]): which files are accepted, and their URLs."""

import hashlib
import re
import uuid
from dataclasses import dataclass
from typing import Any

from prefect_toapis.simulator.clips import ServedFile
from prefect_toapis.simulator.forms import FormFile
from prefect_toapis.simulator.ledger import Ledger, Upload, UploadKind
from prefect_toapis.simulator.refusals import Refusal

_MB = 1024 * 1024
_USER = "1"  # all keys belong to one


@dataclass(frozen=True)
class FileType:
    """A kind of file, known by how it begins."""

    mime_type: str
    suffix: str
    beginning: re.Pattern[bytes]


@dataclass(frozen=True)
class UploadRules:
    """The files that an upload endpoint accepts."""

    megabytes: int
    names: str
    types: tuple[FileType, ...]


def _file_type(mime_type: str, suffix: str, beginning: bytes) -> FileType:
    return FileType(mime_type, suffix, re.compile(beginning, re.DOTALL))


RULES: dict[UploadKind, UploadRules] = {
    "image": UploadRules(
        10,
        "JPEG, PNG, WebP or GIF",
        (
            _file_type("image/jpeg", "jpg", rb"\xff\xd8\xff"),
            _file_type("image/png", "png", rb"\x89PNG\r\n\x1a\n"),
            _file_type("image/webp", "webp", rb"RIFF.{4}WEBP"),
            _file_type("image/gif", "gif", rb"GIF8[79]a"),
        ),
    ),
    "video": UploadRules(
        50,
        "MP4, WebM or MOV",
        (
            # Pictures (HEIC, AVIF) begin with `ftyp` too, but with other brands.
            _file_type("video/mp4", "mp4", rb".{4}ftyp(iso|mp4|avc1|M4V|dash|MSNV|mmp4)"),
            _file_type("video/webm", "webm", rb"\x1aE\xdf\xa3.{0,64}webm"),
            _file_type("video/quicktime", "mov", rb".{4}ftypqt  "),
        ),
    ),
}


def file_type(kind: UploadKind, content: bytes) -> FileType:
    """What a file is, by its content.

    Raises:
        Refusal: It is too large, or of no type that is taken.

    Example:
        >>> file_type("image", b"GIF89a...").mime_type
        'image/gif'
    """
    rules = RULES[kind]
    if len(content) > rules.megabytes * _MB:
        name = kind.capitalize()
        message = f"{name} too large. Maximum size is {rules.megabytes}MB"
        raise Refusal("invalid_request", message)
    for media in rules.types:
        if media.beginning.match(content):
            return media
    raise Refusal("invalid_request", f"Unsupported {kind} type. Upload {rules.names}")


class Uploads:
    """The files that were uploaded, in memory.

    Args:
        media_url: The base URL under which they are served.
        ledger: Where they are noted.
    """

    def __init__(self, media_url: str, ledger: Ledger) -> None:
        self._media_url = media_url
        self._ledger = ledger
        self._by_path: dict[str, ServedFile] = {}

    def add(self, kind: UploadKind, file: FormFile, now: float) -> dict[str, Any]:
        """Keep a file, and say where, as the provider does.

        Args:
            kind: What it has to be.
            file: The file.
            now: The time, in Unix seconds.

        Raises:
            Refusal: It isn't taken.
        """
        content = file.content
        found = file_type(kind, content)
        number = uuid.uuid4().hex[:8]
        path = f"/uploads/{_USER}/{int(now)}_{number}.{found.suffix}"
        digest = hashlib.sha256(content).hexdigest()
        self._by_path[path] = ServedFile(found.mime_type, content, etag=f'"{digest[:32]}"')
        url = self._media_url + path
        self._ledger.uploads.append(Upload(kind, file.name, len(content), digest, url))
        return {
            "id": f"upload_{number}",
            "url": url,
            "mime_type": found.mime_type,
            "size": len(content),
        }

    def file(self, path: str) -> ServedFile | None:
        """The file at a path, if any."""
        return self._by_path.get(path)
