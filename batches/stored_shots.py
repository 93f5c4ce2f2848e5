"""`shot.json`: read without believing it blindly, and compared with what the bucket lists."""

from collections.abc import Mapping

from prefect_toapis.batches.documents import belongs_to, is_below, leads_to, read_document
from prefect_toapis.batches.manifest import MANIFEST_VERSION, StoredShot
from prefect_toapis.batches.store import Entry


def read_stored(content: bytes, key: str, uri: str) -> StoredShot:
    """What `shot.json` says, once it fits its place.

    Args:
        content: What is under the key.
        key: Of the object: the shot's id and its folder follow from it.
        uri: The whole address, for errors.

    Raises:
        DocumentDamaged: It can't be relied on; the next run makes it anew, without paying.
        DocumentTooNew: A later version of this package wrote it.
    """
    folder = key.rpartition("/")[0]

    def mismatch(found: StoredShot) -> str | None:
        if not belongs_to(found.shot.shot_id, folder):
            return f"it is about {found.shot.shot_id}, another shot"
        if not found.videos:
            return "it names no video"
        keys = [key for video in found.videos for key in (video.key, video.thumbnail_key) if key]
        outside = next((key for key in keys if not _is_in(key, folder)), None)
        if outside:
            return f"it names {outside}, outside of its folder"
        batch = folder.partition("/")[0]
        shot = found.shot
        places = [place for place in (shot.folder, shot.record) if place]
        if shot.batch != batch or not all(is_below(place, batch) for place in places):
            return "its shot has a folder outside of the batch"
        elsewhere = any(not leads_to(video.uri, video.key) for video in found.videos)
        return "the URI of a video is not that of its key" if elsewhere else None

    return read_document(StoredShot, content, uri, MANIFEST_VERSION, mismatch)


def _is_in(key: str, folder: str) -> bool:
    """Whether a key is directly in a folder."""
    return is_below(key, folder) and key.rpartition("/")[0] == folder


def missing_files(stored: StoredShot, entries: Mapping[str, Entry]) -> list[str]:
    """The keys of a shot's videos that the bucket doesn't have, or has with another size.

    Args:
        stored: As `shot.json` has it.
        entries: What the bucket lists.
    """
    return [
        video.key
        for video in stored.videos
        if video.key not in entries or entries[video.key].size != video.size
    ]


def with_posters_there(stored: StoredShot, entries: Mapping[str, Entry]) -> StoredShot:
    """The same, without the posters that the bucket doesn't have: a video is stored without one."""
    videos = [
        video
        if video.thumbnail_key is None or video.thumbnail_key in entries
        else video.model_copy(update={"thumbnail_key": None})
        for video in stored.videos
    ]
    return stored.model_copy(update={"videos": videos})


def stored_names(folder: str, stem: str, attempt: int, entries: Mapping[str, Entry]) -> list[str]:
    """The keys under which a file of an attempt may be, those that are made for it first.

    Args:
        folder: Of the shot.
        stem: Such as `video-1`.
        attempt: 1, 2, ...
        entries: What the bucket lists below the folder.

    Example:
        >>> stored_names("b/dog", "video-1", 1, {"b/dog/video-1.mp4": None})
        ['b/dog/video-1.mp4']
    """
    stems = [f"{folder}/{stem}-attempt-{attempt}.", f"{folder}/{stem}."]
    return [key for start in stems for key in entries if key.startswith(start)]
