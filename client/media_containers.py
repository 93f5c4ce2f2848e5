"""Streaming check whether a video file is complete, by its outermost structure.

MP4 and MOV files are sequences of boxes, WebM and Matroska files sequences of elements, and each
states its length: a truncated file ends inside a part, or lacks a required part. Of their
contents only the index is parsed, for what it says of the video, so a cut between two fragments of
a fragmented file can't be detected.
"""

import math
from abc import ABC, abstractmethod

from prefect_toapis.client.media_facts import MOST_INDEX, MediaFacts, facts_of_index

_HEADER = 8  # bytes of a box's length and type; 8 more for a length of 64 bits
_BOX_TYPE = frozenset(range(0x20, 0x7F)) | {0xA9}  # 0xA9: QuickTime's own names

_SEGMENT, _CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"


class ContainerCheck(ABC):
    r"""Checks a file piece by piece.

    Args:
        least: The length of the shortest header of a part, in bytes.

    Example:
        >>> check = Boxes()
        >>> check.feed(b"\0\0\0\x10ftypisom\0\0")
        >>> check.finish()
        'it ends 2 bytes before the end of its box ftyp'
    """

    def __init__(self, least: int) -> None:
        self._least = least
        self._needed = least  # bytes of the current header
        self._header = bytearray()
        self._left: float = 0  # remaining bytes of the current part; infinite: to the file's end
        self._part = ""
        self._padded = False
        self._kept: bytearray | None = None  # the content of the current part, if it is kept
        self.fault: str | None = None
        """The fault found so far, if any."""

    def feed(self, piece: bytes) -> None:
        """Check the next bytes."""
        at = 0
        while at < len(piece) and self.fault is None:
            if self._padded:
                if piece[at:].strip(b"\0"):
                    self.fault = "unexpected bytes follow its end"
                return
            if self._left:
                passed = int(min(self._left, len(piece) - at))
                self._left -= passed
                if self._kept is not None:
                    self._kept += piece[at : at + passed]
            else:
                passed = min(self._needed - len(self._header), len(piece) - at)
                self._header += piece[at : at + passed]
                if len(self._header) == self._needed:
                    self._read_header(bytes(self._header))
            at += passed

    def finish(self) -> str | None:
        """The fault of the file as a whole; None if it is complete."""
        if self.fault is None:
            self.fault = self._cut() or self.missing()
        return self.fault

    @property
    def facts(self) -> MediaFacts:
        """What the file's index says of the video, once it has passed."""
        return MediaFacts()

    def _cut(self) -> str | None:
        # A few zeros may follow a complete file; fewer than 4 may also be the start of a length.
        if self._header and (self.missing() or self._header.strip(b"\0") or len(self._header) < 4):
            return "it ends inside the header of its next part"
        if 0 < self._left < math.inf:
            return f"it ends {self._left:.0f} bytes before the end of its {self._part}"
        return None

    def _read_header(self, header: bytes) -> None:
        if not header.strip(b"\0") and self.missing() is None:
            self._padded = True  # zeros after a complete file are allowed
            self._header.clear()
            return
        try:
            self._needed = self.header_length(header)
            if self._needed == len(header):
                self._part, self._left = self.enter(header)
                self._header.clear()
                self._needed = self._least
        except ValueError as error:
            self.fault = str(error)

    @abstractmethod
    def header_length(self, header: bytes) -> int:
        """The length of a header, as far as its first bytes show.

        Raises:
            ValueError: It isn't a valid header.
        """

    @abstractmethod
    def enter(self, header: bytes) -> tuple[str, float]:
        """The name of the part that a header starts, and the number of bytes after the header.

        Raises:
            ValueError: It isn't a valid header.
        """

    @abstractmethod
    def missing(self) -> str | None:
        """The required part that was not found yet; None if all were."""


class Boxes(ContainerCheck):
    """The boxes of an MP4 or MOV file (ISO 14496-12), fragmented or not."""

    def __init__(self) -> None:
        super().__init__(_HEADER)
        self._has_index = False
        self._has_media = False
        self._index: bytearray | None = None

    @property
    def facts(self) -> MediaFacts:
        """What the index (`moov`) says, wherever it is in the file; nothing if it is too long."""
        return facts_of_index(bytes(self._index or b""))

    def header_length(self, header: bytes) -> int:
        """8 bytes, or 16 where the length doesn't fit into four."""
        if not _BOX_TYPE.issuperset(header[4:_HEADER]):
            raise ValueError("invalid data follows its first boxes")
        return 2 * _HEADER if int.from_bytes(header[:4], "big") == 1 else _HEADER

    def enter(self, header: bytes) -> tuple[str, float]:
        """A length of 0 means: to the end of the file."""
        kind, size = header[4:_HEADER], int.from_bytes(header[:4], "big")
        name = f"box {kind.decode('latin-1')}"
        if len(header) > _HEADER:
            size = int.from_bytes(header[_HEADER:], "big")
        elif size == 0:
            self._note(kind, math.inf)
            return name, math.inf
        if size < len(header):
            raise ValueError(f"its {name} is shorter than a header")
        self._note(kind, size - len(header))
        return name, size - len(header)

    def missing(self) -> str | None:
        """A video has an index and media data, which follow each fragment's index if fragmented."""
        if not self._has_index:
            return "it has no index (moov)"
        return None if self._has_media else "it ends before its media data (mdat)"

    def _note(self, kind: bytes, size: float) -> None:
        self._kept = None
        if kind == b"moov":
            if not self._has_index and size <= MOST_INDEX:
                self._kept = self._index = bytearray()
            self._has_index = True
        elif kind in {b"mdat", b"moof"}:
            self._has_media = kind == b"mdat"


class Elements(ContainerCheck):
    """The elements of a WebM or Matroska file (RFC 8794, RFC 9559).

    Elements of unknown length, as in live streams, are entered: their children are checked.
    """

    def __init__(self) -> None:
        super().__init__(1)
        self._has_segment = False
        self._has_media = False

    def header_length(self, header: bytes) -> int:
        """An id of 1 to 4 bytes and a length of 1 to 8, both sized by their leading zero bits."""
        id_length = 9 - header[0].bit_length()
        if id_length > 4:
            raise ValueError("invalid data follows its first elements")
        if len(header) <= id_length:
            return id_length + 1
        length = 9 - header[id_length].bit_length()
        if length > 8:
            raise ValueError("the length of an element can't be read")
        return id_length + length

    def enter(self, header: bytes) -> tuple[str, float]:
        """All bits set mean: no stated length."""
        id_length = 9 - header[0].bit_length()
        kind, digits = header[:id_length], header[id_length:]
        all_set = (1 << 7 * len(digits)) - 1
        size = int.from_bytes(digits, "big") & all_set
        unknown = size == all_set
        if kind == _SEGMENT:
            self._has_segment = True
            self._has_media = not unknown
        elif kind == _CLUSTER:
            self._has_media = True
        elif unknown:
            raise ValueError("an element has no length")
        return f"element {kind.hex()}", 0 if unknown else size

    def missing(self) -> str | None:
        """A video has a segment, and in it clusters."""
        if not self._has_segment:
            return "it ends before its segment"
        return None if self._has_media else "it ends before its first cluster"


def container_check(content_type: str) -> ContainerCheck | None:
    """The check for files of a type; None if the type has no such structure.

    Args:
        content_type: As `media_type` names it.
    """
    if content_type in {"video/mp4", "video/quicktime"}:
        return Boxes()
    return Elements() if content_type == "video/webm" else None
