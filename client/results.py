"""Fetching a result: a reader over HTTP that knows what a video looks like, and goes on.

The key goes to the API's own origin alone. What isn't a video is noticed at its first bytes, and
what is only a part of one at its last. A transfer that breaks off is gone on with where it stopped,
as long as the host says that the file is still the same; else it is an error, so that whoever
stores while reading can withdraw.
"""

import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
from pydantic import SecretStr
from typing_extensions import Self

from prefect_toapis.client.bodies import decompressed
from prefect_toapis.client.containers import ContainerCheck, container_check
from prefect_toapis.client.decisions import retry_after
from prefect_toapis.client.errors import NotAVideo, ResultRefused, Unavailable
from prefect_toapis.client.excerpts import excerpt
from prefect_toapis.client.key import without_frames
from prefect_toapis.client.media import HEAD, SUFFIXES, Kind, media_type
from prefect_toapis.client.result_host import LeastSpeed, ResultSource, host_of, result_client
from prefect_toapis.client.urls import DEFAULT_BASE_URL

_REFUSALS = {401, 403, 404, 410}
_UNUSABLE = (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError)
_PROGRESS = 64 * 1024  # bytes: so many earn another try
_SHOWN = 60  # characters of what is no video
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}", re.ASCII)
# A parameter with a value, or a run of characters such as signatures and keys are.
_MAYBE_SECRET = re.compile(r"[?&;][^=]*=|^[\w.-]+=\S|[\w+/=%-]{20}")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True)
class ResumePolicy:
    """What a transfer is put up with.

    Args:
        stall: Seconds without a byte, after which it counts as broken off.
        resumes: How often in a row it is gone on with while not a single byte comes, or next to
            none before it stalls again.
        pause: Seconds before the first of them; twice as long before each other.
        resumes_in_all: How often it is gone on with, and once more for each 64 KB that came.
        least: How slowly it may come; what is slower has stalled.
    """

    stall: float = 30.0
    resumes: int = 5
    pause: float = 0.2
    resumes_in_all: int = 50
    least: LeastSpeed = field(default_factory=LeastSpeed)

    @classmethod
    def within(cls, budget: float) -> Self:
        """The usual one, but for pauses that come to no more than `budget` seconds in a row.

        Example:
            >>> ResumePolicy.within(60).pause, ResumePolicy.within(0).pause
            (0.2, 0.0)
        """
        return cls(pause=min(cls.pause, budget / (2**cls.resumes - 1)))


@dataclass(frozen=True)
class FileFacts:
    """What a host tells of a file: enough to know it again.

    Args:
        length: In bytes; None if it isn't told, or is that of a compressed transfer.
        etag: A strong one; None if there is none.
    """

    length: int | None
    etag: str | None

    def range_headers(self, start: int) -> dict[str, str]:
        """The headers that ask for the rest of the file, and of this file alone.

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
        told = _RANGE.fullmatch(headers.get("content-range", ""))
        if status != 206 or not told or headers.get("content-encoding"):
            return False
        first, last, length = map(int, told.groups())
        same = self.etag is None or headers.get("etag") in {None, self.etag}
        return same and (first, last + 1, length) == (start, self.length, self.length)


def file_facts(headers: httpx.Headers) -> FileFacts:
    """What the headers of a whole file tell of it.

    Example:
        >>> file_facts(httpx.Headers({"content-length": "100", "etag": 'W/"weak"'}))
        FileFacts(length=100, etag=None)
    """
    length, etag = headers.get("content-length", ""), headers.get("etag", "")
    plain = not headers.get("content-encoding") and length.isdecimal()
    return FileFacts(int(length) if plain else None, etag if etag.startswith('"') else None)


class ResultReader:
    """Reads a result as a stream, with blocking calls: use it in a thread, and close it.

    Opening it starts the request and looks at the first bytes. A transfer that breaks off, or
    stalls, is gone on with (`Range`), guarded by the ETag or the length. Its end is an end only if
    the video's own structure says that it is whole.

    Args:
        url: The (signed) URL; it appears in no error, and in no variable of a traceback.
        kind: What it should be.
        base_url: Of the API whose result it is: only where that is at a private address may the
            result be, redirects included.
        api_key: The account's, sent to the API's own origin alone, and only where that answers 401
            without it.
        resume_policy: When to resume a transfer that broke off, and when to give up.

    Attributes:
        content_type: By the content's first bytes.
        length: Bytes in all, as the host tells; None if it doesn't.
        size: Bytes read so far.

    Raises:
        ResultRefused: The host refuses the URL, or must not be asked.
        NotAVideo: The content is something else; while reading: the file is damaged.
        Unavailable: The host doesn't answer; while reading: the transfer was cut.

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
            # In the pieces that come: larger ones would be gathered, and lost when it breaks off.
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
        """See the class."""
        return self._facts.length

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
            what = _broken(error, _asked(error))  # its own text may hold the URL
            raise Unavailable(what, money="spent") from None
        except BaseException as error:
            without_frames(error)
            raise error  # noqa: TRY201 - a bare one puts the frames back in Python 3.10

    def _pieces(self) -> Iterator[bytes]:
        return decompressed(self._response.iter_raw(), self._response.headers)

    def _more(self) -> bytes:
        """The next bytes, b"" at the end; what breaks off is gone on with."""
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
        """Wait, and ask for the rest; or give up where that brings next to nothing."""
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
        self._go_on(what)

    def _go_on(self, what: str) -> None:
        """Ask for the rest; a host that is out of order for now is asked once more."""
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
            what = f"{what}, and the host doesn't go on with it"
            raise Unavailable(what, http_status=status, money="spent")

    def _check_structure(self, piece: bytes) -> None:
        """Follow a video's structure; `piece` is empty at the end of the file."""
        if self._structure is None:
            return
        if piece:
            self._structure.feed(piece)
        if fault := self._structure.fault if piece else self._structure.finish():
            if self._facts.length is None and not piece:  # nothing else said where its end is
                what = f"the transfer from {self._host} was cut after {self._came} bytes"
                raise Unavailable(f"{what}: the video is not whole, {fault}", money="spent")
            raise NotAVideo(f"the video at {self._host} is damaged: {fault}")

    @property
    def _host(self) -> str:
        """Which host answered, after redirects."""
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
        told = _MEDIA_TYPE.match(self._response.headers.get("content-type", ""))
        said = told[0].lower() if told else "no type"
        beginning = f"{said}, beginning with {_beginning(start)!r}, from {self._host}"
        raise NotAVideo(f"the result is no {kind}: {beginning}")


def _beginning(content: bytes) -> str:
    """What a file begins with, in words or as text, with nothing in it that may be a secret."""
    if not content:
        return "nothing"
    words = excerpt(content.decode("ascii", "replace"), _SHOWN).split(" ")
    return " ".join("…" if _MAYBE_SECRET.search(word) else word for word in words)


def _broken(error: Exception, host: str | None) -> str:
    where = f" from {host}" if host else ""
    return f"the result could not be fetched{where}: {type(error).__name__}"


def _asked(error: Exception) -> str | None:
    """Which host was asked; None for a URL that isn't one."""
    try:
        return host_of(error.request.url) if isinstance(error, httpx.RequestError) else None
    except RuntimeError:  # the error names no request
        return None
