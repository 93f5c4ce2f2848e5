"""How a submission is read and a generation shown: the JSON of the published page ([P], [D])."""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.requests import IN_METADATA, VideoRequest
from prefect_toapis.client.rules import check, is_known
from prefect_toapis.simulator.generations import Generation
from prefect_toapis.simulator.refusals import Refusal

_AT_TOP = frozenset(VideoRequest.model_fields) - IN_METADATA - {"extra"}
_OURS = frozenset({"metadata", "client_business_id"})


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
    inside = {name: metadata[name] for name in metadata if name not in IN_METADATA | _OURS}
    other |= {f"metadata.{name}": value for name, value in inside.items()}
    request = _request(fields | {"extra": other})
    faults = [str(fault) for fault in check(request, catalogue)]
    if is_known(request, catalogue):
        faults += [f"{name}: it belongs inside metadata" for name in misplaced]
    if faults:
        raise Refusal("invalid_request", "; ".join(faults))
    return request


def show(generation: Generation, now: float, url_of: Callable[[str], str]) -> dict[str, Any]:
    """The JSON of a generation at a time.

    Args:
        generation: What is shown.
        now: The time, in Unix seconds.
        url_of: Makes the signed URL of a file from its path.
    """
    status, progress = generation.state(now)
    shown: dict[str, Any] = {
        "id": generation.task_id,
        "object": "generation.task",
        "model": generation.request.model,
        "status": status,
        "progress": progress,
        "created_at": int(generation.created_at),
        "metadata": {"size": generation.size},
    }
    if status == "completed":
        shown["completed_at"] = int(generation.finished_at)
        shown["expires_at"] = int(generation.expires_at)
        shown["result"] = {"type": "video", "data": _results(generation, url_of)}
    if status == "failed":
        message = "Content violates the content policy"
        shown["error"] = {"code": "generation_failed", "message": message}
    return shown


def _request(fields: dict[str, Any]) -> VideoRequest:
    try:
        return VideoRequest.model_validate(fields, strict=True)
    except ValidationError as error:
        # The input isn't shown: it may be a signed URL.
        broken = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise Refusal("invalid_request", "; ".join(broken)) from None


def _results(generation: Generation, url_of: Callable[[str], str]) -> list[dict[str, Any]]:
    results = []
    for output in generation.outputs:
        result = {"url": url_of(output.video_path), "format": "mp4"}
        if generation.request.thumbnail:
            # [A]: nothing says in which field a thumbnail's URL comes back.
            result["thumbnail_url"] = url_of(output.thumbnail_path)
        results.append(result)
    return results
