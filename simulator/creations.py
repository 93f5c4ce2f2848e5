"""The creation of characters ([D]): how a request for one is read."""

from dataclasses import dataclass, field
from typing import Any

from prefect_toapis.simulator.documented_models import CREATORS, DOCUMENTED
from prefect_toapis.simulator.field_rules import Link, Segment, Text
from prefect_toapis.simulator.model_rules import ABSENT, GIVEN, Forbidden, Model, read_fields
from prefect_toapis.simulator.refusals import Refusal

_DEFAULT_MODEL = "sora-2"
_EXACTLY_ONE = "give exactly one of url and from_task"
_CREATION = Model(
    {"timestamps": Segment(1, 3, required=True), "url": Link("video"), "from_task": Text()},
    rules=(
        Forbidden("url", _EXACTLY_ONE, {"url": GIVEN, "from_task": GIVEN}),
        Forbidden("url", _EXACTLY_ONE, {"url": ABSENT, "from_task": ABSENT}),
    ),
)


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
    model = body.get("model", _DEFAULT_MODEL)
    if not isinstance(model, str):
        raise Refusal("invalid_request", "model: it must be a string")
    if model in DOCUMENTED and model not in CREATORS:
        raise Refusal("invalid_request", f"model: choose one of {', '.join(CREATORS)}")
    _, faults = read_fields(model, _CREATION, body)
    if faults:
        raise Refusal("invalid_request", "; ".join(faults))
    return CharacterRequest(model, body.get("url"), body.get("from_task"))
