"""How a generation is shown: the JSON of the published page ([P], [D])."""

from typing import Any

from prefect_toapis.simulator.characters import Character
from prefect_toapis.simulator.generations import Generation
from prefect_toapis.simulator.media import Links


def show(generation: Generation, now: float, links: Links) -> dict[str, Any]:
    """The JSON of a generation at a time.

    Args:
        generation: What is shown.
        now: The time, in Unix seconds.
        links: Makes the URLs of its files.
    """
    status, progress = generation.state(now)
    shown: dict[str, Any] = {
        "id": generation.task_id,
        "object": "generation.task",
        "model": generation.order.model,
        "status": status,
        "progress": progress,
        "created_at": int(generation.created_at),
        "metadata": generation.metadata,
    }
    if status == "completed":
        shown["completed_at"] = int(generation.finished_at)
        if generation.order.clips:
            shown["expires_at"] = int(generation.expires_at)
        shown["result"] = _result(generation, now, links)
    if status == "failed" and generation.failure:
        failure = generation.failure
        shown["error"] = {"code": failure.code, "message": failure.message}
    return shown


def _result(generation: Generation, now: float, links: Links) -> dict[str, Any]:
    characters = [_character(character, links) for character in generation.characters]
    if generation.order.kind == "character":
        return {"type": "character", "data": {"characters": characters}}
    result = {"type": "video", "data": _videos(generation, now, links)}
    # [A]: nothing says where the characters of a video come back.
    return result | ({"characters": characters} if characters else {})


def _character(character: Character, links: Links) -> dict[str, Any]:
    return {
        "id": character.id,
        "display_name": character.display_name,
        "profile_picture_url": links.public(character.picture_path),
        "username": character.username,
    }


def _videos(generation: Generation, now: float, links: Links) -> list[dict[str, Any]]:
    videos = []
    for output in generation.ready(now):
        video = {"url": links.signed(output.video_path, generation.expires_at), "format": "mp4"}
        if generation.order.thumbnails:
            # [A]: nothing says in which field a thumbnail's URL comes back.
            url = links.signed(output.thumbnail_path, generation.expires_at)
            video["thumbnail_url"] = url
        videos.append(video)
    return videos
