"""The creation of characters ([D]): how a request for one is read."""

from dataclasses import dataclass, field
from typing import Any

from prefect_toapis.client.field_faults import segment_seconds
from prefect_toapis.client.urls import why_not_public
from prefect_toapis.simulator.refusals import Refusal
from prefect_toapis.simulator.wire import unknown_fields

_FIELDS = frozenset({"model", "timestamps", "url", "from_task"})
_DEFAULT_MODEL = "sora-2"
_SHORTEST, _LONGEST = 1, 3  # seconds of the clip


@dataclass(frozen=True)
class CharacterRequest:
    """What a character is to be made from; exactly one of the sources is given.

    Args:
        model: The model.
        url: A clip.
        from_task: The id of a finished generation.
    """

    model: str
    url: str | None = field(repr=False)  # may be signed
    from_task: str | None


def is_creation(body: dict[str, Any]) -> bool:
    """Whether a submission's body asks for a character, not for a video.

    Example:
        >>> is_creation({"timestamps": "1,3", "from_task": "video_7497"})
        True
    """
    return "prompt" not in body and bool(body.keys() & {"timestamps", "url", "from_task"})


def read_creation(body: dict[str, Any]) -> CharacterRequest:
    """The request that a body holds.

    Args:
        body: The JSON of `POST /v1/videos/generations`, without a prompt.

    Raises:
        Refusal: `invalid_request`, naming the fields.
    """
    faults = unknown_fields(body, _FIELDS)
    faults += [
        f"{name}: it must be a string"
        for name in sorted(_FIELDS & body.keys())
        if not isinstance(body[name], str)
    ]
    if faults:
        raise Refusal("invalid_request", "; ".join(faults))
    faults = _timestamps_faults(body.get("timestamps")) + _source_faults(body)
    if faults:
        raise Refusal("invalid_request", "; ".join(faults))
    model = body.get("model", _DEFAULT_MODEL)
    return CharacterRequest(model, body.get("url"), body.get("from_task"))


def _timestamps_faults(timestamps: str | None) -> list[str]:
    if timestamps is None:
        return ["timestamps: give the part of the clip that shows the character"]
    segment = segment_seconds(timestamps)
    if segment is None:
        return ['timestamps: write it as "start,end" in seconds, for example "1,3"']
    apart = round(segment[1] - segment[0], 6)  # 2.3 - 0.3 is a little less than 2
    if not _SHORTEST <= apart <= _LONGEST:
        return [f"timestamps: start and end must be {_SHORTEST} to {_LONGEST} seconds apart"]
    return []


def _source_faults(body: dict[str, Any]) -> list[str]:
    if ("url" in body) == ("from_task" in body):
        return ["url: give exactly one of url and from_task"]
    why = why_not_public(body["url"]) if "url" in body else None
    return [f"url: {why}"] if why else []
