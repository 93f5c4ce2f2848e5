"""Reads and checks `shot.json`, and compares it with the objects in the bucket."""

from collections.abc import Mapping

from prefect_toapis.batches.documents import belongs_to, is_below, leads_to, read_document
from prefect_toapis.batches.manifest import MANIFEST_VERSION, StoredShot
from prefect_toapis.batches.store import Entry


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


def _is_in(key: str, folder: str) -> bool:
    """Return whether a key is directly in a folder."""
    return is_below(key, folder) and key.rpartition("/")[0] == folder


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
