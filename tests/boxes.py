"""Files with the outermost structure of videos, and nothing inside."""

FTYP = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2"


def box(kind: bytes, content: bytes = b"") -> bytes:
    """A box of an MP4 file."""
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def mp4(size: int) -> bytes:
    """So many bytes that have the structure of an MP4 file, its index at the end."""
    index = box(b"moov")
    media = size - len(FTYP) - len(index) - 8
    return FTYP + box(b"mdat", (bytes(range(256)) * (media // 256 + 1))[:media]) + index
