"""The videos that the simulator serves: made when first asked for, and kept."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from prefect_toapis.simulator.clip_spec import ClipSpec

_CHUNK = 256 * 1024
_ZEROS = bytes(_CHUNK)
_BOX_HEADER = 8
_LARGE = 2**32


@dataclass(frozen=True)
class ServedFile:
    """A file as it is served: content, then padding that is never held in memory.

    Args:
        content_type: Its media type.
        content: Its bytes.
        pad_to: Its size in bytes; smaller than the content, or less than the 8 bytes of an MP4
            box header larger: no padding.
    """

    content_type: str
    content: bytes = field(repr=False)
    pad_to: int = 0
    etag: str = ""

    @property
    def size(self) -> int:
        """In bytes, padding included."""
        return len(self.content) + self._padding

    def chunks(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from start up to, not including, stop, in pieces."""
        head = self.content + self._box_header
        while start < min(stop, len(head)):
            piece = head[start : min(stop, start + _CHUNK)]
            yield piece
            start += len(piece)
        while start < stop:
            piece = _ZEROS[: stop - start]
            yield piece
            start += len(piece)

    @property
    def _padding(self) -> int:
        padding = self.pad_to - len(self.content)
        return padding if padding >= _BOX_HEADER else 0

    @property
    def _box_header(self) -> bytes:
        if not self._padding:
            return b""
        if self._padding < _LARGE:
            return self._padding.to_bytes(4, "big") + b"free"
        return (1).to_bytes(4, "big") + b"free" + self._padding.to_bytes(8, "big")


class Clips:
    """Makes clips and thumbnails in a thread, each once, and keeps the last ones.

    Args:
        pad_to: The size of each video file, in bytes; None for as it comes.
        kept: How many files are kept; drawn prompts make one for each shot.

    Attributes:
        asked: How many files were asked for.
        encoded: How many had to be made.
    """

    def __init__(self, pad_to: int | None = None, kept: int = 256) -> None:
        self.asked = 0
        self.encoded = 0
        self._pad_to = pad_to or 0
        self._kept = kept
        self._made: OrderedDict[tuple[str, ClipSpec], asyncio.Future[ServedFile]] = OrderedDict()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="simulator-clips")

    async def video(self, spec: ClipSpec) -> ServedFile:
        """An MP4 (H.264 and AAC) that plays while it loads."""
        return await self._once("video/mp4", spec, _encode_video)

    async def thumbnail(self, spec: ClipSpec) -> ServedFile:
        """A JPEG of one of its frames."""
        return await self._once("image/jpeg", spec, _encode_thumbnail)

    def close(self) -> None:
        """Begin no further clip; on the event loop that asks for them."""
        for made in self._made.values():
            made.cancel()
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def _once(
        self, content_type: str, spec: ClipSpec, encode: Callable[[ClipSpec], bytes]
    ) -> ServedFile:
        key = (content_type, spec)
        self.asked += 1
        if key not in self._made:
            loop = asyncio.get_running_loop()
            self._made[key] = loop.run_in_executor(self._worker, self._make, key, encode)
            if len(self._made) > self._kept:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        made = self._made[key]
        try:
            return await asyncio.shield(made)  # others may wait for it when this client goes away
        except Exception:
            if self._made.get(key) is made:
                del self._made[key]  # so that the next request tries again
            raise

    def _make(self, key: tuple[str, ClipSpec], encode: Callable[[ClipSpec], bytes]) -> ServedFile:
        content_type, spec = key
        content = encode(spec)
        self.encoded += 1
        pad_to = self._pad_to if content_type == "video/mp4" else 0
        digest = hashlib.sha256(content + pad_to.to_bytes(8, "big")).hexdigest()[:32]
        return ServedFile(content_type, content, pad_to, etag=f'"{digest}"')


def require_encoder() -> None:
    """Raise ImportError, with what to install, unless clips can be made."""
    try:
        import prefect_toapis.simulator.encoding  # noqa: F401, PLC0415 - PyAV and Pillow are optional
    except ImportError as error:
        raise ImportError(
            'The simulator\'s clips need PyAV and Pillow: pip install "prefect-toapis[demo]"'
        ) from error


def _encode_video(spec: ClipSpec) -> bytes:
    require_encoder()
    from prefect_toapis.simulator.encoding import encode_video  # noqa: PLC0415 - optional, as above

    return encode_video(spec)


def _encode_thumbnail(spec: ClipSpec) -> bytes:
    require_encoder()
    from prefect_toapis.simulator.encoding import encode_thumbnail  # noqa: PLC0415 - as above

    return encode_thumbnail(spec)
