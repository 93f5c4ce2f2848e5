"""Finding the result URLs of a generation in a reply of any shape ([W]).

A reply is searched for URLs by the member names that gateways use, not by a fixed path. The place
with the most URLs is used: several URLs in an object are variants of a video (with a watermark, on
another host), several URLs in a list are several videos.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from prefect_toapis.client.json_values import canonical, members, parsed, remembered, text_of

_DEEPEST, _MOST_VALUES, _MOST_OUTPUTS, _LONGEST_URL = 10, 2000, 32, 8192

# Parts of names that are never a result: other media, echoed request fields, other URLs.
_PICTURES = (
    *("image", "img", "thumb", "cover", "poster", "preview", "frame", "gif", "avatar", "picture"),
    *("photo", "icon", "logo", "sprite", "storyboard", "snapshot", "mask"),
)
_SOUNDS = ("audio", "music", "voice", "sound", "subtitle", "caption")
_SENT_ALONG = (
    *("input", "request", "param", "prompt", "refer", "character", "callback", "hook", "notif"),
    *("remix", "parent", "sourcevideo", "sourceurl", "originalvideo"),
    *("initvideo", "uploaded", "template", "option", "setting", "config", "argument"),
)
_OTHER = (
    *("status", "cancel", "polling", "error", "reason", "message", "share", "docs", "document"),
    *("help", "support", "homepage", "website", "dashboard", "console", "billing", "license"),
    *("terms", "privacy", "pricing", "login", "signin", "schema", "modelurl", "logs"),
    *("account", "owner", "usage", "queryurl", "taskurl", "selfurl", "apiurl", "responseurl"),
)
_IN_NO_NAME = _PICTURES + _SENT_ALONG + _OTHER
_MADE_OF_PICTURES = re.compile(r"(?:image|img|photo|picture|text)s?(?:to|2)video")
_STRONG = (
    *("url", "uri", "href", "link", "src", "video", "mp4", "movie", "clip", "download", "media"),
    *("file", "asset", "result", "output", "resource", "artifact", "content", "data", "path"),
    *("generated", "generation", "creation", "play"),
)
_RESULT_OR_REASON = "failreason"  # [W] it holds the URL of what succeeded
_HOLDERS = ("result", "data", "outputs", "output", "videos", "video", "content", "taskresult")
_FIRST_CHOICES = ("url", "videourl", "video", "resulturl", "outputurl", "output", "result")
_LAST_CHOICES = re.compile(r"(?<!no)(?<!un)(?<!without)watermark|original|source|low|sd|stream")

_VIDEO = re.compile(r"\.(?:mp4|mov|webm|m4v|mkv)$", re.IGNORECASE)
_OTHER_MEDIA = re.compile(
    r"\.(?:jpe?g|png|webp|gif|bmp|svg|avif|heic|tiff?|ico|mp3|wav|aac|m4a|flac|ogg|opus|jsonl?"
    r"|html?|txt|srt|vtt|xml|pdf|zip|m3u8|mpd|md|csv|js|css)$",
    re.IGNORECASE,
)
_OF_OTHER_KIND = re.compile(
    r"(?:image|audio|thumbnail|cover|poster|preview|(?:first|last)[_-]?frame)(?:/.*|_url)?"
    r"|jpe?g|png|webp|gif|mp3",
    re.IGNORECASE,
)
_A_FRAME_OF_IT = re.compile(r"snapshot|vframe", re.IGNORECASE)
_STATUS_QUERY = re.compile(
    r"/v\d+/(?:[\w-]+/)*(?:videos|generations|characters_tasks|tasks|jobs)/[^/.]+/?$"
)
_ABSOLUTE = re.compile(r"https?://[^\s/?#]+\S*", re.IGNORECASE)
_BELOW_A_HOST = re.compile(r"//[^\s/?#]+\.[^\s/?#]+/\S+|/[^\s/]\S*")
_BELOW_THE_API = re.compile(
    r"(?:v\d+|videos?|files?|outputs?)/\S+|(?:\./)?[\w-]+/[^\s?#]*\.(?:mp4|mov|webm|m4v)(?:\?\S*)?",
    re.IGNORECASE,
)
_THUMBNAILS = (
    *("thumbnailurl", "thumbnail", "thumbnails", "thumburl", "thumb", "coverurl", "cover"),
    *("coverimageurl", "coverimage", "posterurl", "poster"),
)
_KINDS = ("type", "kind", "role", "mime", "mimetype", "contenttype", "mediatype", "format")


@dataclass(frozen=True)
class Output:
    """The URL of a result of a generation, valid for 24 hours."""

    url: str = field(repr=False)  # signed
    format: str | None = None
    thumbnail_url: str | None = field(default=None, repr=False)

    def below(self, root: str) -> "Output":
        """A copy with absolute URLs; see `absolute_url`."""
        thumbnail = absolute_url(self.thumbnail_url, root) if self.thumbnail_url else None
        return Output(absolute_url(self.url, root), self.format, thumbnail)


def read_outputs(task: Mapping[str, Any]) -> tuple[Output, ...]:
    """The results in a reply, in order and without duplicates.

    Images, echoed request fields, and other URLs of the API are not mistaken for videos.

    Args:
        task: The generation's object in the reply.

    Example:
        >>> [output.url for output in read_outputs({"output": ["https://cdn.example/a.mp4"]})]
        ['https://cdn.example/a.mp4']
    """
    return _Search().of_object(task, "", _Around()).outputs[:_MOST_OUTPUTS]


def absolute_url(url: str, root: str) -> str:
    """Make a URL of a reply absolute; [W] it may be relative to the API's root.

    Args:
        url: As sent in the reply.
        root: The API's root, without `/v1`.

    Example:
        >>> absolute_url("/v1/videos/video_1/content", "https://toapis.com")
        'https://toapis.com/v1/videos/video_1/content'
    """
    if _ABSOLUTE.fullmatch(url):
        return url
    parts = urlsplit(root)
    if url.startswith("//"):
        return f"{parts.scheme}:{url}"
    if parts.path and url.startswith(f"{parts.path}/"):
        return f"{parts.scheme}://{parts.netloc}{url}"
    if url.startswith("/"):
        return f"{root}{url}"
    return f"{root}/{'v1/' if url.startswith('videos/') else ''}{url}"


@dataclass(frozen=True)
class _Around:
    """The context of the values inside an object.

    Args:
        thumbnail: The thumbnail that applies to them.
        format: The format that applies to them.
        held: Whether they are inside a member that contains results.
        ours: Whether they may be echoed request fields, with arbitrary names.
        depth: Their nesting depth.
    """

    thumbnail: str | None = None
    format: str | None = None
    held: bool = False
    ours: bool = False
    depth: int = 0

    def inside(self, name: str) -> "_Around":
        """The context of a member."""
        return replace(
            self,
            held=self.held or name in _HOLDERS,
            ours=self.ours or name == "metadata",
            depth=self.depth + 1,
        )


@dataclass(frozen=True)
class _Found:
    """The results in a value.

    Args:
        outputs: In order.
        certain: Whether a name or a suffix says that they are videos.
    """

    outputs: tuple[Output, ...] = ()
    certain: bool = False

    @property
    def weight(self) -> tuple[bool, int]:
        return self.certain, len(self.outputs)


_NOTHING = _Found()


class _Search:
    """A bounded walk through a reply."""

    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def _of(self, value: Any, name: str, around: _Around) -> _Found:
        self._left -= 1
        if self._left < 0 or around.depth > _DEEPEST:
            return _NOTHING
        value = parsed(value)
        if isinstance(value, dict):
            return self.of_object(value, name, around)
        if isinstance(value, list):
            return self._of_items(value, name, around)
        return self._of_text(value, name, around)

    def of_object(self, holder: Mapping[str, Any], name: str, around: _Around) -> _Found:
        """The results of an object: those of its member with the most, or the first of equals."""
        kinds = [text_of(value) or "" for value in members(holder, _KINDS)]
        if name and any(map(_OF_OTHER_KIND.fullmatch, kinds)):
            return _NOTHING
        around = replace(
            around,
            thumbnail=_thumbnail(holder) or around.thumbnail,
            format=text_of(next(members(holder, ("format",)), None)) or around.format,
        )
        named = [(canonical(member), value) for member, value in holder.items()]
        if numbered := _numbered(named):
            return self._of_items(numbered, name or "videos", around)
        best = _NOTHING
        for member, value in sorted(named, key=lambda pair: _order(*pair)):
            if _is_no_result(member):
                continue
            found = self._of(value, member, around.inside(member))
            if found.weight > best.weight:
                best = found
        return best

    def _of_items(self, items: list[Any], name: str, around: _Around) -> _Found:
        inside = around.inside(name)
        every = [self._of(item, name, inside) for item in items[:_MOST_VALUES]]
        nonempty = [found for found in every if found.outputs]
        certain = any(found.certain for found in nonempty)
        by_url = {
            output.url: output
            for found in nonempty
            if found.certain == certain
            for output in found.outputs
        }
        return _Found(tuple(by_url.values()), certain)

    def _of_text(self, value: Any, name: str, around: _Around) -> _Found:
        if around.ours:  # [W] some give the result there, too
            strong = name in _FIRST_CHOICES or "video" in name
        else:
            strong = name == _RESULT_OR_REASON or any(part in name for part in _STRONG)
        url = _video_url(value, relative=strong)
        if url is None:
            return _NOTHING
        certain = strong or _VIDEO.search(_path(url)) is not None
        if not certain and not around.held:
            return _NOTHING
        return _Found((Output(url, around.format, around.thumbnail),), certain)


def _order(name: str, value: Any) -> tuple[int, int]:
    """The search order of an object's members: the first of equals is used."""
    if not isinstance(value, str):
        return (0, _HOLDERS.index(name)) if name in _HOLDERS else (2, 0)
    if name in _FIRST_CHOICES:
        return 1, _FIRST_CHOICES.index(name)
    relative = not _ABSOLUTE.match(value.strip())  # it may be a path on the provider's machine
    return 1, len(_FIRST_CHOICES) + bool(_LAST_CHOICES.search(name)) + 2 * relative


