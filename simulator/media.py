"""The files of the results: signed URLs, ranges, and bytes on the wire."""

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.types import Receive, Scope, Send

from prefect_toapis.simulator.clips import ServedFile
from prefect_toapis.simulator.connections import transport_of, until_disconnected
from prefect_toapis.simulator.faults import Truncate

_PROVIDERS_URL = "https://files.toapis.com"  # [D]
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Signer:
    """Signs paths, so that only who was given a URL can fetch it."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes()

    def sign(self, path: str, expires_at: float) -> str:
        """The path with its expiry (Unix seconds) and its signature as parameters."""
        expires = str(int(expires_at))
        query = urlencode({"expires": expires, "signature": self._signature(path, expires)})
        return f"{path}?{query}"

    def signed(self, path: str, query: Mapping[str, str]) -> bool:
        """Whether a path came with the signature that it was given."""
        expected = self._signature(path, query.get("expires", ""))
        return hmac.compare_digest(expected.encode(), query.get("signature", "").encode())

    def _signature(self, path: str, expires: str) -> str:
        return hmac.new(self._secret, f"{path}?{expires}".encode(), hashlib.sha256).hexdigest()


class Links:
    """The URLs of the files at the media port.

    Args:
        media_url: Its base URL.
        signer: Who signs those that expire.
    """

    def __init__(self, media_url: str, signer: Signer) -> None:
        self._media_url = media_url
        self._signer = signer

    def signed(self, path: str, expires_at: float) -> str:
        """The URL of a result, which expires (Unix seconds)."""
        return self._media_url + self._signer.sign(path, expires_at)

    def public(self, path: str) -> str:
        """The URL of a file that everybody may fetch."""
        return self._media_url + path

    def published(self, value: Any) -> Any:
        """JSON in which the URLs of these files look like the provider's own.

        They are on this machine, and the rules refuse any URL that isn't public.
        """
        if isinstance(value, str) and value.startswith(f"{self._media_url}/"):
            return _PROVIDERS_URL + value.removeprefix(self._media_url)
        if isinstance(value, list):
            return [self.published(item) for item in value]
        if isinstance(value, dict):
            return {name: self.published(member) for name, member in value.items()}
        return value


def wanted_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Start and stop (not included) of what a Range header asks of a file.

    Several ranges, other units and nonsense are answered with the whole file, as RFC 9110 allows.

    Args:
        header: The header's value, if there is one.
        size: Of the file, in bytes.

    Returns:
        The range; the whole file without one; None if there is nothing of the file in it.

    Example:
        >>> wanted_range("bytes=2-5", 10), wanted_range("bytes=-3", 10), wanted_range(None, 10)
        ((2, 6), (7, 10), (0, 10))
    """
    match = _RANGE.fullmatch(header) if header else None
    if not match or not (match[1] or match[2]):
        return 0, size
    if not match[1]:
        start, stop = max(0, size - int(match[2])), size
    else:
        start, stop = int(match[1]), min(size, int(match[2]) + 1 if match[2] else size)
        if match[2] and int(match[2]) < start:
            return 0, size
    return (start, stop) if start < min(stop, size) else None


@dataclass(frozen=True)
class FileReply:
    """A file, or a part of it, as an ASGI response.

    Args:
        file: What is served.
        headers: Of the request.
        broken: After how many bytes, and how long a stall, the file is cut, and how that shows.
    """

    file: ServedFile
    headers: Mapping[str, str]
    broken: Truncate | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        size = self.file.size
        unchanged = self.headers.get("if-range", self.file.etag) == self.file.etag
        asked = self.headers.get("range") if unchanged and self._has_length else None
        part = wanted_range(asked, size)
        start, stop = part or (0, 0)
        headers = {
            "content-type": self.file.content_type,
            "content-length": str(stop - start),
            "etag": self.file.etag,
            "accept-ranges": "bytes",
        }
        if not self._has_length:  # nor ranges
            del headers["content-length"], headers["accept-ranges"]
        status = 200
        if part is None:
            status, headers["content-range"] = 416, f"bytes */{size}"
        elif asked and part != (0, size):
            status, headers["content-range"] = 206, f"bytes {start}-{stop - 1}/{size}"
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        cut = self.broken if self.broken and start + self.broken.at_bytes < stop else None
        if scope["method"] != "HEAD":
            end = start + cut.at_bytes if cut else stop
            for chunk in self.file.chunks(start, end):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if cut:
            await asyncio.sleep(cut.stall_seconds)
        if cut and self._has_length:
            transport_of(scope).close()  # what is written goes out first
            await until_disconnected(receive)
        else:
            await send({"type": "http.response.body", "body": b""})

    @property
    def _has_length(self) -> bool:
        return self.broken is None or self.broken.framing == "length"
