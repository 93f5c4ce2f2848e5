"""A reply in the words of a dialect: from the documented JSON to the JSON that is spoken."""

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, cast

from prefect_toapis.simulator.dialects import DOCUMENTED, Place, Wording

_TIMES = ("created_at", "completed_at", "expires_at")
_NOTHING_FAILED: dict[str, dict[str, Any]] = {  # what stands in the place of a failure's text
    "error": {},
    "error text": {"error": ""},
    "fail_reason": {"fail_reason": ""},
    "message": {"message": ""},
    "error_message": {"error_message": None},
}


@dataclass(frozen=True)
class Surroundings:
    """What a wording may put beside the documented reply.

    Args:
        api_url: The API's base URL.
        business_id: The caller's own id, if given.
        content_paths: The path of each video at the API.
        pictures: The URL of a picture of each video.
        submitted: Whether this is the reply to the submission.
    """

    api_url: str
    business_id: str | None = None
    content_paths: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    submitted: bool = False


def speak(shown: dict[str, Any], wording: Wording, around: Surroundings) -> Any:
    """A documented reply, in another wording.

    Args:
        shown: The documented JSON.
        wording: How it is said.
        around: What may stand beside it.

    Returns:
        The very same for the documented wording.
    """
    if wording == DOCUMENTED:
        return shown
    said = dict(shown)
    said |= _identity(str(shown.get("id", "")), wording)
    said["status"] = wording.word(shown["status"])
    if wording.percent and "progress" in said:
        said["progress"] = f"{said['progress']}%"
    said |= _times(shown, wording)
    said |= _echo(said, wording, around)
    said |= _videos(said, wording, around)
    if wording.decoys:
        said |= _decoys(shown, around)
    said |= _failure(said, wording)
    return _wrapped(said, wording, around)


def _identity(task_id: str, wording: Wording) -> dict[str, Any]:
    if wording.ids == "beside":
        return {"object": "video", "id": f"gw-{task_id[-8:]}", "task_id": task_id}
    if wording.ids == "numeric" and task_id.isdecimal():
        return {"id": int(task_id)}
    return {}


def _times(shown: dict[str, Any], wording: Wording) -> dict[str, Any]:
    told = {name: shown[name] for name in _TIMES if isinstance(shown.get(name), int)}
    if wording.times == "zero":
        return {"expires_at": 0}
    if wording.times == "contradicting" and "completed_at" in told:
        completed = told["created_at"] - 3600
        return {"completed_at": completed, "expires_at": completed - 3600}
    return {name: _time(value, wording) for name, value in told.items()}


def _time(value: int, wording: Wording) -> Any:
    if wording.times == "negative":
        return -value
    if wording.times == "milliseconds":
        return value * 1000
    if wording.times == "iso":
        return datetime.fromtimestamp(value, timezone.utc).isoformat()
    return str(value) if wording.times == "text" else value


def _echo(said: dict[str, Any], wording: Wording, around: Surroundings) -> dict[str, Any]:
    rewritten = "client_business_id" in said  # by a fault, which is to show in every wording
    business_id = said.pop("client_business_id", around.business_id)
    if business_id is None or (wording.echo == "none" and not rewritten):
        return {}
    if wording.echo != "metadata":
        return {"client_business_id": business_id}
    return {"metadata": {**(said.get("metadata") or {}), "client_business_id": business_id}}


def _videos(said: dict[str, Any], wording: Wording, around: Surroundings) -> dict[str, Any]:
    result = said.get("result")
    if not isinstance(result, dict) or result.get("type") != "video":
        return {}  # a character's: no other form of it was met
    del said["result"]
    videos: list[dict[str, Any]] = result.get("data") or []
    if wording.files != "signed":
        root = "" if wording.files == "relative" else around.api_url
        urls = [root + path for path in around.content_paths]
        videos = [{**one, "url": url} for one, url in zip(videos, urls, strict=False)]
    members = placed(wording.place, videos)
    if "metadata" in members:
        members["metadata"] = {**(said.get("metadata") or {}), **members["metadata"]}
    characters = {"characters": result["characters"]} if "characters" in result else {}
    return members | characters


def placed(place: Place, videos: list[dict[str, Any]]) -> dict[str, Any]:
    """The members of a reply that hold its videos.

    Args:
        place: Where their URLs stand.
        videos: As documented: each has a `url`, and may have a `thumbnail_url`.

    Example:
        >>> placed("output.video_url", [{"url": "https://a.b/c.mp4", "format": "mp4"}])
        {'output': {'video_url': 'https://a.b/c.mp4'}}
    """
    urls = [video["url"] for video in videos]
    url = urls[0] if len(urls) == 1 else urls or None
    if place == "result.data[].url":
        return {"result": {"type": "video", "data": videos}}
    if place in {"result.data[].video_url", "result.data[].download_url"}:
        name = place.rpartition(".")[2]
        return {"result": {"type": "video", "data": [_renamed(video, name) for video in videos]}}
    if place == "result.data[].url[]":
        return {"result": {"data": [{**video, "url": [video["url"]]} for video in videos]}}
    if place == "result.videos[].url":
        return {"result": {"videos": videos}}
    if place == "data[].url":
        return {"data": videos}
    pictures = [video["thumbnail_url"] for video in videos if "thumbnail_url" in video]
    beside = {"thumbnail_url": pictures[0] if len(pictures) == 1 else pictures} if pictures else {}
    alone: dict[str, dict[str, Any]] = {
        "result.data{}": {"result": {"type": "video", "data": {"url": url}}},
        "result.data[]": {"result": {"type": "video", "data": urls}},
        "result.url": {"result": {"url": url}},
        "content.video_url": {"content": {"video_url": url}},
        "metadata.url": {"metadata": {"url": url}},
        "output.video_url": {"output": {"video_url": url}},
        "outputs[]": {"outputs": urls},
    }
    return alone.get(place, {place: url}) | beside


def _renamed(video: dict[str, Any], name: str) -> dict[str, Any]:
    return {name if member == "url" else member: value for member, value in video.items()}


def _decoys(shown: dict[str, Any], around: Surroundings) -> dict[str, Any]:
    """URLs other than videos: of the API, and of pictures once there are some."""
    task = f"{around.api_url}/v1/videos/generations/{shown.get('id')}"
    members: dict[str, Any] = {"urls": {"get": task, "cancel": f"{task}/cancel"}}
    if shown["status"] == "completed" and around.pictures:
        first = around.pictures[0]
        members |= {"cover": first, "last_frame_url": first, "poster": {"url": first}}
        members["input"] = {"image_urls": [first]}
    return members


def _failure(said: dict[str, Any], wording: Wording) -> dict[str, Any]:
    error = said.get("error")
    if not isinstance(error, dict):
        return dict(_NOTHING_FAILED[wording.reason])
    if wording.reason == "error":
        return {}
    del said["error"]
    message = cast("dict[str, Any]", error).get("message")
    return {"error" if wording.reason == "error text" else wording.reason: message}


def _wrapped(said: dict[str, Any], wording: Wording, around: Surroundings) -> Any:
    if wording.wrapper == "list" and around.submitted:
        return {"code": 200, "data": [said]}
    wrappers: dict[str, dict[str, Any]] = {
        "none": said,
        "code": {"code": "success", "message": "", "data": said},
        "number": {"code": 200, "msg": "ok", "data": said},
        "list": {"code": 200, "msg": "ok", "data": said},
        "success": {"success": True, "data": said},
        "data": {"data": said},
    }
    return wrappers[wording.wrapper]
