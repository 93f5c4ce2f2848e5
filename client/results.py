"""Fetching a result: a reader over an HTTP response that knows what a video looks like.

The key is never sent along: a result lives on another host. What isn't a video is noticed at its
first bytes, and a transfer that breaks off is an error at its end, so that whoever stores while
reading can withdraw.
"""

import hashlib
import logging
from collections.abc import Iterator
from functools import cache

import httpx

from prefect_toapis.client.errors import NotAVideo, ResultRefused, Unavailable
from prefect_toapis.client.media import SUFFIXES, Kind, media_type
from prefect_toapis.client.urls import without_signature

_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_CHUNK = 256 * 1024
_REFUSALS = {401, 403, 404, 410}


class ResultReader:
    """Reads a result as a stream, with blocking calls: use it in a thread, and close it.

    Opening it starts the request and looks at the first bytes.

    Args:
        url: The (signed) URL; it appears in no error.
        kind: What it should be.

    Attributes:
        content_type: By the content's first bytes.
        size: Bytes read so far.

    Raises:
        ResultRefused: The host refuses the URL.
        NotAVideo: The content is something else.
        Unavailable: The host doesn't answer.

    Example:
        ```python
        with closing(ResultReader(output.url)) as reader:
            bucket.upload(f"video-1.{reader.suffix}", reader, reader.content_type)
        print(reader.size, reader.sha256)
        ```
    """

    def __init__(self, url: str, kind: Kind = "video") -> None:
        self._hash = hashlib.sha256()
        self.size = 0
        try:
            request = _http().build_request("GET", url, headers={"Accept-Encoding": "identity"})
            self._response = _http().send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(_broken(error), money="spent") from None  # its text may hold the URL
        try:
            self._check_status(self._response.status_code)
            self._chunks: Iterator[bytes] = self._response.iter_bytes(_CHUNK)
            self._buffer = self._more()
            self.content_type = self._type_of(self._buffer, kind)
        except BaseException:
            self.close()
            raise

    @property
    def sha256(self) -> str:
        """Of what was read so far, in hex."""
        return self._hash.hexdigest()

    @property
    def suffix(self) -> str:
        """For the name of a file of this type."""
        return SUFFIXES[self.content_type]

    def close(self) -> None:
        """Let go of the connection."""
        self._response.close()

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; b"" at the end only, and only if nothing is missing."""
        if not self._buffer:
            self._buffer = self._more()
        piece, self._buffer = self._buffer[:size], self._buffer[size:]
        self._hash.update(piece)
        self.size += len(piece)
        if not piece:
            self._check_length()
        return piece

    def _more(self) -> bytes:
        try:
            return next(self._chunks, b"")
        except httpx.HTTPError as error:
            raise Unavailable(_broken(error), money="spent") from None

    def _check_status(self, status: int) -> None:
        if status in _REFUSALS:
            raise ResultRefused("the host of the result refuses its URL", http_status=status)
        if status != 200:
            what = "the host of the result is out of order"
            raise Unavailable(what, http_status=status, money="spent")

    def _type_of(self, start: bytes, kind: Kind) -> str:
        if content_type := media_type(start, kind):
            return content_type
        said = self._response.headers.get("content-type", "no type")
        shown = start[:60].decode("ascii", "replace") if start else "nothing"
        raise NotAVideo(f"the result is no {kind}: {said}, beginning with {shown!r}")

    def _check_length(self) -> None:
        told = self._response.headers.get("content-length")
        came = self._response.num_bytes_downloaded  # before any decompression
        if told and told.isdecimal() and int(told) != came:
            what = f"the transfer ended after {came} of {told} bytes"
            raise Unavailable(what, money="spent")


@cache
def _http() -> httpx.Client:
    """One for the process: it costs 20 ms to make, and is safe to share between threads."""
    return httpx.Client(timeout=_TIMEOUT, follow_redirects=True)


def _broken(error: Exception) -> str:
    return f"the result could not be fetched: {type(error).__name__}"


def _without_signatures(record: logging.LogRecord) -> bool:
    """Httpx logs each URL that it asks for; a result's is signed."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            without_signature(str(value)) if isinstance(value, httpx.URL) else value
            for value in record.args
        )
    return True


logging.getLogger("httpx").addFilter(_without_signatures)
