"""Downloading a result: an HTTP reader that validates the video and resumes broken transfers.

The key is sent to the API's own origin only. Content that isn't a video is detected by its first
bytes, and a truncated video at its end. A broken transfer is resumed where it stopped, as long as
the host serves the same file; otherwise reading raises, so that an upload in progress is aborted.
"""

import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
from pydantic import SecretStr
from typing_extensions import Self

from prefect_toapis.client.errors import NotAVideo, ResultRefused, Unavailable
from prefect_toapis.client.excerpts import excerpt
from prefect_toapis.client.key import without_frames
from prefect_toapis.client.media import HEAD, SUFFIXES, Kind, media_type
from prefect_toapis.client.media_containers import ContainerCheck, container_check
from prefect_toapis.client.media_facts import MediaFacts
from prefect_toapis.client.response_bodies import decompressed
from prefect_toapis.client.response_decisions import retry_after
from prefect_toapis.client.result_host import LeastSpeed, ResultSource, host_of, result_client
from prefect_toapis.client.urls import DEFAULT_BASE_URL

_REFUSALS = {401, 403, 404, 410}
_UNUSABLE = (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError)
_PROGRESS = 64 * 1024  # bytes that earn another resume
_SHOWN = 60  # characters of content that isn't a video
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}", re.ASCII)
# A parameter with a value, or a run of characters as in signatures and keys.
_MAYBE_SECRET = re.compile(r"[?&;][^=]*=|^[\w.-]+=\S|[\w+/=%-]{20}")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True)
class ResumePolicy:
    """When to resume a broken transfer, and when to give up.

    Args:
        stall: Seconds without a byte after which the transfer counts as broken.
        resumes: The maximum number of resumes in a row without progress (64 KB).
        pause: Seconds before the first resume, doubled before each further.
        resumes_in_all: The maximum number of resumes, plus an extra for each 64 KB received.
        least: The minimum speed; slower transfers have stalled.
    """

    stall: float = 30.0
    resumes: int = 5
    pause: float = 0.2
    resumes_in_all: int = 50
    least: LeastSpeed = field(default_factory=LeastSpeed)

    @classmethod
    def within(cls, budget: float) -> Self:
        """The default policy, with pauses that add up to at most `budget` seconds in a row.

        Example:
            >>> ResumePolicy.within(60).pause, ResumePolicy.within(0).pause
            (0.2, 0.0)
        """
        return cls(pause=min(cls.pause, budget / (2**cls.resumes - 1)))


@dataclass(frozen=True)
class FileFacts:
    """The properties that identify a file across requests.

    Args:
        length: In bytes; None if not reported, or if the transfer is compressed.
        etag: The strong ETag; None if there is none.
    """

    length: int | None
    etag: str | None

    def range_headers(self, start: int) -> dict[str, str]:
        """The headers that request the rest of the file, provided it is unchanged.

        Args:
            start: The offset in bytes.

        Example:
            >>> FileFacts(100, '"ab12"').range_headers(40)
            {'Range': 'bytes=40-', 'If-Range': '"ab12"'}
        """
        if not start:
            return {}
        return {"Range": f"bytes={start}-", **({"If-Range": self.etag} if self.etag else {})}

    def is_continuation(self, status: int, headers: httpx.Headers, start: int) -> bool:
        """Whether an answer is the rest of this file, from `start` to its end."""
        if not start:
            return status == 200 and file_facts(headers) == self
        content_range = _RANGE.fullmatch(headers.get("content-range", ""))
        if status != 206 or not content_range or headers.get("content-encoding"):
            return False
        first, last, length = map(int, content_range.groups())
        same = self.etag is None or headers.get("etag") in {None, self.etag}
        return same and (first, last + 1, length) == (start, self.length, self.length)


def file_facts(headers: httpx.Headers) -> FileFacts:
    """The properties of a file by the headers of a full response.

    Example:
        >>> file_facts(httpx.Headers({"content-length": "100", "etag": 'W/"weak"'}))
        FileFacts(length=100, etag=None)
    """
    length, etag = headers.get("content-length", ""), headers.get("etag", "")
    plain = not headers.get("content-encoding") and length.isdecimal()
    return FileFacts(int(length) if plain else None, etag if etag.startswith('"') else None)


