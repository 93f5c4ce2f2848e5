"""Response bodies: decompressed as a stream, within a limit of size."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import httpx

ACCEPTED = "gzip, deflate"  # what `decompressed` understands
REPLY_BYTES = 8 * 1024 * 1024  # of a reply of the API, after decompression

_PIECE = 256 * 1024  # bytes
_EXCERPT = 2_000  # bytes of a body that is too large
# JSON is UTF-8; gateways' pages may use these. Other names could be codecs that aren't for text,
# or that are slow.
_CHARSETS = frozenset({"gbk", "gb2312", "gb18030", "big5", "iso-8859-1", "windows-1252"})


@dataclass(frozen=True)
class Bounds:
    """The time and size limits of a call.

    Args:
        seconds: For a call as a whole, however slowly its reply arrives.
        upload_speed: Bytes a second, by which an upload's deadline is extended.
        reply_bytes: The maximum size of a reply, after decompression.
    """

    seconds: float = 45.0
    upload_speed: float = 64 * 1024
    reply_bytes: int = REPLY_BYTES

    def deadline(self, size: int) -> float:
        """The time limit for a call with a file, in seconds.

        Args:
            size: Of the file, in bytes.

        Example:
            >>> Bounds().deadline(0), Bounds().deadline(10 * 1024 * 1024)
            (45.0, 205.0)
        """
        return self.seconds + size / self.upload_speed


def decompressed(pieces: Iterable[bytes], headers: httpx.Headers) -> Iterator[bytes]:
    """Decompress a body in small pieces, whatever its compression ratio.

    Args:
        pieces: As received.
        headers: Of the response.

    Raises:
        httpx.DecodingError: The encoding is unsupported, or the body is corrupt or truncated.

    Example:
        >>> headers = httpx.Headers({"content-encoding": "deflate"})
        >>> b"".join(decompressed([zlib.compress(b"a reply")], headers))
        b'a reply'
    """
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in {"", "identity"}:
        yield from pieces
    elif encoding in {"gzip", "x-gzip", "deflate"}:
        yield from _inflated(pieces, raw=encoding == "deflate")
    else:
        raise httpx.DecodingError(f"unsupported content encoding: {encoding[:40]!r}")


def _inflated(pieces: Iterable[bytes], *, raw: bool) -> Iterator[bytes]:
    """Gzip and zlib have headers; `deflate` may also come without."""
    inflater, begun = zlib.decompressobj(zlib.MAX_WBITS | 32), False
    for piece in pieces:
        rest = piece
        while True:
            try:
                found = inflater.decompress(rest, _PIECE)
            except zlib.error as error:
                if begun or not raw:
                    raise httpx.DecodingError(str(error)) from None
                inflater, begun = zlib.decompressobj(-zlib.MAX_WBITS), True
                continue
            begun, rest = True, inflater.unconsumed_tail
            if found:
                yield found
            if not rest and len(found) < _PIECE:
                break
    if not inflater.eof:
        raise httpx.DecodingError("the compressed body is truncated")


async def read_text(response: httpx.Response, most: int = REPLY_BYTES) -> str:
    """The body of a reply as text; if too large or undecodable, an excerpt that isn't JSON.

    Args:
        response: Opened for streaming.
        most: The maximum size in bytes, before and after decompression.

    Raises:
        httpx.HTTPError: The transfer was interrupted.
    """
    raw = bytearray()
    async for piece in response.aiter_raw():
        raw += piece
        if len(raw) > most:
            break
    body = bytearray()
    note = ""
    try:
        for piece in decompressed([bytes(raw)], response.headers):
            body += piece
            if len(body) > most:
                break
    except httpx.DecodingError as error:
        if len(raw) <= most:
            note = f" ... ({error})"
    if max(len(raw), len(body)) > most:
        note = f" ... (larger than {most:,} bytes)"
    if note:
        del body[_EXCERPT:]
    return _text(bytes(body), response) + note


def _text(body: bytes, response: httpx.Response) -> str:
    charset = (response.charset_encoding or "").lower()
    return body.decode(charset if charset in _CHARSETS else "utf-8-sig", "replace")
