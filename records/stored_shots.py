"""`shot.json`: the stored videos of a shot; and why a shot isn't stored."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from prefect_toapis.client.errors import Money
from prefect_toapis.client.media_facts import MediaFacts
from prefect_toapis.planning.plan import Shot
from prefect_toapis.records.documents import Moment, leads_to, read_document
from prefect_toapis.records.layout import belongs_to, is_below
from prefect_toapis.records.store import Entry

# Incremented when a column is removed, or changes its type or meaning. A new column doesn't
# require that: readers ignore unknown columns.
MANIFEST_VERSION = 1

# Bounds that every reader can represent; rows may come from untrusted files.
Count = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Bytes = Annotated[int, Field(ge=0, lt=2**63)]
Measure = Annotated[float, Field(ge=0, lt=1e12, allow_inf_nan=False)]

FACTS = tuple(field.name for field in fields(MediaFacts))


class StoredVideo(BaseModel):
    """A video of a shot, stored in the bucket.

    Args:
        output: 1 to `n`.
        key: Below the bucket's prefix.
        uri: The full `s3://...` URI.
        size: In bytes.
        sha256: Of the content, in hex.
        content_type: The MIME type.
        thumbnail_key: Of its poster: the provider's thumbnail, or else the video's first frame if
            PyAV is installed (the extra `posters`).
        seconds: Length of the video; like the next five, None if it isn't known.
        width: In pixels, as shown.
        height: In pixels, as shown.
        fps: Frames per second, on average.
        codec: Of the picture, such as `h264`.
        has_audio: Whether it has a sound track.
        remarks: What isn't as ordered, or looks defective, each with a figure.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    output: Count
    key: str
    uri: str
    size: Bytes
    sha256: str
    content_type: str
    thumbnail_key: str | None = None
    seconds: Measure | None = None
    width: Count | None = None
    height: Count | None = None
    fps: Measure | None = None
    codec: str | None = None
    has_audio: bool | None = None
    remarks: list[str] = []

    @property
    def facts(self) -> MediaFacts:
        """What is known of the video itself."""
        return MediaFacts(**{name: getattr(self, name) for name in FACTS})

    def with_facts(self, facts: MediaFacts) -> "StoredVideo":
        """Return a copy with other facts."""
        return self.model_copy(update=vars(facts))


class StoredShot(BaseModel):
    """The content of `shot.json`; it is written last, so a shot that has it is complete.

    Args:
        characters: Usernames of the characters that came with it (`character_create`).
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    version: Count = MANIFEST_VERSION
    shot: Shot
    task_id: str
    business_id: str
    attempt: Count
    run: str | None = None
    submitted_at: Moment | None = None
    stored_at: Moment
    videos: list[StoredVideo]
    characters: list[str] = []

    def to_json(self) -> bytes:
        """Return the content of `shot.json`."""
        return self.model_dump_json(indent=1, exclude_none=True).encode()

    @property
    def note(self) -> str | None:
        """How the result differs from the order; None if it doesn't."""
        missing = self.shot.request.outputs - len(self.videos)
        if missing <= 0:
            return None
        return (
            f"{len(self.videos)} of {self.shot.request.outputs} ordered videos were returned, "
            f"{missing} missing; `prefect-toapis reconcile {self.shot.batch}` requests the rest"
        )


class Unstored(BaseModel):
    """Why a shot of this run is not stored.

    Args:
        status: `failed`: there won't be a video; `open`: there may still be a video.
        reason: What happened and what can be done.
        reply: The first characters of a reply that could not be parsed.
        money: Whether it was spent; None if it follows from the status, see `spent_on`.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    status: Literal["failed", "open", "planned"]
    reason: str | None = None
    task_id: str | None = None
    business_id: str | None = None
    reply: str | None = None
    money: Money | None = None


def read_stored(content: bytes, key: str, uri: str) -> StoredShot:
    """Parse and check a `shot.json`.

    Args:
        content: Of the object.
        key: Of the object; it determines the shot's id and folder.
        uri: Of the object, for errors.

    Raises:
        DocumentDamaged: It is damaged; the next run writes it again, without paying.
        DocumentTooNew: It was written by a later version of this package.
    """
    folder = key.rpartition("/")[0]

    def mismatch(found: StoredShot) -> str | None:
        if not belongs_to(found.shot.shot_id, folder):
            return f"it belongs to another shot, {found.shot.shot_id}"
        if not found.videos:
            return "it names no videos"
        keys = [key for video in found.videos for key in (video.key, video.thumbnail_key) if key]
        outside = next((key for key in keys if not _is_in(key, folder)), None)
        if outside:
            return f"it names {outside}, outside its folder"
        batch = folder.partition("/")[0]
        shot = found.shot
        places = [place for place in (shot.folder, shot.record) if place]
        if shot.batch != batch or not all(is_below(place, batch) for place in places):
            return "its shot has a folder outside the batch"
        elsewhere = any(not leads_to(video.uri, video.key) for video in found.videos)
        return "the URI of a video doesn't match its key" if elsewhere else None

    return read_document(StoredShot, content, uri, MANIFEST_VERSION, mismatch)


def missing_files(stored: StoredShot, entries: Mapping[str, Entry]) -> list[str]:
    """Return the keys of a shot's videos that are missing, or have the wrong size.

    Args:
        stored: From `shot.json`.
        entries: The objects listed in the bucket.
    """
    return [
        video.key
        for video in stored.videos
        if video.key not in entries or entries[video.key].size != video.size
    ]


def with_posters_there(stored: StoredShot, entries: Mapping[str, Entry]) -> StoredShot:
    """Return a copy without missing posters; a video may be stored without a poster."""
    videos = [
        video
        if video.thumbnail_key is None or video.thumbnail_key in entries
        else video.model_copy(update={"thumbnail_key": None})
        for video in stored.videos
    ]
    return stored.model_copy(update={"videos": videos})


def stored_names(folder: str, stem: str, attempt: int, entries: Mapping[str, Entry]) -> list[str]:
    """Return the possible keys of a file of an attempt, keys specific to the attempt first.

    Args:
        folder: Of the shot.
        stem: Such as `video-1`.
        attempt: 1, 2, ...
        entries: The objects listed below the folder.

    Example:
        >>> stored_names("b/dog", "video-1", 1, {"b/dog/video-1.mp4": None})
        ['b/dog/video-1.mp4']
    """
    stems = [f"{folder}/{stem}-attempt-{attempt}.", f"{folder}/{stem}."]
    return [key for start in stems for key in entries if key.startswith(start)]


def _is_in(key: str, folder: str) -> bool:
    """Return whether a key is directly in a folder."""
    return is_below(key, folder) and key.rpartition("/")[0] == folder
