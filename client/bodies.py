"""The bodies of responses: decompressed piece by piece, and never more of one than is wanted."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import httpx

ACCEPTED = "gzip, deflate"  # what `decompressed` understands
REPLY_BYTES = 8 * 1024 * 1024  # of a reply of the API, after decompression

_PIECE = 256 * 1024  # bytes
_EXCERPT = 2_000  # bytes of a body that is too large
# JSON is UTF-8; pages of gateways may be in these. Other names could be codecs that aren't made
# for text, or slow ones.
_CHARSETS = frozenset({"gbk", "gb2312", "gb18030", "big5", "iso-8859-1", "windows-1252"})


@dataclass(frozen=True)
class Bounds:
    """What a call may take, and its reply may hold.

    Args:
        seconds: For a call as a whole, however its reply trickles in.
        upload_speed: Bytes a second: an upload has more time by its size.
        reply_bytes: Of a reply, after decompression.
    """

    seconds: float = 45.0
    upload_speed: float = 64 * 1024
    reply_bytes: int = REPLY_BYTES

    def deadline(self, size: int) -> float:
        """The seconds for a call with a file of so many bytes.

        Example:
            >>> Bounds().deadline(0), Bounds().deadline(10 * 1024 * 1024)
            (45.0, 205.0)
        """
        return self.seconds + size / self.upload_speed


def decompressed(pieces: Iterable[bytes], headers: httpx.Headers) -> Iterator[bytes]:
    """What a body holds, in pieces that are small however much it was compressed.

    Args:
        pieces: As they came.
        headers: Of the response.

    Raises:
        httpx.DecodingError: It is compressed in another way, broken or cut.

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
        raise httpx.DecodingError(f"a content encoding that was not asked for: {encoding[:40]!r}")


def _inflated(pieces: Iterable[bytes], *, raw: bool) -> Iterator[bytes]:
    """Gzip and zlib say what they are; `deflate` may also come without any header."""
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
        raise httpx.DecodingError("the compressed body was cut")


async def read_text(response: httpx.Response, most: int = REPLY_BYTES) -> str:
    """The body of a reply as text; what is too large, or can't be decoded, is no JSON any more.

    Args:
        response: Opened for streaming.
        most: Bytes, before and after decompression.

    Raises:
        httpx.HTTPError: The transfer breaks off.
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
