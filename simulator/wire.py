"""How a submission is read and a generation shown: the JSON of the published page ([P], [D])."""

from typing import Any

from pydantic import ValidationError

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.references import references_by_place
from prefect_toapis.client.request_rules import check, is_known
from prefect_toapis.client.requests import IN_METADATA, VideoRequest
from prefect_toapis.simulator.characters import Character
from prefect_toapis.simulator.generations import Generation
from prefect_toapis.simulator.media import Links
from prefect_toapis.simulator.refusals import Refusal

_AT_TOP = frozenset(VideoRequest.model_fields) - IN_METADATA - {"extra"}
_OURS_INSIDE = frozenset({"metadata", "client_business_id"})
_OURS = _OURS_INSIDE | {"callback_url"}


def business_id_of(body: dict[str, Any]) -> str | None:
    """The caller's own id, at the top level or inside `metadata` ([D]).

    Raises:
        Refusal: It isn't a string.
    """
    metadata = body.get("metadata")
    inside = metadata if isinstance(metadata, dict) else {}
    business_id = body.get("client_business_id", inside.get("client_business_id"))
    if business_id is not None and not isinstance(business_id, str):
        raise Refusal("invalid_request", "client_business_id: it must be a string")
    return business_id


def read_submission(body: dict[str, Any], catalogue: Catalogue) -> VideoRequest:
    """The request that a body holds.

    Args:
        body: The JSON of `POST /v1/videos/generations`.
        catalogue: The models whose rules are checked; any other model's request is accepted.

    Raises:
        Refusal: `invalid_request`, naming the fields.
    """
    metadata = body.get("metadata", {})
    if not isinstance(metadata, dict):
        raise Refusal("invalid_request", "metadata: it must be an object")
    fields = {name: body[name] for name in body if name in _AT_TOP}
    fields |= {name: metadata[name] for name in metadata if name in IN_METADATA}
    misplaced = [name for name in body if name in IN_METADATA]
    other = {name: body[name] for name in body if name not in _AT_TOP | IN_METADATA | _OURS}
    inside = {name: metadata[name] for name in metadata if name not in IN_METADATA | _OURS_INSIDE}
    other |= {f"metadata.{name}": value for name, value in inside.items()}
    request = video_request(fields | {"extra": other})
    faults = [str(fault) for fault in check(request, catalogue)]
    faults += [f"{place}: not a URL" for place, _ in references_by_place(request)]
    if is_known(request, catalogue):
        faults += [f"{name}: it belongs inside metadata" for name in misplaced]
    if faults:
        raise Refusal("invalid_request", "; ".join(faults))
    return request


def unknown_fields(body: dict[str, Any], known: frozenset[str]) -> list[str]:
    """What a body holds beside the known fields and the caller's own id, as faults."""
    metadata = body.get("metadata", {})
    if not isinstance(metadata, dict):
        return ["metadata: it must be an object"]
    names = [name for name in body if name not in known | _OURS]
    names += [f"metadata.{name}" for name in metadata if name not in _OURS_INSIDE]
    return [f"{name}: it has no such field" for name in names]


def video_request(fields: dict[str, Any]) -> VideoRequest:
    """The request of these fields.

    Raises:
        Refusal: `invalid_request`: a type is wrong, or the prompt is missing.
    """
    try:
        return VideoRequest.model_validate(fields, strict=True)
    except ValidationError as error:
        # The input isn't shown: it may be a signed URL.
        broken = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise Refusal("invalid_request", "; ".join(broken)) from None


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
    if status == "failed":
        message = "Content violates the content policy"
        shown["error"] = {"code": "generation_failed", "message": message}
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