class ResultReader:
    """Reads a result as a stream, with blocking calls: use it in a thread, and close it.

    The constructor sends the request and checks the first bytes. A transfer that breaks or stalls
    is resumed (`Range`), guarded by the ETag or the length. At its end, the structure of the video
    is checked for completeness.

    Args:
        url: The (signed) URL; it never appears in errors or in the variables of a traceback.
        kind: The expected kind of media.
        base_url: The root of the API; the result, redirects included, may be at a private address
            only if the API is.
        api_key: The account's key, sent to the API's own origin only, after a 401 without it.
        resume_policy: When to resume a transfer that broke off, and when to give up.

    Attributes:
        content_type: The media type, by the content's first bytes.
        length: The total size in bytes, as reported by the host; None if it isn't.
        size: Bytes read so far.

    Raises:
        ResultRefused: The host refuses the URL, or must not be contacted.
        NotAVideo: The content isn't a video; while reading: the file is damaged.
        Unavailable: The host doesn't answer; while reading: the transfer was interrupted.

    Example:
        ```python
        with closing(ResultReader(SecretStr(output.url))) as reader:
            bucket.upload(f"video-1.{reader.suffix}", reader, reader.content_type)
        print(reader.size, reader.sha256)
        ```
    """

    def __init__(
        self,
        url: SecretStr,
        kind: Kind = "video",
        *,
        base_url: str = DEFAULT_BASE_URL,
        api_key: SecretStr | None = None,
        resume_policy: ResumePolicy = ResumePolicy(),
    ) -> None:
        self._url = url
        self._resume_policy = resume_policy
        self._source = ResultSource(result_client(base_url, resume_policy.least), base_url, api_key)
        self._hash = hashlib.sha256()
        self._came = 0  # bytes, those in the buffer included
        self._resumed_at = 0
        self._resumes = 0
        self._in_vain = 0  # resumes in a row
        self._structure: ContainerCheck | None = None
        self.size = 0
        self._response = self._ask({})
        try:
            self._check_status(self._response)
            self._facts = file_facts(self._response.headers)
            # Pieces as received: larger ones would be buffered, and lost if the transfer breaks.
            self._chunks = self._pieces()
            self._buffer = b""
            while len(self._buffer) < HEAD and (piece := self._more()):
                self._buffer += piece
            self.content_type = self._type_of(self._buffer, kind)
            self._structure = container_check(self.content_type)
            self._check_structure(self._buffer)
        except BaseException:
            self.close()
            raise

    @property
    def length(self) -> int | None:
        """The total size in bytes, as reported by the host; None if it isn't."""
        return self._facts.length

    @property
    def sha256(self) -> str:
        """The SHA-256 of the bytes read so far, in hex."""
        return self._hash.hexdigest()

    @property
    def facts(self) -> MediaFacts:
        """What the video's index says; complete once everything is read."""
        return self._structure.facts if self._structure else MediaFacts()

    @property
    def suffix(self) -> str:
        """The file name suffix of this type, without a dot."""
        return SUFFIXES[self.content_type]

    def close(self) -> None:
        """Close the connection."""
        self._response.close()

    def read(self, size: int, /) -> bytes:
        """Read up to `size` bytes; b"" only at the end of a complete file."""
        if not self._buffer:
            self._buffer = self._more()
            self._check_structure(self._buffer)
        piece, self._buffer = self._buffer[:size], self._buffer[size:]
        self._hash.update(piece)
        self.size += len(piece)
        return piece

    def _ask(self, headers: dict[str, str]) -> httpx.Response:
        try:
            return self._source.open(
                self._url,
                {"Accept-Encoding": "identity", **headers},
                httpx.Timeout(self._resume_policy.stall, connect=10.0),
            )
        except _UNUSABLE as error:
            raise ResultRefused(_broken(error, _asked(error))) from None
        except httpx.HTTPError as error:
            what = _broken(error, _asked(error))  # its own text may contain the URL
            raise Unavailable(what, money="spent") from None
        except BaseException as error:
            without_frames(error)
            raise error  # noqa: TRY201 - a bare one puts the frames back in Python 3.10

    def _pieces(self) -> Iterator[bytes]:
        return decompressed(self._response.iter_raw(), self._response.headers)

    def _more(self) -> bytes:
        """The next bytes, b"" at the end; broken transfers are resumed."""
        while True:
            stalled = False
            try:
                piece = next(self._chunks, b"")
                length = self._facts.length
                what = f"the transfer from {self._host} ended after {self._came} of {length} bytes"
            except httpx.HTTPError as error:
                piece, what = b"", f"{_broken(error, self._host)} after {self._came} bytes"
                stalled = isinstance(error, httpx.TimeoutException)
            except BaseException as error:
                without_frames(error)
                raise error  # noqa: TRY201 - a bare one puts the frames back in Python 3.10
            else:
                if piece or self._facts.length in {None, self._came}:
                    self._came += len(piece)
                    return piece
            self._resume(what, stalled=stalled)

    def _resume(self, what: str, *, stalled: bool) -> None:
        """Wait and request the rest, or give up if resuming makes too little progress."""
        policy, gained = self._resume_policy, self._came - self._resumed_at
        self._resumed_at = self._came
        if gained and not (stalled and gained < _PROGRESS):
            self._in_vain = 0
        spent = self._resumes >= policy.resumes_in_all + self._came // _PROGRESS
        if self._facts.length is None or spent or self._in_vain == policy.resumes:
            raise Unavailable(what, money="spent")
        time.sleep(policy.pause * 2**self._in_vain)
        self._resumes += 1
        self._in_vain += 1
        self._request_rest(what)

    def _request_rest(self, what: str) -> None:
        """Request the rest; if the host is unavailable, the next read resumes again."""
        self._response.close()
        try:
            self._response = self._ask(self._facts.range_headers(self._came))
        except Unavailable:
            self._chunks = iter(())
            return
        status = self._response.status_code
        if status >= 500 or status == 429:
            self._chunks = iter(())
        elif self._facts.is_continuation(status, self._response.headers, self._came):
            self._chunks = self._pieces()
        else:
            self._check_refusal(self._response)
            what = f"{what}, and the host doesn't resume it"
            raise Unavailable(what, http_status=status, money="spent")

    def _check_structure(self, piece: bytes) -> None:
        """Follow a video's structure; `piece` is empty at the end of the file."""
        if self._structure is None:
            return
        if piece:
            self._structure.feed(piece)
        if fault := self._structure.fault if piece else self._structure.finish():
            if self._facts.length is None and not piece:  # the host didn't report a length
                what = f"the transfer from {self._host} was cut after {self._came} bytes"
                raise Unavailable(f"{what}: the video is incomplete, {fault}", money="spent")
            raise NotAVideo(f"the video at {self._host} is damaged: {fault}")

    @property
    def _host(self) -> str:
        """The host that answered, after redirects."""
        return host_of(self._response.url)

    def _check_refusal(self, response: httpx.Response) -> None:
        if (status := response.status_code) in _REFUSALS:
            what = f"the host of the result, {host_of(response.url)}, refuses its URL"
            raise ResultRefused(what, http_status=status)

    def _check_status(self, response: httpx.Response) -> None:
        status = response.status_code
        self._check_refusal(response)
        if status != 200:
            what = f"the host of the result, {host_of(response.url)}, is unavailable"
            error = Unavailable(what, http_status=status, money="spent")
            delay = retry_after(response.headers.get("retry-after"), time.time())
            raise error if delay is None else error.add_context(retry_after=delay)

    def _type_of(self, start: bytes, kind: Kind) -> str:
        if content_type := media_type(start, kind):
            return content_type
        declared = _MEDIA_TYPE.match(self._response.headers.get("content-type", ""))
        type_name = declared[0].lower() if declared else "no type"
        beginning = f"{type_name}, beginning with {_beginning(start)!r}, from {self._host}"
        article = "an" if kind == "image" else "a"
        raise NotAVideo(f"the result is not {article} {kind}: {beginning}")


def _beginning(content: bytes) -> str:
    """The beginning of a file as text, without anything that may be a secret."""
    if not content:
        return "nothing"
    words = excerpt(content.decode("ascii", "replace"), _SHOWN).split(" ")
    return " ".join("…" if _MAYBE_SECRET.search(word) else word for word in words)


def _broken(error: Exception, host: str | None) -> str:
    where = f" from {host}" if host else ""
    return f"the result could not be downloaded{where}: {type(error).__name__}"


def _asked(error: Exception) -> str | None:
    """The host of a failed request; None for an invalid URL."""
    try:
        return host_of(error.request.url) if isinstance(error, httpx.RequestError) else None
    except RuntimeError:  # the error names no request
        return None
