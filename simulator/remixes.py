"""Remixes ([D]): how the request for one is read."""

from typing import Any

from prefect_toapis.client.catalogue import Catalogue
from prefect_toapis.client.request_rules import check
from prefect_toapis.client.requests import VideoRequest
from prefect_toapis.simulator.refusals import Refusal
from prefect_toapis.simulator.wire import unknown_fields, video_request

_RATIOS = ("16:9", "9:16", "1:1")
_ALL = frozenset({"model", "prompt", "duration", "aspect_ratio"})
_FIELDS = {
    "sora-2": _ALL,
    "sora-2-pro": _ALL,
    "sora-2-vip": _ALL,
    "sora-2-official": frozenset({"model", "prompt"}),
}


def read_remix(body: dict[str, Any], catalogue: Catalogue) -> VideoRequest:
    """The request that a body holds.

    Args:
        body: The JSON of `POST /v1/videos/{task_id}/remix`.
        catalogue: Where the durations of the models are looked up.

    Raises:
        Refusal: `invalid_request`, naming the fields.
    """
    request = video_request({name: body[name] for name in _ALL & body.keys()})
    if request.model not in _FIELDS:
        raise Refusal("invalid_request", f"model: choose one of {', '.join(_FIELDS)}")
    # [A]: a remix takes the caller's own id as well.
    faults = unknown_fields(body, _FIELDS[request.model])
    if request.aspect_ratio not in {None, *_RATIOS}:
        faults.append(f"aspect_ratio: choose one of {', '.join(_RATIOS)}")
    # A remix may be square, which the catalogue's rules for a new video don't know.
    anywhere = request.model_copy(update={"aspect_ratio": None})
    faults += [str(fault) for fault in check(anywhere, catalogue)]
    if faults:
        raise Refusal("invalid_request", "; ".join(faults))
    return request