@remembered
def _is_no_result(name: str) -> bool:
    if name == _RESULT_OR_REASON:
        return False
    if name.startswith("ref"):
        return True
    bare = _MADE_OF_PICTURES.sub("video", name)
    other_media = "video" not in bare and any(part in bare for part in _SOUNDS)
    return other_media or any(part in bare for part in _IN_NO_NAME)


def _numbered(named: list[tuple[str, Any]]) -> list[Any]:
    """The members of an object that is a list in disguise: `video1` and `video2`, `0` and `1`."""
    stems: dict[str, list[Any]] = {}
    for name, value in named:
        if re.fullmatch(r"\D*\d", name) and not _is_no_result(name) and name not in {"mp4", "mp3"}:
            stems.setdefault(name[:-1], []).append(value)
    lists = [
        values
        for stem, values in stems.items()
        if len(values) > 1 and (not stem or any(part in stem for part in _STRONG))
    ]
    return max(lists, key=len, default=[])


def _thumbnail(holder: Mapping[str, Any]) -> str | None:
    """[A]: no source says in which field a thumbnail's URL comes back."""
    return next(_urls(members(holder, _THUMBNAILS)), None)


def _urls(values: Iterator[Any]) -> Iterator[str]:
    for value in values:
        for item in value if isinstance(value, list) else [value]:
            inner = (
                next(members(item, ("url", "uri", "src")), None) if isinstance(item, dict) else item
            )
            if (url := _url(inner, relative=True)) is not None:
                yield url


def _video_url(value: Any, *, relative: bool) -> str | None:
    url = _url(value, relative=relative)
    if url is None or _OTHER_MEDIA.search(path := _path(url)) or _STATUS_QUERY.search(path):
        return None
    return None if _A_FRAME_OF_IT.search(url.partition("?")[2]) else url


def _url(value: Any, *, relative: bool) -> str | None:
    """A value that is a URL as a whole; None for other values."""
    if not isinstance(value, str) or len(value) > _LONGEST_URL:
        return None
    url = value.strip()
    if not url.isprintable():
        return None
    if _ABSOLUTE.fullmatch(url):
        return url if _is_whole(url) else None
    if not relative:
        return None
    below = _BELOW_THE_API.fullmatch(url) and not url.lower().startswith(
        ("video/mp4", "video/webm")
    )
    return url if below or _BELOW_A_HOST.fullmatch(url) else None


def _is_whole(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _path(url: str) -> str:
    return url.partition("#")[0].partition("?")[0]
