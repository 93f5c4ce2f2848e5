"""Scenes whose videos are made from earlier ones: remixes and extensions."""

from collections.abc import Iterable

from prefect_toapis.client.plain_text import printable
from prefect_toapis.client.requests import (
    ExtendRequest,
    GenerationRequest,
    RemixRequest,
    VideoRequest,
)
from prefect_toapis.planning.spec import Scene

_OWN = {"size"}  # a field of models that such requests may have
_FIELDS_SHOWN = 200  # characters of a list of fields


def as_sent(scene: Scene, request: VideoRequest) -> GenerationRequest:
    """Return what is sent for a scene.

    Args:
        scene: May name the earlier video, by its task id.
        request: Of the scene and a variant together.

    Example:
        >>> scene = Scene(prompt="At night", remix_of="video_7497")
        >>> as_sent(scene, VideoRequest(prompt="At night", duration=10)).path
        '/v1/videos/video_7497/remix'
    """
    if scene.source is None:
        return request
    kind = _kind(scene)
    given = request.model_copy(update={"extra": {}}).given()
    given |= {name: request.extra[name] for name in _OWN & request.extra.keys()}
    fields = {name: given[name] for name in kind.model_fields if name in given}
    return kind.model_validate({**fields, "task_id": scene.source})


def derived_faults(
    scene: Scene, asked: Iterable[tuple[str, VideoRequest]]
) -> list[tuple[str, str]]:
    """Return what a scene asks of an earlier video that isn't possible, each with the variant.

    Args:
        scene: Names an earlier video.
        asked: The scene with each variant, by the variant's label.
    """
    faults: list[tuple[str, str]] = []
    if scene.remix_of is not None and scene.extends is not None:
        faults.append(("", "give either remix_of or extends, not both"))
    allowed = _kind(scene).model_fields.keys() - {"task_id", "operation"}
    for name, request in asked:
        own = request.extra.keys() - _OWN
        if others := (request.distinctive().keys() - allowed) | own:
            fields = printable(", ".join(sorted(others)), _FIELDS_SHOWN)
            what = "a remix" if scene.extends is None else "an extension"
            takes = f"it takes only {', '.join(sorted(allowed))}"
            faults.append((name, f"{fields}: not allowed in {what}; {takes}"))
    return faults


def _kind(scene: Scene) -> type[RemixRequest | ExtendRequest]:
    return RemixRequest if scene.remix_of is not None else ExtendRequest
